"""The words of the house. A member's value is what the database keeps and what clients read."""

from enum import StrEnum


class Side(StrEnum):
    PARTNER = "PARTNER"
    CLIENT = "CLIENT"
    VENDOR = "VENDOR"


class Role(StrEnum):
    """What a seat counts as."""

    PUBLIC = "PUBLIC"
    USER = "USER"
    ADMIN = "ADMIN"
    PARTNER = "PARTNER"
    PARTNER_ADMIN = "PARTNER_ADMIN"
    CLIENT = "CLIENT"
    ACCOUNT_OWNER = "ACCOUNT_OWNER"
    CLIENT_PARTNER = "CLIENT_PARTNER"
    CLIENT_PARTNER_ADMIN = "CLIENT_PARTNER_ADMIN"


class Relation(StrEnum):
    """Whose rows a narrower field is shown on."""

    ANY = "ANY"
    OWN_COMPANY = "OWN_COMPANY"
    OWN_SIDE = "OWN_SIDE"
    SELF = "SELF"


# ── companies and people ──


class PartnerKind(StrEnum):
    PARTNER = "PARTNER"
    CLIENT_PARTNER = "CLIENT_PARTNER"


class PartnerMemberRole(StrEnum):
    ADMIN = "ADMIN"
    COLLABORATOR = "COLLABORATOR"


class AccountStatus(StrEnum):
    SETTING_UP = "SETTING_UP"
    ACTIVE = "ACTIVE"
    CANCELLED = "CANCELLED"


class UsageStatus(StrEnum):
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"


class SecurityRole(StrEnum):
    ACCOUNT_OWNER = "ACCOUNT_OWNER"
    MANAGER = "MANAGER"
    STAFF = "STAFF"


class Capability(StrEnum):
    """What somebody may do in an account (mission 1.7)."""

    VIEW_ACCOUNT = "VIEW_ACCOUNT"
    MANAGE_PROJECTS = "MANAGE_PROJECTS"
    MANAGE_CONTACTS = "MANAGE_CONTACTS"
    MANAGE_STAFF = "MANAGE_STAFF"
    ACCEPT_PARTNER_INVITES = "ACCEPT_PARTNER_INVITES"
    CHANGE_OWNER = "CHANGE_OWNER"
    VIEW_ACTIVITY_HISTORY = "VIEW_ACTIVITY_HISTORY"
    CHANGE_SUBSCRIPTION = "CHANGE_SUBSCRIPTION"
    CANCEL_ACCOUNT = "CANCEL_ACCOUNT"


class ContactPurpose(StrEnum):
    CARE_PLAN_REPORT = "CARE_PLAN_REPORT"
    SUPPORT = "SUPPORT"
    EMERGENCY = "EMERGENCY"
    BULK_UPDATE = "BULK_UPDATE"


class Missing(StrEnum):
    """What a contact or care plan lacks for its purposes."""

    NAME = "NAME"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    REPORT_RECIPIENT = "REPORT_RECIPIENT"
    REPORT_RECIPIENT_EMAIL = "REPORT_RECIPIENT_EMAIL"
    EMERGENCY_CONTACT = "EMERGENCY_CONTACT"
    EMERGENCY_PHONE = "EMERGENCY_PHONE"


# ── partnerships and access ──


class PartnershipKind(StrEnum):
    DIRECT = "DIRECT"
    INTERMEDIARY = "INTERMEDIARY"


class PartnershipStatus(StrEnum):
    OFFERED = "OFFERED"
    ACTIVE = "ACTIVE"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"
    ENDED = "ENDED"


class PartnershipLabel(StrEnum):
    OPEN = "OPEN"
    ACTIVE = "ACTIVE"
    MODIFIED = "MODIFIED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"
    ENDED = "ENDED"


class PartnershipAction(StrEnum):
    EDIT = "EDIT"
    MANAGE_TEAM = "MANAGE_TEAM"
    END = "END"
    HIDE = "HIDE"


class ContactLabel(StrEnum):
    TO_BE_ADDED = "TO_BE_ADDED"
    OFFERED = "OFFERED"
    ASSIGNED = "ASSIGNED"
    TO_BE_RELEASED = "TO_BE_RELEASED"
    RELEASED = "RELEASED"


class AccessStatus(StrEnum):
    ENABLED = "ENABLED"
    EXPIRED = "EXPIRED"
    DISABLED = "DISABLED"
    DISCONNECTED = "DISCONNECTED"


class GrantAction(StrEnum):
    OPEN = "OPEN"
    REQUEST = "REQUEST"
    ENABLE = "ENABLE"
    DISABLE = "DISABLE"
    DISCONNECT = "DISCONNECT"


class RevenueShareReason(StrEnum):
    """Whether a connection earns revenue share, and why not (mission 1.10)."""

    ELIGIBLE = "ELIGIBLE"
    WAITING_FOR_JOBS = "WAITING_FOR_JOBS"
    CONNECTED_TOO_LATE = "CONNECTED_TOO_LATE"
    ANOTHER_PARTNER_FIRST = "ANOTHER_PARTNER_FIRST"
    NO_SHARE_AGREED = "NO_SHARE_AGREED"
    DISCONNECTED = "DISCONNECTED"


# ── proposals ──


