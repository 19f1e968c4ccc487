"""TABLE: what may follow what, who may do it, and which event it announces.

Verbs, `viewerCan`, the README's diagrams and the list of topics are read from here, so that none can disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Generic, TypeVar

from domain.policy import ALLOWED, Permission
from models.enums import (
    AccessStatus,
    GrantAction,
    PartnershipAction,
    PartnershipKind,
    PartnershipStatus,
    ProjectAction,
    ProposalAction,
    ProposalKind,
    ProposalStatus,
    Role,
    Side,
)

STATUS = TypeVar("STATUS", ProposalStatus, PartnershipStatus, AccessStatus)
ACTION = TypeVar("ACTION", ProposalAction, PartnershipAction, GrantAction)


class Party(StrEnum):
    """Who makes a move."""

    ASKING = "the side that asks"
    ASKED = "the side that is asked"
    HOLDER = "whoever holds the e-mailed link"
    TIME = "time"
    CAUSE = "the end of what it was about"
    SIDE = "either side"
    PARTNER = "the partner"
    OWNER = "the account's owner"
    EITHER = "the partner or the account's owner"
    ANYBODY = "either side or the vendor"


@dataclass(frozen=True, slots=True)
class Move(Generic[STATUS, ACTION]):
    """One row: a verb, the states that it starts from and the one that it leads to.

    Without a source it makes the row. `permission` is null where no seat does it. `topic` is null where the event of
    another row tells it. `action` is null where no button of the portal does it.
    """

    verb: str
    sources: frozenset[STATUS]
    target: STATUS
    party: Party
    permission: Permission | None
    topic: str | None
    action: ACTION | None = None


ProposalMove = Move[ProposalStatus, ProposalAction]
PartnershipMove = Move[PartnershipStatus, PartnershipAction]
GrantMove = Move[AccessStatus, GrantAction]

_NONE: Final[frozenset[ProposalStatus]] = frozenset()
_PENDING: Final = frozenset({ProposalStatus.PENDING})
_DRAFT: Final = frozenset({ProposalStatus.DRAFT})
_NO_PARTNERSHIP: Final[frozenset[PartnershipStatus]] = frozenset()
_OFFERED: Final = frozenset({PartnershipStatus.OFFERED})
_ACTIVE: Final = frozenset({PartnershipStatus.ACTIVE})

_NO_GRANT: Final[frozenset[AccessStatus]] = frozenset()
_NOBODY: Final[frozenset[Role]] = frozenset()
_ADMINS: Final = frozenset({Role.PARTNER_ADMIN, Role.CLIENT_PARTNER_ADMIN})
_OPEN: Final = frozenset({AccessStatus.ENABLED})
_SHUT: Final = frozenset({AccessStatus.EXPIRED, AccessStatus.DISABLED})

_P, _S, _A, _T, _X = Permission, ProposalStatus, ProposalAction, PartnershipStatus, PartnershipAction
_G, _V = AccessStatus, GrantAction

PROPOSAL: Final[Mapping[ProposalKind, tuple[ProposalMove, ...]]] = {
    ProposalKind.PARTNERSHIP_OFFER: (
        Move("offer", _NONE, _S.PENDING, Party.ASKING, _P.PARTNERSHIP_OFFER, "partnership.offered"),
        Move("accept", _PENDING, _S.ACCEPTED, Party.ASKED, _P.OFFER_ACCEPT, "partnership.accepted", _A.ACCEPT),
        Move("decline", _PENDING, _S.DECLINED, Party.ASKED, _P.OFFER_DECLINE, "partnership.declined", _A.DECLINE),
        Move("withdraw", _PENDING, _S.WITHDRAWN, Party.ASKING, _P.OFFER_WITHDRAW, "partnership.withdrawn", _A.WITHDRAW),
        Move("remind", _PENDING, _S.PENDING, Party.ASKING, _P.OFFER_REMIND, "partnership.reminded", _A.REMIND),
        Move("expire", _PENDING, _S.EXPIRED, Party.TIME, None, "partnership.expired"),
    ),
    ProposalKind.MODIFICATION: (
        Move("draft", _NONE, _S.DRAFT, Party.ASKING, _P.MODIFICATION_DRAFT, "partnership.modification.drafted"),
        Move("draft", _DRAFT, _S.DRAFT, Party.ASKING, _P.MODIFICATION_DRAFT, "partnership.modification.drafted"),
        Move(
            "submit",
            _DRAFT,
            _S.PENDING,
            Party.ASKING,
            _P.MODIFICATION_SUBMIT,
            "partnership.modification.submitted",
            _A.SUBMIT,
        ),
        Move(
            "accept",
            _PENDING,
            _S.ACCEPTED,
            Party.ASKED,
            _P.MODIFICATION_ACCEPT,
            "partnership.modification.accepted",
            _A.ACCEPT,
        ),
        Move(
            "accept_in_part",
            _PENDING,
            _S.PARTIALLY_ACCEPTED,
            Party.ASKED,
            _P.MODIFICATION_ACCEPT,
            "partnership.modification.accepted",
        ),
        Move(
            "decline",
            _PENDING,
            _S.DECLINED,
            Party.ASKED,
            _P.MODIFICATION_DECLINE,
            "partnership.modification.declined",
            _A.DECLINE,
        ),
        # The one that is countered; the one that counters it takes its place, and is told of by the same event.
        Move("counter", _PENDING, _S.SUPERSEDED, Party.ASKED, _P.MODIFICATION_COUNTER, None, _A.COUNTER),
        Move("replace", _NONE, _S.PENDING, Party.ASKING, _P.MODIFICATION_COUNTER, "partnership.modification.countered"),
        Move(
            "withdraw",
            _PENDING,
            _S.WITHDRAWN,
            Party.ASKING,
            _P.MODIFICATION_WITHDRAW,
            "partnership.modification.withdrawn",
            _A.WITHDRAW,
        ),
        Move(
            "remind",
            _PENDING,
            _S.PENDING,
            Party.ASKING,
            _P.MODIFICATION_REMIND,
            "partnership.modification.reminded",
            _A.REMIND,
        ),
        Move("expire", _PENDING, _S.EXPIRED, Party.TIME, None, "partnership.modification.expired"),
        Move("cancel", _DRAFT | _PENDING, _S.CANCELLED, Party.CAUSE, None, None),
    ),
    # Approved, it is the access that is told of.
    ProposalKind.ACCESS_REQUEST: (
        Move("request", _NONE, _S.PENDING, Party.ASKING, _P.GRANT_REQUEST, "grant.requested"),
        Move("accept", _PENDING, _S.ACCEPTED, Party.ASKED, _P.REQUEST_ACCEPT, "grant.enabled", _A.ACCEPT),
        Move("decline", _PENDING, _S.DECLINED, Party.ASKED, _P.REQUEST_DECLINE, "grant.request.declined", _A.DECLINE),
        Move(
            "withdraw",
            _PENDING,
            _S.WITHDRAWN,
            Party.ASKING,
            _P.REQUEST_WITHDRAW,
            "grant.request.withdrawn",
            _A.WITHDRAW,
        ),
        Move("remind", _PENDING, _S.PENDING, Party.ASKING, _P.REQUEST_REMIND, "grant.request.reminded", _A.REMIND),
        Move("expire", _PENDING, _S.EXPIRED, Party.TIME, None, "grant.request.expired"),
        Move("cancel", _PENDING, _S.CANCELLED, Party.CAUSE, None, None),
    ),
    ProposalKind.INVITE: (
        Move("send", _NONE, _S.PENDING, Party.ASKING, None, "invite.sent"),
        # To a client partner's admin, who is asked with its first project (mission 3.1).
        Move("prepare", _NONE, _S.DRAFT, Party.ASKING, None, None),
        Move("send", _DRAFT, _S.PENDING, Party.ASKING, None, "invite.sent"),
        Move("accept", _PENDING, _S.ACCEPTED, Party.HOLDER, _P.INVITE_ACCEPT, "invite.accepted"),
        Move("decline", _PENDING, _S.DECLINED, Party.HOLDER, _P.INVITE_DECLINE, "invite.declined"),
        Move("withdraw", _PENDING, _S.WITHDRAWN, Party.ASKING, _P.INVITE_WITHDRAW, "invite.withdrawn", _A.WITHDRAW),
        Move("remind", _PENDING, _S.PENDING, Party.ASKING, _P.INVITE_REMIND, "invite.reminded", _A.REMIND),
        Move("expire", _PENDING, _S.EXPIRED, Party.TIME, None, "invite.expired"),
        Move("cancel", _PENDING, _S.CANCELLED, Party.CAUSE, None, None),
    ),
    ProposalKind.PROJECT_APPROVAL: (
        Move("request", _NONE, _S.PENDING, Party.ASKING, _P.APPROVAL_REQUEST, "approval.requested"),
        Move("accept", _PENDING, _S.ACCEPTED, Party.ASKED, _P.APPROVAL_ACCEPT, "approval.accepted", _A.ACCEPT),
        Move("decline", _PENDING, _S.DECLINED, Party.ASKED, _P.APPROVAL_DECLINE, "approval.declined", _A.DECLINE),
        Move("withdraw", _PENDING, _S.WITHDRAWN, Party.ASKING, _P.APPROVAL_WITHDRAW, "approval.withdrawn", _A.WITHDRAW),
        Move("remind", _PENDING, _S.PENDING, Party.ASKING, _P.APPROVAL_REMIND, "approval.reminded", _A.REMIND),
        Move("expire", _PENDING, _S.EXPIRED, Party.TIME, None, "approval.expired"),
        Move("cancel", _PENDING, _S.CANCELLED, Party.CAUSE, None, None),
    ),
}

PARTNERSHIP: Final[tuple[PartnershipMove, ...]] = (
    Move("offer", _NO_PARTNERSHIP, _T.OFFERED, Party.ASKING, _P.PARTNERSHIP_OFFER, "partnership.offered"),
    Move("accept", _OFFERED, _T.ACTIVE, Party.ASKED, _P.OFFER_ACCEPT, "partnership.accepted"),
    Move("decline", _OFFERED, _T.DECLINED, Party.ASKED, _P.OFFER_DECLINE, "partnership.declined"),
    Move("withdraw", _OFFERED, _T.WITHDRAWN, Party.ASKING, _P.OFFER_WITHDRAW, "partnership.withdrawn"),
    Move("expire", _OFFERED, _T.EXPIRED, Party.TIME, None, "partnership.expired"),
    Move("modify", _ACTIVE, _T.ACTIVE, Party.SIDE, _P.MODIFICATION_DRAFT, None, _X.EDIT),
    Move("manage", _ACTIVE, _T.ACTIVE, Party.SIDE, _P.MANAGERS_ADD, "managers.added", _X.MANAGE_TEAM),
    Move("end", _ACTIVE, _T.ENDED, Party.ANYBODY, _P.PARTNERSHIP_END, "partnership.ended", _X.END),
    *(
        Move("hide", frozenset({status}), status, Party.SIDE, _P.PARTNERSHIP_HIDE, "partnership.hidden", _X.HIDE)
        for status in (_T.ENDED, _T.DECLINED, _T.WITHDRAWN, _T.EXPIRED)
    ),
)

# TABLE: what is done in a partnership of a kind: a client partner's begins and ends with its projects.
OF_KIND: Final[Mapping[PartnershipKind, frozenset[str]]] = {
    PartnershipKind.DIRECT: frozenset(move.verb for move in PARTNERSHIP),
    PartnershipKind.INTERMEDIARY: frozenset({"end", "hide"}),
}

GRANT: Final[tuple[GrantMove, ...]] = (
    Move("connect", _NO_GRANT, _G.ENABLED, Party.CAUSE, None, "grant.connected"),
    Move("open", _OPEN, _G.ENABLED, Party.PARTNER, _P.ACCOUNT_OPEN, "grant.opened", _V.OPEN),
    *(
        Move("request", frozenset({status}), status, Party.PARTNER, _P.GRANT_REQUEST, "grant.requested", _V.REQUEST)
        for status in (_G.EXPIRED, _G.DISABLED)
    ),
    Move("enable", _SHUT, _G.ENABLED, Party.OWNER, _P.GRANT_ENABLE, "grant.enabled", _V.ENABLE),
    Move(
        "disable",
        frozenset({_G.ENABLED, _G.EXPIRED}),
        _G.DISABLED,
        Party.OWNER,
        _P.GRANT_DISABLE,
        "grant.disabled",
        _V.DISABLE,
    ),
    Move(
        "disconnect",
        _OPEN | _SHUT,
        _G.DISCONNECTED,
        Party.EITHER,
        _P.GRANT_DISCONNECT,
        "grant.disconnected",
        _V.DISCONNECT,
    ),
    Move("expire", _OPEN, _G.EXPIRED, Party.TIME, None, "grant.expired"),
)


def proposal_status(status: ProposalStatus, expires_at: datetime | None, at: datetime) -> ProposalStatus:
    """Tell what time makes of a stored status, as `policy.PROPOSAL_STATUS` does in SQL (mission 5.1a)."""
    if status is ProposalStatus.PENDING and expires_at is not None and expires_at <= at:
        return ProposalStatus.EXPIRED
    return status


def grant_status(status: AccessStatus, expires_at: datetime | None, at: datetime) -> AccessStatus:
    """Tell what time makes of a stored status, as `policy.GRANT_STATUS` does in SQL (mission 5.1a)."""
    if status is AccessStatus.ENABLED and expires_at is not None and expires_at <= at:
        return AccessStatus.EXPIRED
    return status


def proposal_move(kind: ProposalKind, verb: str) -> ProposalMove | None:
    """Find a kind's row; null: no such move, for anybody."""
    return next((move for move in PROPOSAL.get(kind, ()) if move.verb == verb), None)


