"""TABLE: what the words of the house mean, as clients read it. Importing it makes the enums the schema's."""

from collections.abc import Mapping
from enum import StrEnum

import strawberry

from models import enums


def _show(words: type[StrEnum], description: str, values: Mapping[str, str] | None = None) -> None:
    strawberry.enum(words, description=description)
    for value in vars(words)["__strawberry_definition__"].values:
        value.description = (values or {}).get(value.name)


_show(
    enums.Role,
    "What a seat counts as.",
    {
        "PUBLIC": "Anyone, signed in or not.",
        "USER": "Any signed-in user.",
        "ADMIN": "The vendor's own staff: runs the programme and the portal.",
        "PARTNER": "Any member of a partner company; sees that company's rows.",
        "PARTNER_ADMIN": "The one partner admin of a partner company.",
        "CLIENT": "Any staff member of a client's account; sees that account's and client's rows.",
        "ACCOUNT_OWNER": "Owner of at least one account; on verbs, of the account concerned.",
        "CLIENT_PARTNER": "Any member of a client-partner company: the projects that they are on, and none of a "
        "partner's business verbs.",
        "CLIENT_PARTNER_ADMIN": "The one admin of a client-partner company.",
    },
)
_show(
    enums.Relation,
    "Whose row it must be.",
    {
        "ANY": "Anybody's that the viewer sees.",
        "OWN_COMPANY": "The viewer's own company's.",
        "OWN_SIDE": "The viewer's own side's.",
        "SELF": "The viewer's own.",
    },
)
_show(enums.Side, "The three sides of the portal.")
_show(
    enums.PartnerKind,
    "What a partner company does.",
    {
        "PARTNER": "Sells, sets up and supports on the client's behalf.",
        "CLIENT_PARTNER": "An intermediary (broker, agent) who works inside the customers' projects.",
    },
)
_show(enums.PartnerMemberRole, "A member's place in a partner company: exactly one is its admin.")
_show(
    enums.AccountStatus,
    "The life of an account.",
    {"SETTING_UP": "Its owner has not joined yet.", "ACTIVE": "In use.", "CANCELLED": "Given up by its owner."},
)
_show(enums.SecurityRole, "What a staff member may do in an account.")
_show(
    enums.Capability,
    "What somebody may do in an account. ACCOUNT_OWNER all; a partner with access all but the last five; MANAGER as a "
    "partner, and the activity history; STAFF the first two.",
    {"MANAGE_STAFF": "Invite, re-role and remove staff; only an owner makes an owner."},
)
_show(enums.UsageStatus, "Whether an account is in use.", {"ACTIVE": "A job in the last 7 days."})
_show(
    enums.RevenueShareReason,
    "Why a connection earns revenue share, or does not.",
    {
        "ELIGIBLE": "Connected earliest when the account reached 100 jobs, with a share agreed.",
        "WAITING_FOR_JOBS": "The account has under 100 jobs.",
        "CONNECTED_TOO_LATE": "Connected after the account had reached 100 jobs.",
        "ANOTHER_PARTNER_FIRST": "Somebody else was connected earlier when it did.",
        "NO_SHARE_AGREED": "Nothing else is in the way.",
        "DISCONNECTED": "Not connected any more.",
    },
)
_show(enums.ContactPurpose, "What a contact's details may be used for.")
_show(
    enums.PartnershipKind,
    "How a partnership began.",
    {
        "DIRECT": "Offered by the partner, accepted by the client.",
        "INTERMEDIARY": "A client-partner company brought into the client's projects by the vendor or the client "
        "itself.",
    },
)
_show(enums.ProjectStatus, "The life of a project.")
_show(
    enums.ProjectAction,
    "What the viewer may do in a project.",
    {
        "INVITE": "Bring a client partner's person in, by e-mail address.",
        "SHARE": "The same, for the client's own people.",
        "EDIT": "Change name, status and dates.",
        "MANAGE_MEMBERS": "Take people off it.",
        "POST": "Write, add action items, ask for approvals.",
        "UPLOAD": "Add files.",
        "RATE": "A rating is asked of the viewer.",
    },
)
_show(enums.ActionItemStatus, "Where an action item stands.")
_show(
    enums.FileStatus,
    "What became of an upload.",
    {
        "UPLOADING": "Its bytes are awaited.",
        "READY": "Downloadable: size and content are what was announced.",
        "REFUSED": "Its bytes were not what was announced, and are gone.",
    },
)
_show(enums.PartnershipStatus, "The life of a partnership. EXPIRED from the moment the offer's `expiresAt` has passed.")
_show(
    enums.PartnershipLabel,
    "The label on the tile: what the person looking at it needs to know first.",
    {"MODIFIED": "A modification is pending; both sides see it.", "OPEN": "Offered, and not answered yet."},
)
_show(
    enums.PartnershipAction,
    "What the viewer may do with a partnership.",
    {"EDIT": "Draft a modification.", "HIDE": "Take it off one's own home page."},
)
_show(
    enums.ContactLabel,
    "Where an assigned contact stands.",
    {
        "TO_BE_ADDED": "In this side's draft.",
        "OFFERED": "Submitted; the other side has not accepted yet.",
        "ASSIGNED": "Accepted by the other side.",
        "TO_BE_RELEASED": "In this side's draft; undone by taking it out of the draft.",
        "RELEASED": "Withdrawal submitted; still there until the other side accepts.",
    },
)
_show(
    enums.AccessStatus,
    "A partner's access to an account.",
    {
        "ENABLED": "The partner can open the account.",
        "EXPIRED": "60 days without the partner opening the account. Still connected; may be requested again.",
        "DISABLED": "Switched off by the client. Still connected: revenue share and status credits stay.",
        "DISCONNECTED": "Connection ended by either side. Only a new offer, accepted, connects again.",
    },
)
_show(
    enums.GrantAction,
    "What the viewer may do with a partner's access to an account.",
    {"REQUEST": "Ask to be let in again.", "DISCONNECT": "End the connection, through its preview."},
)
_show(enums.ProposalKind, "What is asked.")
_show(
    enums.ProposalStatus,
    "The life of everything that waits for a yes.",
    {
        "DRAFT": "Being prepared; only its own side sees it.",
        "PENDING": "Waits for the other side.",
        "PARTIALLY_ACCEPTED": "Some items accepted, some declined.",
        "WITHDRAWN": "Taken back by the side that made it.",
        "EXPIRED": "Nobody answered in time. Never counts as a yes, never blocks a new one.",
        "SUPERSEDED": "A counter-proposal or another partner's approved lead took its place.",
        "CANCELLED": "What it was about ended first.",
    },
)
_show(enums.ProposalAction, "What the viewer may do with a proposal.")
_show(
    enums.ModificationKind,
    "What an item of a modification changes.",
    {
        "ADD_CONTACT": "Lends one of the proposer's own contacts.",
        "RELEASE_CONTACT": "Takes back an assigned contact, of either side.",
        "ADD_ACCOUNT": "Connects the partner to another of the client's accounts.",
        "CHANGE_TERMS": "Changes one of the partnership's terms.",
    },
)
_show(enums.InviteKind, "What an invite brings its person into.")
_show(
    enums.UserErrorCode,
    "Why a mutation was refused.",
    {
        "NOT_FOUND": "Also for what the viewer may not see.",
        "WRONG_STATE": "The object is not in a state that allows this; read it again.",
        "CONFLICT": "Somebody changed it meanwhile; read it again.",
        "STALE_CONFIRMATION": "The consequences are not those that were confirmed; look at them again.",
    },
)
_show(
    enums.NoticeUrgency,
    "What a notice asks.",
    {
        "INFO": "Nothing.",
        "ACTION": "An answer to its proposal, or, where it has none, to be acknowledged.",
    },
)
_show(enums.NoticeChannel, "How notices reach somebody.", {"PORTAL": "In `notices`, live.", "EMAIL": "By e-mail."})
_show(
    enums.EndpointStatus,
    "Whether a webhook endpoint is sent anything.",
    {"PAUSED": "By its owner.", "DISABLED": "By the server, which says why."},
)
_show(
    enums.DeliveryStatus,
    "What became of a delivery.",
    {"DELIVERED": "Answered by a 2xx.", "FAILED": "Given up, after the last attempt or a 410."},
)
_show(enums.SignInMethod, "How somebody signed in.")
