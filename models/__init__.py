"""Rows and words. Imports nothing of ours but each other, child to parent."""

from tortoise import Model

from models.access_grant import AccessGrant, AccountSession
from models.account import Account, StaffMember
from models.client import Client
from models.contact import Contact
from models.directory import DirectoryListing, PartnerMessage
from models.event import Event, SignedHead, SigningKey, Stream
from models.idempotency import Idempotency
from models.link import Link
from models.mail import Mail
from models.notice import Notice, NoticePreference
from models.partner import Partner, PartnerMember
from models.partnership import AssignedContact, Partnership, PartnershipManager
from models.payment import Commission, Payment
from models.project import (
    ActionItem,
    Conversation,
    ConversationReading,
    Message,
    Project,
    ProjectFile,
    ProjectMember,
    ProjectPartner,
    ProjectTally,
    Rating,
    Widget,
)
from models.proposal import Proposal, ProposalItem
from models.rate_limit import RateLimit
from models.seat import Seat, Session
from models.user import User
from models.webhook import WebhookDelivery, WebhookEndpoint

__all__ = [
    "TABLES",
    "AccessGrant",
    "Account",
    "AccountSession",
    "ActionItem",
    "AssignedContact",
    "Client",
    "Commission",
    "Contact",
    "Conversation",
    "ConversationReading",
    "DirectoryListing",
    "Event",
    "Idempotency",
    "Link",
    "Mail",
    "Message",
    "Notice",
    "NoticePreference",
    "Partner",
    "PartnerMember",
    "PartnerMessage",
    "Partnership",
    "PartnershipManager",
    "Payment",
    "Project",
    "ProjectFile",
    "ProjectMember",
    "ProjectPartner",
    "ProjectTally",
    "Proposal",
    "ProposalItem",
    "RateLimit",
    "Rating",
    "Seat",
    "Session",
    "SignedHead",
    "SigningKey",
    "StaffMember",
    "Stream",
    "User",
    "WebhookDelivery",
    "WebhookEndpoint",
    "Widget",
]

TABLES: tuple[type[Model], ...] = (
    User,
    Client,
    Partner,
    PartnerMember,
    Account,
    StaffMember,
    Contact,
    Seat,
    Session,
    Partnership,
    AccessGrant,
    Project,
    ProjectPartner,
    ProjectMember,
    ProjectTally,
    ActionItem,
    Conversation,
    Message,
    ConversationReading,
    ProjectFile,
    Widget,
    Rating,
    Proposal,
    ProposalItem,
    AssignedContact,
    PartnershipManager,
    AccountSession,
    Payment,
    Commission,
    DirectoryListing,
    PartnerMessage,
    Stream,
    Event,
    SignedHead,
    SigningKey,
    Link,
    Mail,
    Notice,
    NoticePreference,
    WebhookEndpoint,
    WebhookDelivery,
    Idempotency,
    RateLimit,
)
"""Every table, each behind those that it points at (but for a partnership's offer, which is set later)."""

for table in TABLES:
    # Tortoise would write docstrings into the schema, and want a migration whenever one is reworded.
    table._meta.table_description = ""