def partnership_move(verb: str) -> PartnershipMove:
    """Find the row of a partnership's verb."""
    return next(move for move in PARTNERSHIP if move.verb == verb)


def is_own_side(
    company: str | None,
    from_partner: str | None,
    from_client: str | None,
    *,
    into: str | None = None,
    roles: frozenset[Role] = _NOBODY,
) -> bool:
    """Whether a seat's company asks; null is the vendor, whose proposals come from no company.

    `into`: the partner company that an invite brings somebody into, null where it is no such invite. Whoever sent it,
    it takes one of that company's licences: its admin looks after it as well as the vendor, and nobody else there.
    """
    if into is not None and company in {None, into}:
        return company is None or not roles.isdisjoint(_ADMINS)
    return company == (from_partner or from_client)


def is_other_side(company: str | None, to_partner: str | None, to_client: str | None) -> bool:
    """Whether a seat's company is asked. The vendor never is, nor anybody while an e-mail address is."""
    return company is not None and company == (to_partner or to_client)


def may(
    move: ProposalMove | PartnershipMove, *, is_own_side: bool, is_other_side: bool, roles: frozenset[Role]
) -> bool:
    """Whether a seat may make a move in the states that it starts from.

    `is_own_side`: the seat's company asks. `is_other_side`: the seat's company is asked.
    """
    is_party = {Party.ASKING: is_own_side, Party.ASKED: is_other_side}.get(move.party, False)
    return is_party and move.permission is not None and not roles.isdisjoint(ALLOWED[move.permission])