class ProposalKind(StrEnum):
    PARTNERSHIP_OFFER = "PARTNERSHIP_OFFER"
    MODIFICATION = "MODIFICATION"
    ACCESS_REQUEST = "ACCESS_REQUEST"
    INVITE = "INVITE"
    PROJECT_APPROVAL = "PROJECT_APPROVAL"


class ProposalStatus(StrEnum):
    DRAFT = "DRAFT"
    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    PARTIALLY_ACCEPTED = "PARTIALLY_ACCEPTED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"
    SUPERSEDED = "SUPERSEDED"
    CANCELLED = "CANCELLED"


class ProposalAction(StrEnum):
    SUBMIT = "SUBMIT"
    ACCEPT = "ACCEPT"
    DECLINE = "DECLINE"
    WITHDRAW = "WITHDRAW"
    COUNTER = "COUNTER"
    REMIND = "REMIND"


class ModificationKind(StrEnum):
    ADD_CONTACT = "ADD_CONTACT"
    RELEASE_CONTACT = "RELEASE_CONTACT"
    ADD_ACCOUNT = "ADD_ACCOUNT"
    CHANGE_TERMS = "CHANGE_TERMS"


class InviteKind(StrEnum):
    PARTNERSHIP = "PARTNERSHIP"
    PARTNER_ADMIN = "PARTNER_ADMIN"
    PARTNER_MEMBER = "PARTNER_MEMBER"
    PROJECT = "PROJECT"
    STAFF = "STAFF"
    ACCOUNT_OWNER = "ACCOUNT_OWNER"


# ── projects ──


class ProjectStatus(StrEnum):
    PLANNED = "PLANNED"
    ACTIVE = "ACTIVE"
    ON_HOLD = "ON_HOLD"
    DONE = "DONE"


class ProjectAction(StrEnum):
    INVITE = "INVITE"
    SHARE = "SHARE"
    EDIT = "EDIT"
    MANAGE_MEMBERS = "MANAGE_MEMBERS"
    POST = "POST"
    UPLOAD = "UPLOAD"
    RATE = "RATE"


class ActionItemStatus(StrEnum):
    OPEN = "OPEN"
    DONE = "DONE"
    CANCELLED = "CANCELLED"


class FileStatus(StrEnum):
    UPLOADING = "UPLOADING"
    READY = "READY"
    REFUSED = "REFUSED"


# ── signing in ──


class SignInMethod(StrEnum):
    PASSWORD = "PASSWORD"  # noqa: S105  a word, not a secret
    LINK = "LINK"
    INVITE = "INVITE"


class LinkPurpose(StrEnum):
    """What an e-mailed link is good for; it is good for nothing else."""

    SIGN_IN = "SIGN_IN"
    INVITE = "INVITE"


# ── events and mail ──


class Audience(StrEnum):
    """Which sides of a stream may read an event. The vendor reads all but what is a side's alone."""

    BOTH = "BOTH"
    PARTNER = "PARTNER"
    CLIENT = "CLIENT"
    VENDOR = "VENDOR"
    PARTNER_ALONE = "PARTNER_ALONE"
    CLIENT_ALONE = "CLIENT_ALONE"


class NoticeUrgency(StrEnum):
    INFO = "INFO"
    ACTION = "ACTION"


class NoticeChannel(StrEnum):
    PORTAL = "PORTAL"
    EMAIL = "EMAIL"


class EndpointStatus(StrEnum):
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    DISABLED = "DISABLED"


class DeliveryStatus(StrEnum):
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


class MailStatus(StrEnum):
    QUEUED = "QUEUED"
    SENT = "SENT"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


# ── refusals ──


class UserErrorCode(StrEnum):
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    INVALID = "INVALID"
    TAKEN = "TAKEN"
    WRONG_STATE = "WRONG_STATE"
    CONFLICT = "CONFLICT"
    EXPIRED = "EXPIRED"
    REASON_REQUIRED = "REASON_REQUIRED"
    NO_CHANGES = "NO_CHANGES"
    SELF_PARTNERSHIP = "SELF_PARTNERSHIP"
    ALREADY_PARTNERS = "ALREADY_PARTNERS"
    ALREADY_PROPOSED = "ALREADY_PROPOSED"
    LICENCES_USED_UP = "LICENCES_USED_UP"
    DOMAIN_MISMATCH = "DOMAIN_MISMATCH"
    ADMIN_EXISTS = "ADMIN_EXISTS"
    COMPANY_NOT_INVITED = "COMPANY_NOT_INVITED"
    NOT_CONNECTED = "NOT_CONNECTED"
    ACCESS_EXPIRED = "ACCESS_EXPIRED"
    ACCESS_DISABLED = "ACCESS_DISABLED"
    CAPABILITY_DENIED = "CAPABILITY_DENIED"
    INCOMPLETE_CONTACTS = "INCOMPLETE_CONTACTS"
    PURPOSE_NOT_GRANTED = "PURPOSE_NOT_GRANTED"
    APPROVAL_MISSING = "APPROVAL_MISSING"
    STALE_CONFIRMATION = "STALE_CONFIRMATION"
    RATE_LIMITED = "RATE_LIMITED"


class ErrorCode(StrEnum):
    """Why a request or a field was refused: `extensions.code` of a top-level error."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    INVALID = "INVALID"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    RESYNC = "RESYNC"
    ACCESS_ENDED = "ACCESS_ENDED"
    SESSION_ENDED = "SESSION_ENDED"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    INTERNAL = "INTERNAL"