def proposal_actions(
    kind: ProposalKind, status: ProposalStatus, *, is_own_side: bool, is_other_side: bool, roles: frozenset[Role]
) -> list[ProposalAction]:
    """List what a seat may do with a proposal that it sees; `status` as time has made it."""
    return [
        move.action
        for move in PROPOSAL.get(kind, ())
        if move.action is not None
        and status in move.sources
        and may(move, is_own_side=is_own_side, is_other_side=is_other_side, roles=roles)
    ]


def partnership_actions(
    kind: PartnershipKind, status: PartnershipStatus, *, roles: frozenset[Role]
) -> list[PartnershipAction]:
    """List what a seat may do with a partnership that it sees, as one of its sides or as the vendor.

    `status` as time has made it.
    """
    return [
        move.action
        for move in PARTNERSHIP
        if move.action is not None
        and move.verb in OF_KIND[kind]
        and status in move.sources
        and move.permission is not None
        and not roles.isdisjoint(ALLOWED[move.permission])
    ]


def grant_actions(
    status: AccessStatus, *, is_partner: bool, is_owner: bool, roles: frozenset[Role]
) -> list[GrantAction]:
    """List what a seat may do with an access that it sees; `status` as time has made it.

    `is_partner`: the seat is the partner's. `is_owner`: it owns the account.
    """
    parties = {Party.PARTNER: is_partner, Party.OWNER: is_owner, Party.EITHER: is_partner or is_owner}
    return [
        move.action
        for move in GRANT
        if move.action is not None
        and status in move.sources
        and parties.get(move.party, False)
        and move.permission is not None
        and not roles.isdisjoint(ALLOWED[move.permission])
    ]


# TABLE: what can be done in a project, and whose permission it takes.
PROJECT: Final[Mapping[ProjectAction, Permission]] = {
    ProjectAction.INVITE: _P.PROJECT_INVITE,
    ProjectAction.SHARE: _P.PROJECT_INVITE,
    ProjectAction.EDIT: _P.PROJECT_UPDATE,
    ProjectAction.MANAGE_MEMBERS: _P.PROJECT_MEMBER_REMOVE,
    ProjectAction.POST: _P.MESSAGE_POST,
    ProjectAction.UPLOAD: _P.FILE_UPLOAD,
    ProjectAction.RATE: _P.RATING_GIVE,
}


def project_actions(*, owns: bool, has_to_rate: bool, roles: frozenset[Role]) -> list[ProjectAction]:
    """List what a seat may do in a project that it sees.

    `owns`: it owns the project's account. `has_to_rate`: a rating is asked of it.
    """
    is_client = Role.CLIENT in roles
    holds = {
        ProjectAction.INVITE: not is_client,
        ProjectAction.SHARE: is_client,
        ProjectAction.MANAGE_MEMBERS: owns or not is_client,
        ProjectAction.RATE: has_to_rate,
    }
    return [
        action
        for action, permission in PROJECT.items()
        if holds.get(action, True) and not roles.isdisjoint(ALLOWED[permission])
    ]


# ── what happens ──


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of event.

    `description`: for whoever chooses what to hear of. `summary`: one event's sentence; `{side}` is who did it.
    `mutable`: whether a person may turn its notices off: not for access, consent and security (mission 5.1).
    """

    description: str
    summary: str
    mutable: bool = True


TOPICS: Final[Mapping[str, Topic]] = {
    "partner.created": Topic("A partner company was created.", "The {side} created the partner company."),
    "partner.updated": Topic("A partner changed its company's details.", "The {side} changed the company's details."),
    "partner.revenue_share_set": Topic(
        "A partner's share of payments was agreed anew.", "The {side} set the partner's share of payments."
    ),
    "partner.member_joined": Topic("Somebody joined a partner company.", "A member joined the company."),
    "partner.licences_set": Topic("A partner company may have another number of members.", "The {side} set licences."),
    "partner.member_removed": Topic("Somebody left a partner company.", "The {side} removed a member."),
    "partner.admin_transferred": Topic(
        "A partner company has another admin.", "The {side} made somebody else the admin.", mutable=False
    ),
    "client.created": Topic("A client company was created.", "The client company was created."),
    "client.updated": Topic("A client changed its company's details.", "The {side} changed the company's details."),
    "account.created": Topic("An account was created.", "The account was created."),
    "account.member_joined": Topic("Somebody joined an account's staff.", "A member joined the account's staff."),
    "contact.created": Topic("A contact was added.", "The {side} added a contact."),
    "contact.updated": Topic("A contact's details or purposes changed.", "The {side} changed a contact."),
    "contact.erased": Topic("A contact's personal data was erased.", "The {side} erased a contact."),
    "notice.acknowledged": Topic("Somebody took note of a change.", "The {side} took note of the change."),
    "notice.reminded": Topic("Nobody has taken note of a change yet.", "The change still waits to be acknowledged."),
    "partnership.offered": Topic("A partner offers a partnership.", "The {side} offered a partnership."),
    "partnership.reminded": Topic("An offer still waits for its answer.", "The offer was sent again as a reminder."),
    "partnership.accepted": Topic("A client accepted a partnership.", "The {side} accepted the offer."),
    "partnership.declined": Topic("A client declined a partnership.", "The {side} declined the offer."),
    "partnership.withdrawn": Topic("A partner took its offer back.", "The {side} took the offer back."),
    "partnership.expired": Topic("Nobody answered an offer in time.", "The offer expired without an answer."),
    "partnership.company_updated": Topic(
        "The other company of a partnership changed its details.", "The {side} changed its company's details."
    ),
    "partnership.modification.drafted": Topic(
        "One's own side changed its draft of a modification.", "The {side} changed its draft."
    ),
    "partnership.modification.submitted": Topic(
        "The other side proposes to modify a partnership.", "The {side} proposed a modification."
    ),
    "partnership.modification.accepted": Topic(
        "A modification was accepted, whole or in part.", "The {side} accepted the modification."
    ),
    "partnership.modification.declined": Topic("A modification was declined.", "The {side} declined the modification."),
    "partnership.modification.withdrawn": Topic(
        "A modification was taken back.", "The {side} took the modification back."
    ),
    "partnership.modification.countered": Topic(
        "A modification was answered by another in its place.", "The {side} put its own modification in its place."
    ),
    "partnership.modification.reminded": Topic(
        "A modification still waits for its answer.", "The modification was sent again as a reminder."
    ),
    "partnership.modification.expired": Topic(
        "Nobody answered a modification in time.", "The modification expired without an answer."
    ),
    "partnership.team_changed": Topic(
        "The other side changed the team that manages a partnership.", "The {side} changed its management team."
    ),
    "managers.added": Topic("Somebody joined one's own management team.", "The {side} added to its management team."),
    "manager.removed": Topic(
        "Somebody left one's own management team.", "The {side} took somebody off its management team."
    ),
    "partnership.ended": Topic("A partnership has ended.", "The {side} ended the partnership.", mutable=False),
    "partnership.hidden": Topic("One's own side hid a partnership.", "The {side} took the partnership off its home."),
    "grant.connected": Topic(
        "A partner was connected to an account.", "The partner was connected to an account.", mutable=False
    ),
    "grant.opened": Topic("A partner opened an account.", "The partner opened the account.", mutable=False),
    "grant.requested": Topic(
        "A partner asks to be let into an account again.", "The partner asked to be let in again.", mutable=False
    ),
    "grant.request.declined": Topic("A request for access was denied.", "The {side} denied access.", mutable=False),
    "grant.request.withdrawn": Topic(
        "A request for access was taken back.", "The partner took its request back.", mutable=False
    ),
    "grant.request.reminded": Topic(
        "A request for access still waits for its answer.", "The request was sent again as a reminder.", mutable=False
    ),
    "grant.request.expired": Topic(
        "Nobody answered a request for access in time.", "The request expired without an answer.", mutable=False
    ),
    "grant.enabled": Topic("A partner's access was enabled.", "The {side} enabled access.", mutable=False),
    "grant.disabled": Topic("A partner's access was disabled.", "The {side} disabled access.", mutable=False),
    "grant.expiring": Topic("A partner's access is about to expire.", "Access is about to expire.", mutable=False),
    "grant.expired": Topic("A partner's access expired.", "Access expired: nobody opened the account.", mutable=False),
    "grant.disconnected": Topic(
        "A partner was disconnected from an account.", "The partner was disconnected from an account.", mutable=False
    ),
    "partnership.started": Topic(
        "A partnership began without an offer: the partner set an account up, or was brought into a project.",
        "The partnership began.",
    ),
    "account.opened": Topic("One of an account's own staff opened it.", "A member of the staff opened the account."),
    "account.activated": Topic(
        "An account has created the jobs that start the clock of access.", "The clock of partners' access started."
    ),
    "account.owner_changed": Topic("An account has another owner.", "The {side} changed the owner.", mutable=False),
    "account.subscription_changed": Topic("An account's subscription changed.", "The {side} changed the subscription."),
    "account.cancelled": Topic("An account was cancelled.", "The {side} cancelled the account.", mutable=False),
    "staff.role_set": Topic("Somebody of an account's staff got another role.", "The {side} changed a role."),
    "staff.removed": Topic("Somebody left an account's staff.", "The {side} removed a member of the staff."),
    "jobs.recorded": Topic("An account created jobs.", "Jobs were recorded."),
    "payment.recorded": Topic("A client paid for an account.", "A payment was recorded."),
    "commission.earned": Topic("A partner earned its share of a payment.", "The partner earned a commission."),
    "partner.listing_set": Topic("A partner changed its place in the directory.", "The {side} changed the listing."),
    "partner.message_sent": Topic("A visitor of the directory wrote to a partner.", "A visitor sent a message."),
    "project.created": Topic("A project was created.", "The {side} created the project."),
    "project.updated": Topic("A project's name, status or dates changed.", "The {side} changed the project."),
    "project.partner_added": Topic(
        "A client partner was brought into a project.", "A client partner was brought in.", mutable=False
    ),
    "project.partner_removed": Topic(
        "A client partner was taken off a project.", "A client partner was taken off.", mutable=False
    ),
    "project.member_added": Topic("Somebody was put on a project.", "A member was put on the project.", mutable=False),
    "project.member_removed": Topic(
        "Somebody was taken off a project.", "A member was taken off the project.", mutable=False
    ),
    "action_item.created": Topic("Something is to be done in a project.", "The {side} added an action item."),
    "action_item.status_set": Topic(
        "An action item was done, cancelled or opened again.", "The {side} changed an action item."
    ),
    "approval.requested": Topic("Somebody is asked to approve something.", "The {side} asked for an approval."),
    "approval.accepted": Topic("Somebody approved.", "It was approved."),
    "approval.declined": Topic("Somebody did not approve.", "It was not approved."),
    "approval.withdrawn": Topic("An approval is not asked for any more.", "The {side} took the question back."),
    "approval.reminded": Topic("An approval still waits for its answer.", "The question was sent again as a reminder."),
    "approval.expired": Topic("Nobody answered in time whether something is approved.", "The question expired."),
    "conversation.started": Topic("A conversation began in a project.", "The {side} started a conversation."),
    "message.posted": Topic("Somebody wrote in a project.", "The {side} posted a message."),
    "file.uploaded": Topic("A file was added to a project.", "The {side} uploaded a file."),
    "file.deleted": Topic("A file was taken off a project.", "The {side} deleted a file."),
    "widget.added": Topic("A page was added to a project.", "The {side} added a widget."),
    "rating.requested": Topic("Somebody is asked how satisfied they are.", "The {side} asked for a rating."),
    "rating.given": Topic("Somebody said how satisfied they are.", "A rating was given."),
    "invite.sent": Topic("Somebody was invited.", "The {side} sent an invite."),
    "invite.reminded": Topic("An invite still waits for its answer.", "The invite was sent again as a reminder."),
    "invite.accepted": Topic("An invited person joined.", "The invite was accepted."),
    "invite.declined": Topic("An invited person declined.", "The invite was declined."),
    "invite.withdrawn": Topic("An invite was taken back.", "The {side} took the invite back."),
    "invite.expired": Topic("Nobody answered an invite in time.", "The invite expired without an answer."),
    "admin.created": Topic("Somebody joined the vendor's staff.", "A member joined the vendor's staff.", mutable=False),
    "session.started": Topic("Somebody of the vendor's staff signed in.", "The {side} signed in.", mutable=False),
    "sign_in.link_requested": Topic("A sign-in link was asked for.", "A sign-in link was asked for.", mutable=False),
    "password.changed": Topic("A password was changed.", "The password was changed.", mutable=False),
    "mail.failed": Topic("A mail could not be delivered.", "A mail about this could not be delivered."),
    "webhook.created": Topic("A webhook was added.", "The {side} added a webhook.", mutable=False),
    "webhook.updated": Topic("A webhook was changed.", "The {side} changed a webhook.", mutable=False),
    "webhook.secret_rotated": Topic("A webhook got a new secret.", "The {side} rotated a secret.", mutable=False),
    "webhook.deleted": Topic("A webhook was deleted.", "The {side} deleted a webhook."),
    "webhook.test": Topic("A test, for the webhook that it was asked for.", "The {side} tested a webhook."),
    "webhook.redelivered": Topic("A webhook's delivery is made again.", "The {side} asked for a delivery again."),
    "webhook.replayed": Topic("A webhook hears again of what happened.", "The {side} asked for a replay."),
    "webhook.disabled": Topic("A webhook did not work and was switched off.", "The webhook was switched off."),
}


def summary(topic: str, side: Side | None) -> str:
    """Tell an event in one sentence."""
    return TOPICS[topic].summary.format(side="sender" if side is None else side.lower())
