"""TABLE: which event becomes which mail, and to whom."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final

from domain import moves, policy
from models.enums import NoticeUrgency


class Recipients(StrEnum):
    """Whom a mail goes to. A rule that finds nobody mails nobody."""

    OWNERS = "the account owners of the client that is asked"
    PARTNER = "the admin of the partner that is asked, and who made its offer, while they are there"
    LINK_OF_OFFER = "the address that is asked, with the link of the offer's invite, until its owner has joined"
    ADDRESS_OF_OFFER = "the address that was asked, if its owner has not joined"
    PROPOSER = "who asked, unless that is who acted; where they have left, their company's admin or account owners"
    COUNTERED = "who asked for what is countered, as above"
    INVITED = "the invited address, with the invite's link"
    INVITER = "who invited, unless that is who acted; where they have left, their company's admin"
    LINK_ASKED_FOR = "the address that asked for the link, with the link"
    ACTOR = "who acted"
    OTHER_OWNERS = "the account owners of the partnership's client, unless their side acted"
    OTHER_PARTNER = "the admin of the partnership's partner, and who made its offer, unless their side acted"
    PARTNER_OF_GRANT = "the partner's admin, who made its offer and who asked for access, while there, but who acted"
    OWNERS_OF_GRANT = "everybody with an owner's role in the account of an access, but who acted"
    ADMIN_OF_COMPANY = "the admin of the partner that it concerns"
    OWNERS_OF_COMPANY = "the account owners of the client that it concerns"
    VENDOR = "the vendor's staff, where it concerns no company"
    MEMBER = "the member of an account's staff that it is about, unless that is who acted"
    BOTH_OWNERS = "the account's owner before and after, who acted included"
    OWNERS_OF_ACCOUNT = "everybody with an owner's role in the account, but who acted"
    STAFF_OF_ACCOUNT = "everybody of the account's staff, but who acted"
    NAMED_ADMIN = "who is named as a client partner's admin, without a link"
    COLLEAGUE = "the member of a partner that it is about, unless that is who acted"
    BOTH_ADMINS = "the partner's admin before and after, who acted included"
    ADMIN_OF_INVITED = "the admin of the partner that somebody is invited to join, unless that is who acted"
    ADMIN_OF_PROJECT = "the admin of the client partner that is brought in, or who was asked to be it, but who acted"
    ADMIN_OF_MEMBER = "the admin of that person's company, but who acted, where the company is not new there"
    APPROVER = "who is asked for an approval, while they see its project, but who acted"
    ASKER_OF_APPROVAL = "who asked for an approval; where they see its project no more, who answers for their company"
    RATED_BY = "who is asked for a rating, while they see its project"
    ASSIGNEE = "who is to do an action item, while they see its project, but who acted"
    MEMBER_OF_PROJECT = "the client partner's person that it is about, but who acted"
    OF_COMPANY_ON_PROJECT = "the admin of the client partner that it is about, and whose place it has ended"


_R = Recipients

# An invite that belongs to an offer is mailed and told of by the offer's events.
TABLE: Final[Mapping[str, tuple[tuple[str, Recipients], ...]]] = {
    "partner.created": (("client-partner-created", _R.NAMED_ADMIN),),
    "partner.updated": (),
    "partner.revenue_share_set": (),
    "partner.member_joined": (),
    "partner.licences_set": (),
    "partner.member_removed": (("member-removed", _R.COLLEAGUE),),
    "partner.admin_transferred": (("partner-admin-transferred", _R.BOTH_ADMINS),),
    "client.created": (),
    "client.updated": (),
    "account.created": (),
    "account.member_joined": (),
    "contact.created": (),
    "contact.updated": (),
    "contact.erased": (),
    "notice.acknowledged": (),
    "notice.reminded": (),
    "partnership.offered": (("partnership-offered", _R.OWNERS), ("partnership-offered", _R.LINK_OF_OFFER)),
    "partnership.reminded": (("partnership-reminded", _R.OWNERS), ("partnership-reminded", _R.LINK_OF_OFFER)),
    "partnership.accepted": (("partnership-accepted", _R.PROPOSER),),
    "partnership.declined": (("partnership-declined", _R.PROPOSER),),
    "partnership.withdrawn": (
        ("partnership-withdrawn", _R.OWNERS),
        ("partnership-withdrawn", _R.ADDRESS_OF_OFFER),
        ("partnership-withdrawn-for-you", _R.PROPOSER),
    ),
    "partnership.expired": (("partnership-expired", _R.PROPOSER),),
    "partnership.company_updated": (),
    "partnership.modification.drafted": (),
    "partnership.modification.submitted": (
        ("modification-submitted", _R.OWNERS),
        ("modification-submitted", _R.PARTNER),
    ),
    "partnership.modification.accepted": (("modification-accepted", _R.PROPOSER),),
    "partnership.modification.declined": (("modification-declined", _R.PROPOSER),),
    "partnership.modification.withdrawn": (
        ("modification-withdrawn", _R.OWNERS),
        ("modification-withdrawn", _R.PARTNER),
        ("modification-withdrawn-for-you", _R.PROPOSER),
    ),
    "partnership.modification.countered": (
        ("modification-countered", _R.OWNERS),
        ("modification-countered", _R.PARTNER),
        ("modification-countered", _R.COUNTERED),
    ),
    "partnership.modification.reminded": (
        ("modification-reminded", _R.OWNERS),
        ("modification-reminded", _R.PARTNER),
    ),
    "partnership.modification.expired": (("modification-expired", _R.PROPOSER),),
    "partnership.team_changed": (),
    "managers.added": (),
    "manager.removed": (),
    "partnership.ended": (("partnership-ended", _R.OTHER_OWNERS), ("partnership-ended", _R.OTHER_PARTNER)),
    "partnership.hidden": (),
    "grant.connected": (),
    "grant.disconnected": (("access-disconnected", _R.PARTNER_OF_GRANT), ("access-disconnected", _R.OWNERS_OF_GRANT)),
    "grant.opened": (),
    "grant.requested": (("access-requested", _R.OWNERS_OF_GRANT),),
    "grant.request.declined": (("access-declined", _R.PARTNER_OF_GRANT),),
    "grant.request.withdrawn": (
        ("access-withdrawn", _R.OWNERS_OF_GRANT),
        ("access-withdrawn-for-you", _R.PROPOSER),
    ),
    "grant.request.reminded": (("access-reminded", _R.OWNERS_OF_GRANT),),
    "grant.request.expired": (("access-unanswered", _R.PROPOSER),),
    "grant.enabled": (("access-enabled", _R.PARTNER_OF_GRANT),),
    "grant.disabled": (("access-disabled", _R.PARTNER_OF_GRANT),),
    "grant.expiring": (("access-expiring", _R.PARTNER_OF_GRANT), ("access-expiring", _R.OWNERS_OF_GRANT)),
    "grant.expired": (("access-expired", _R.PARTNER_OF_GRANT), ("access-expired", _R.OWNERS_OF_GRANT)),
    "partnership.started": (),
    "account.opened": (),
    "account.activated": (),
    "account.owner_changed": (("account-owner-changed", _R.BOTH_OWNERS),),
    "account.subscription_changed": (("account-subscription-changed", _R.OWNERS_OF_ACCOUNT),),
    # The partners are told by the end of their access.
    "account.cancelled": (("account-cancelled", _R.STAFF_OF_ACCOUNT),),
    "staff.role_set": (("staff-role-set", _R.MEMBER),),
    "staff.removed": (("staff-removed", _R.MEMBER),),
    "jobs.recorded": (),
    "payment.recorded": (),
    "commission.earned": (),
    "partner.listing_set": (),
    "partner.message_sent": (("partner-message", _R.ADMIN_OF_COMPANY),),
    "project.created": (),
    "project.updated": (),
    "project.partner_added": (("project-partner-added", _R.ADMIN_OF_PROJECT),),
    "project.partner_removed": (("project-partner-removed", _R.OF_COMPANY_ON_PROJECT),),
    "project.member_added": (
        ("project-member-added", _R.MEMBER_OF_PROJECT),
        ("project-colleague-added", _R.ADMIN_OF_MEMBER),
    ),
    "project.member_removed": (("project-member-removed", _R.MEMBER_OF_PROJECT),),
    "action_item.created": (("action-item-created", _R.ASSIGNEE),),
    "action_item.status_set": (),
    "approval.requested": (("approval-requested", _R.APPROVER),),
    "approval.accepted": (("approval-accepted", _R.ASKER_OF_APPROVAL),),
    "approval.declined": (("approval-declined", _R.ASKER_OF_APPROVAL),),
    "approval.withdrawn": (
        ("approval-withdrawn", _R.APPROVER),
        ("approval-withdrawn-for-you", _R.ASKER_OF_APPROVAL),
    ),
    "approval.reminded": (("approval-reminded", _R.APPROVER),),
    "approval.expired": (("approval-expired", _R.ASKER_OF_APPROVAL),),
    "conversation.started": (),
    "message.posted": (),
    "file.uploaded": (),
    "file.deleted": (),
    "widget.added": (),
    "rating.requested": (("rating-requested", _R.RATED_BY),),
    "rating.given": (),
    "invite.sent": (("invite-sent", _R.INVITED), ("colleague-invited", _R.ADMIN_OF_INVITED)),
    "invite.reminded": (("invite-reminded", _R.INVITED),),
    "invite.accepted": (("invite-accepted", _R.INVITER),),
    "invite.declined": (("invite-declined", _R.INVITER),),
    "invite.withdrawn": (),
    "invite.expired": (("invite-expired", _R.INVITER),),
    "admin.created": (),
    "session.started": (),
    "sign_in.link_requested": (("sign-in-link-requested", _R.LINK_ASKED_FOR),),
    "password.changed": (("password-changed", _R.ACTOR),),
    "mail.failed": (),
    "webhook.created": (),
    "webhook.updated": (),
    "webhook.secret_rotated": (),
    "webhook.deleted": (),
    "webhook.test": (),
    "webhook.redelivered": (),
    "webhook.replayed": (),
    "webhook.disabled": (
        ("webhook-disabled", _R.ADMIN_OF_COMPANY),
        ("webhook-disabled", _R.OWNERS_OF_COMPANY),
        ("webhook-disabled", _R.VENDOR),
    ),
}

# What each rule means in rows: `e` is the event; what a mail's row keeps of each person.
_PERSON: Final = "u.email as to_email, u.name as to_name, u.locale as locale, null as link_id"
_WITH_LINK: Final = "l.email as to_email, coalesce(u.name, q.name) as to_name, u.locale as locale, l.id as link_id"
_OPEN_LINK: Final = """
  join link l on l.proposal_id = q.id and l.used_at is null and l.replaced_at is null
  left join app_user u on u.email = l.email
"""
# Of a client partner its admin alone: to the others what concerns the company is not there.
_READS_FOR_COMPANY: Final = f"({{s}}.side <> 'PARTNER' or {policy.OF_SEAT['for_company']})"
_ASKER: Final = f"""
  left join seat s on s.user_id = p.proposed_by_id and s.side = p.proposed_by_side and s.ended_at is null
    and (s.side = 'VENDOR' or s.partner_id = p.from_partner_id or s.client_id = p.from_client_id)
    and {_READS_FOR_COMPANY.replace("{s}", "s")}
  left join partner c on c.id = p.from_partner_id
  left join account a on s.id is null and a.client_id = p.from_client_id
  left join staff_member m on m.account_id = a.id and m.role = 'ACCOUNT_OWNER' and m.removed_at is null
  join app_user u on u.id = coalesce(s.user_id, c.admin_id, m.user_id) and u.email is not null
  where (e.actor_id is null or e.actor_id <> u.id)
"""

_OWNERS: Final = """
  join proposal p on p.id = e.proposal_id
  join account a on a.client_id = p.to_client_id
  join staff_member m on m.account_id = a.id and m.role = 'ACCOUNT_OWNER' and m.removed_at is null
  join app_user u on u.id = m.user_id
  where u.email is not null
"""
_OF_PARTNER: Final = """
  left join proposal o on o.id = h.offer_id
  join partner c on c.id = h.partner_id
  join seat s on s.partner_id = c.id and s.user_id in (c.admin_id, o.proposed_by_id) and s.ended_at is null
  join app_user u on u.id = s.user_id
"""
_PARTNER: Final = f"""
  join proposal p on p.id = e.proposal_id and p.to_partner_id is not null
  join partnership h on h.id = p.partnership_id
  {_OF_PARTNER}
  where u.email is not null
"""
_OTHER_OWNERS: Final = """
  join account a on a.client_id = e.client_id
  join staff_member m on m.account_id = a.id and m.role = 'ACCOUNT_OWNER' and m.removed_at is null
  join app_user u on u.id = m.user_id
  where u.email is not null and (e.side is null or e.side <> 'CLIENT')
"""
_OTHER_PARTNER: Final = f"""
  join partnership h on h.id = e.partnership_id
  {_OF_PARTNER}
  where u.email is not null and (e.side is null or e.side <> 'PARTNER')
"""
# Where the partnership has ended with the access, that is told instead.
_GOES_ON: Final = "(h.ended_at is null or h.ended_at <> e.at)"
_PARTNER_OF_GRANT: Final = f"""
  join partnership h on h.id = e.partnership_id and {_GOES_ON}
  join partner c on c.id = h.partner_id
  left join proposal o on o.id = h.offer_id
  left join proposal p on p.id = e.proposal_id
  join seat s on s.partner_id = c.id and s.user_id in (c.admin_id, o.proposed_by_id, p.proposed_by_id)
    and s.ended_at is null
  join app_user u on u.id = s.user_id
  where u.email is not null and (e.actor_id is null or e.actor_id <> u.id)
"""
_OWNERS_OF_GRANT: Final = f"""
  join partnership h on h.id = e.partnership_id and {_GOES_ON}
  join staff_member m on m.account_id = e.account_id and m.role = 'ACCOUNT_OWNER' and m.removed_at is null
  join app_user u on u.id = m.user_id
  where u.email is not null and (e.actor_id is null or e.actor_id <> u.id)
"""
_LINK_OF_OFFER: Final = f"""
  join proposal p on p.id = e.proposal_id
  join proposal q on q.partnership_id = p.partnership_id and q.invite_kind = 'PARTNERSHIP' and q.status = 'PENDING'
  {_OPEN_LINK}
  where p.to_client_id is null
"""
_ADDRESS: Final = "p.email as to_email, coalesce(u.name, p.name) as to_name, u.locale as locale, null as link_id"
_ADDRESS_OF_OFFER: Final = """
  join proposal p on p.id = e.proposal_id
  left join app_user u on u.email = p.email
  where p.to_client_id is null and p.email is not null
"""
_PROPOSER: Final = f"join proposal p on p.id = e.proposal_id {_ASKER}"
_COUNTERED: Final = f"join proposal q on q.id = e.proposal_id join proposal p on p.id = q.counters_id {_ASKER}"
_INVITED: Final = f"""
  join proposal q on q.id = e.proposal_id and q.invite_kind <> 'PARTNERSHIP' and q.status = 'PENDING'
  {_OPEN_LINK}
  where true
"""
_INVITER: Final = f"join proposal p on p.id = e.proposal_id and p.invite_kind <> 'PARTNERSHIP' {_ASKER}"
_ASKED_FOR: Final = "l.email as to_email, u.name as to_name, u.locale as locale, l.id as link_id"
_LINK_ASKED_FOR: Final = """
  join link l on l.id = e.subject and l.used_at is null and l.replaced_at is null
  left join app_user u on u.id = l.user_id
  where true
"""
_ACTOR: Final = "join app_user u on u.id = e.actor_id where u.email is not null"
_ADMIN_OF_COMPANY: Final = """
  join partner c on c.id = e.partner_id
  join app_user u on u.id = c.admin_id
  where u.email is not null
"""
_OWNERS_OF_COMPANY: Final = """
  join account a on a.client_id = e.client_id
  join staff_member m on m.account_id = a.id and m.role = 'ACCOUNT_OWNER' and m.removed_at is null
  join app_user u on u.id = m.user_id
  where u.email is not null
"""
_BUT_ACTOR: Final = "where u.email is not null and (e.actor_id is null or e.actor_id <> u.id)"
_MEMBER: Final = f"""
  join staff_member m on m.id = e.subject
  join app_user u on u.id = m.user_id
  {_BUT_ACTOR}
"""
# By the ids of their places, which are what has changed.
_WAS_OR_IS_OWNER: Final = "m.account_id = e.account_id and cast(e.changes as text) like '%\"' || m.id || '\"%'"
_BOTH_OWNERS: Final = f"""
  join staff_member m on {_WAS_OR_IS_OWNER}
  join app_user u on u.id = m.user_id
  where u.email is not null
"""
_STAFF_OF_ACCOUNT: Final = f"""
  join staff_member m on m.account_id = e.account_id and m.removed_at is null
  join app_user u on u.id = m.user_id
  {_BUT_ACTOR}
"""
_OWNERS_OF_ACCOUNT: Final = f"{_STAFF_OF_ACCOUNT} and m.role = 'ACCOUNT_OWNER'"
_NAMED_ADMIN: Final = """
  join proposal p on p.id = e.proposal_id
  left join app_user u on u.email = p.email
  where p.email is not null
"""
_COLLEAGUE: Final = f"""
  join partner_member m on m.id = e.subject
  join app_user u on u.id = m.user_id
  {_BUT_ACTOR}
"""
# By the ids of their places, which are what has changed.
_BOTH_ADMINS: Final = """
  join partner_member m on m.partner_id = e.partner_id and cast(e.changes as text) like '%"' || m.id || '"%'
  join app_user u on u.id = m.user_id
  where u.email is not null
"""
_ADMIN_OF_INVITED: Final = f"""
  join proposal p on p.id = e.proposal_id and p.invite_kind in ('PARTNER_MEMBER', 'PROJECT')
  join partner c on c.id = p.partner_id
  join app_user u on u.id = c.admin_id
  {_BUT_ACTOR}
"""
# An invite that is sent with the first project says what there is to say.
_ADMIN_OR_ASKED: Final = (
    "coalesce(u.email, q.email) as to_email, coalesce(u.name, q.name) as to_name, u.locale as locale, null as link_id"
)
_ADMIN_OF_PROJECT: Final = """
  join partner c on c.id = e.subject
  left join proposal q on c.admin_id is null and q.partner_id = c.id and q.invite_kind = 'PARTNER_ADMIN'
    and q.status = 'PENDING' and q.proposed_at < e.at
  left join app_user u on u.id = coalesce(c.admin_id, (select a.id from app_user a where a.email = q.email))
  where coalesce(u.email, q.email) is not null and (e.actor_id is null or u.id is null or e.actor_id <> u.id)
"""
_NOT_NEW_THERE: Final = """not exists (
    select 1 from project_partner g
    where g.project_id = e.project_id and g.partner_id = m.partner_id and g.added_at = e.at
  )"""
_ADMIN_OF_MEMBER: Final = f"""
  join project_member m on m.id = e.subject
  join partner c on c.id = m.partner_id and c.admin_id <> m.user_id
  join app_user u on u.id = c.admin_id
  {_BUT_ACTOR} and {_NOT_NEW_THERE}
"""

# ── in a project: people's seats `s` that see it, for mails and notices alike ──

_SEES_PROJECT: Final = f"({policy.seen_by('s', 'Project', 'j')})"
_IN_PROJECT: Final = f"join project j on j.id = e.project_id join seat s on s.ended_at is null and {_SEES_PROJECT}"
# Of the company that asks: that of `s`, or another seat's.
_OF_ASKING: Final = (
    "{s}.side = p.proposed_by_side"
    " and ({s}.side = 'VENDOR' or {s}.partner_id = p.from_partner_id or {s}.client_id = p.from_client_id)"
)
_APPROVER: Final = f"join proposal p on p.id = e.proposal_id {_IN_PROJECT} and s.user_id = p.approver_id"
_ITS_ASKER: Final = f"""
  join project j on j.id = e.project_id
  left join seat o on o.user_id = p.proposed_by_id and o.ended_at is null and {_OF_ASKING.replace("{s}", "o")}
    and ({policy.seen_by("o", "Project", "j")})
  left join partner c on c.id = p.from_partner_id
  left join staff_member m on m.account_id = j.account_id and m.role = 'ACCOUNT_OWNER' and m.removed_at is null
    and o.id is null and p.from_client_id is not null
  join seat s on s.user_id = coalesce(o.user_id, c.admin_id, m.user_id) and s.ended_at is null
    and {_OF_ASKING.replace("{s}", "s")} and {_SEES_PROJECT}
"""
_ASKER_OF_APPROVAL: Final = f"join proposal p on p.id = e.proposal_id {_ITS_ASKER}"
_RATED_BY: Final = f"join rating r on r.id = e.subject {_IN_PROJECT} and s.user_id = r.requested_from_id"
_ASSIGNEE: Final = f"join action_item i on i.id = e.subject {_IN_PROJECT} and s.user_id = i.assignee_id"
# Whoever has left the company is told that.
_MEMBER_OF_PROJECT: Final = """
  join project_member k on k.id = e.subject
  join seat s on s.user_id = k.user_id and s.partner_id = k.partner_id and s.ended_at is null
"""
_OF_COMPANY_ON_PROJECT: Final = """
  join partner c on c.id = e.subject
  join project_member k on k.project_id = e.project_id and k.partner_id = c.id
    and (k.user_id = c.admin_id or k.removed_at = e.at)
  join seat s on s.user_id = k.user_id and s.partner_id = k.partner_id and s.ended_at is null
"""
# Of a mail to a seat, that very seat's choice counts.
_NOT_MUTED_THERE: Final = """
  and not exists (
    select 1 from notice_preference f where f.seat_id = s.id and f.topic = e.topic and not f.email
  )
"""


def _of_seat(seats: str) -> str:
    return f"{seats} join app_user u on u.id = s.user_id {_BUT_ACTOR}"


_VENDOR: Final = """
  join app_user u on u.is_vendor
  where e.partner_id is null and e.client_id is null and u.email is not null
"""

_ROWS: Final[Mapping[Recipients, tuple[str, str]]] = {
    Recipients.OWNERS: (_PERSON, _OWNERS),
    Recipients.PARTNER: (_PERSON, _PARTNER),
    Recipients.LINK_OF_OFFER: (_WITH_LINK, _LINK_OF_OFFER),
    Recipients.ADDRESS_OF_OFFER: (_ADDRESS, _ADDRESS_OF_OFFER),
    Recipients.PROPOSER: (_PERSON, _PROPOSER),
    Recipients.COUNTERED: (_PERSON, _COUNTERED),
    Recipients.INVITED: (_WITH_LINK, _INVITED),
    Recipients.INVITER: (_PERSON, _INVITER),
    Recipients.LINK_ASKED_FOR: (_ASKED_FOR, _LINK_ASKED_FOR),
    Recipients.ACTOR: (_PERSON, _ACTOR),
    Recipients.OTHER_OWNERS: (_PERSON, _OTHER_OWNERS),
    Recipients.OTHER_PARTNER: (_PERSON, _OTHER_PARTNER),
    Recipients.PARTNER_OF_GRANT: (_PERSON, _PARTNER_OF_GRANT),
    Recipients.OWNERS_OF_GRANT: (_PERSON, _OWNERS_OF_GRANT),
    Recipients.ADMIN_OF_COMPANY: (_PERSON, _ADMIN_OF_COMPANY),
    Recipients.OWNERS_OF_COMPANY: (_PERSON, _OWNERS_OF_COMPANY),
    Recipients.VENDOR: (_PERSON, _VENDOR),
    Recipients.MEMBER: (_PERSON, _MEMBER),
    Recipients.BOTH_OWNERS: (_PERSON, _BOTH_OWNERS),
    Recipients.OWNERS_OF_ACCOUNT: (_PERSON, _OWNERS_OF_ACCOUNT),
    Recipients.STAFF_OF_ACCOUNT: (_PERSON, _STAFF_OF_ACCOUNT),
    Recipients.NAMED_ADMIN: (_ADDRESS, _NAMED_ADMIN),
    Recipients.COLLEAGUE: (_PERSON, _COLLEAGUE),
    Recipients.BOTH_ADMINS: (_PERSON, _BOTH_ADMINS),
    Recipients.ADMIN_OF_INVITED: (_PERSON, _ADMIN_OF_INVITED),
    Recipients.ADMIN_OF_PROJECT: (_ADMIN_OR_ASKED, _ADMIN_OF_PROJECT),
    Recipients.ADMIN_OF_MEMBER: (_PERSON, _ADMIN_OF_MEMBER),
    Recipients.APPROVER: (_PERSON, _of_seat(_APPROVER)),
    Recipients.ASKER_OF_APPROVAL: (_PERSON, _of_seat(_ASKER_OF_APPROVAL)),
    Recipients.RATED_BY: (_PERSON, _of_seat(_RATED_BY)),
    Recipients.ASSIGNEE: (_PERSON, _of_seat(_ASSIGNEE)),
    Recipients.MEMBER_OF_PROJECT: (_PERSON, _of_seat(_MEMBER_OF_PROJECT)),
    Recipients.OF_COMPANY_ON_PROJECT: (_PERSON, _of_seat(_OF_COMPANY_ON_PROJECT)),
}

# Those whose rows have the seat `s` to which the mail is.
_TO_SEATS: Final = frozenset(
    {Recipients.APPROVER, Recipients.ASKER_OF_APPROVAL, Recipients.RATED_BY, Recipients.ASSIGNEE}
)

# In the seat for which the event is, which may have chosen not to hear of its topic by e-mail.
_NOT_MUTED: Final = """
  and not exists (
    select 1 from notice_preference f join seat w on w.id = f.seat_id
    where w.user_id = u.id and f.topic = e.topic and not f.email
      and (w.partner_id = e.partner_id or w.client_id = e.client_id or w.side = 'VENDOR')
  )
"""


def _mails(topic: str, template: str, recipients: Recipients) -> str:
    columns, rows = _ROWS[recipients]
    if columns == _PERSON and moves.TOPICS[topic].mutable:
        rows += _NOT_MUTED_THERE if recipients in _TO_SEATS else _NOT_MUTED
    return (
        f"select e.id as event_id, e.pos as pos, '{template}' as template, {columns} from event e {rows}"  # noqa: S608  words of this table
        f" and e.topic = '{topic}' and e.pos between :first and :last"
    )


# What finds the mails of a topic's events between two positions, `:first` and `:last`.
MAILS: Final = {topic: tuple(_mails(topic, *route) for route in routes) for topic, routes in TABLE.items()}


def statement(finding: Mapping[str, tuple[str, ...]], topics: Collection[str]) -> str:
    """Put together one statement for any number of events, of the topics that there are; empty where nothing is routed.

    Of MAILS, or of NOTICES_OF. A statement of all topics takes PostgreSQL a tenth of a second to plan, each time.
    """
    return " union all ".join(each for topic in sorted(topics) for each in finding[topic])


# ── notices ──


class Addressees(StrEnum):
    """Whose seats a notice goes to; never to whom it was that acted, but for ACTOR."""

    OWNERS = "the account owners of the client that is asked"
    ASKED = "everybody of the company that is asked"
    PROPOSER = "who asked; where they have left, their company's admin or account owners; if they may read the event"
    CANCELLED = "who asked for what the partnership's end cancelled, as above"
    INVITER = "who invited; where they have left, their company's admin"
    OTHERS = "everybody of the partnership's companies but that of who acted, where they may read the event"
    PARTNER_OF_GRANT = "everybody of the partner whose access it is"
    OWNERS_OF_GRANT = "everybody with an owner's role in the account of an access"
    ACTOR = "who acted, in each seat"
    MEMBER = "the member of an account's staff that it is about"
    BOTH_OWNERS = "the account's owner before and after"
    OWNERS_OF_ACCOUNT = "everybody with an owner's role in the account"
    STAFF_OF_ACCOUNT = "everybody of the account's staff"
    APPROVER = "who is asked for an approval"
    ASKER_OF_APPROVAL = "who asked for an approval; where they see its project no more, who answers for their company"
    RATED_BY = "who is asked for a rating"
    ASSIGNEE = "who is to do an action item"
    ASKER_OF_CANCELLED = "who asked for approvals of somebody who is gone from the project with it, as above"
    ASKED_BY = "who asked for the action item or rating that it is about"
    MEMBER_OF_PROJECT = "the client partner's person that it is about"
    MEMBERS = "the client partners' people who are assigned to the project"
    READERS = "who has read, or written, in the conversation"
    ADMIN_OF_PARTNER = "the admin of the partner that it concerns"
    ADMIN_OF_PROJECT = "the admin of the client partner that is brought in"
    ADMIN_OF_MEMBER = "the admin of that person's company, where the company is not new there"
    IN_CHARGE = "who answers for the company that it concerns: its admin, its account owners; else the vendor's staff"


_A, _ACTION, _INFO = Addressees, NoticeUrgency.ACTION, NoticeUrgency.INFO

NOTICES: Final[Mapping[str, tuple[tuple[NoticeUrgency, Addressees], ...]]] = {
    "partner.created": (),
    "partner.updated": (),
    "partner.revenue_share_set": ((_INFO, _A.ADMIN_OF_PARTNER),),
    "partner.member_joined": (),
    "partner.licences_set": ((_INFO, _A.ADMIN_OF_PARTNER),),
    "partner.member_removed": ((_INFO, _A.ADMIN_OF_PARTNER),),
    "partner.admin_transferred": ((_INFO, _A.ADMIN_OF_PARTNER),),
    "client.created": (),
    "client.updated": (),
    "account.created": (),
    "account.member_joined": (),
    "contact.created": (),
    # In a partnership's stream it tells the partner of its client's contact (mission 0.9).
    "contact.updated": ((_ACTION, _A.OTHERS),),
    "contact.erased": (),
    "notice.acknowledged": (),
    "notice.reminded": ((_INFO, _A.OTHERS),),
    "partnership.offered": ((_ACTION, _A.OWNERS),),
    "partnership.reminded": ((_ACTION, _A.OWNERS),),
    "partnership.accepted": ((_INFO, _A.PROPOSER),),
    "partnership.declined": ((_INFO, _A.PROPOSER),),
    "partnership.withdrawn": ((_INFO, _A.OWNERS), (_INFO, _A.PROPOSER)),
    "partnership.expired": ((_INFO, _A.PROPOSER),),
    "partnership.company_updated": ((_INFO, _A.OTHERS),),
    "partnership.modification.drafted": (),
    "partnership.modification.submitted": ((_ACTION, _A.ASKED),),
    "partnership.modification.accepted": ((_INFO, _A.PROPOSER),),
    "partnership.modification.declined": ((_INFO, _A.PROPOSER),),
    "partnership.modification.withdrawn": ((_INFO, _A.ASKED), (_INFO, _A.PROPOSER)),
    # It is about the one that takes the other's place: whoever asked is the one that is asked now.
    "partnership.modification.countered": ((_ACTION, _A.ASKED),),
    "partnership.modification.reminded": ((_ACTION, _A.ASKED),),
    "partnership.modification.expired": ((_INFO, _A.PROPOSER),),
    "partnership.team_changed": ((_INFO, _A.OTHERS),),
    "managers.added": (),
    "manager.removed": (),
    "partnership.ended": ((_INFO, _A.OTHERS), (_INFO, _A.CANCELLED)),
    "partnership.hidden": (),
    "grant.connected": (),
    "grant.disconnected": ((_INFO, _A.PARTNER_OF_GRANT), (_INFO, _A.OWNERS_OF_GRANT)),
    "grant.opened": (),
    "grant.requested": ((_ACTION, _A.OWNERS_OF_GRANT),),
    "grant.request.declined": ((_INFO, _A.PARTNER_OF_GRANT),),
    "grant.request.withdrawn": ((_INFO, _A.OWNERS_OF_GRANT), (_INFO, _A.PROPOSER)),
    "grant.request.reminded": ((_ACTION, _A.OWNERS_OF_GRANT),),
    "grant.request.expired": ((_INFO, _A.PROPOSER),),
    "grant.enabled": ((_INFO, _A.PARTNER_OF_GRANT),),
    "grant.disabled": ((_INFO, _A.PARTNER_OF_GRANT),),
    "grant.expiring": ((_INFO, _A.PARTNER_OF_GRANT), (_INFO, _A.OWNERS_OF_GRANT)),
    "grant.expired": ((_INFO, _A.PARTNER_OF_GRANT), (_INFO, _A.OWNERS_OF_GRANT)),
    "partnership.started": ((_INFO, _A.OTHERS),),
    "account.opened": (),
    "account.activated": (),
    "account.owner_changed": ((_INFO, _A.BOTH_OWNERS),),
    "account.subscription_changed": ((_INFO, _A.OWNERS_OF_ACCOUNT),),
    "account.cancelled": ((_INFO, _A.STAFF_OF_ACCOUNT),),
    "staff.role_set": ((_INFO, _A.MEMBER),),
    "staff.removed": ((_INFO, _A.MEMBER),),
    "jobs.recorded": (),
    "payment.recorded": (),
    "commission.earned": ((_INFO, _A.ADMIN_OF_PARTNER),),
    "partner.listing_set": (),
    "partner.message_sent": ((_INFO, _A.ADMIN_OF_PARTNER),),
    "project.created": (),
    "project.updated": ((_INFO, _A.MEMBERS),),
    "project.partner_added": ((_INFO, _A.ADMIN_OF_PROJECT),),
    "project.partner_removed": ((_INFO, _A.ASKER_OF_CANCELLED),),
    "project.member_added": ((_INFO, _A.MEMBER_OF_PROJECT), (_INFO, _A.ADMIN_OF_MEMBER)),
    "project.member_removed": ((_INFO, _A.ASKER_OF_CANCELLED),),
    "action_item.created": ((_INFO, _A.ASSIGNEE),),
    "action_item.status_set": ((_INFO, _A.ASSIGNEE), (_INFO, _A.ASKED_BY)),
    "approval.requested": ((_ACTION, _A.APPROVER),),
    "approval.accepted": ((_INFO, _A.ASKER_OF_APPROVAL),),
    "approval.declined": ((_INFO, _A.ASKER_OF_APPROVAL),),
    "approval.withdrawn": ((_INFO, _A.APPROVER), (_INFO, _A.ASKER_OF_APPROVAL)),
    "approval.reminded": ((_ACTION, _A.APPROVER),),
    "approval.expired": ((_INFO, _A.ASKER_OF_APPROVAL),),
    "conversation.started": (),
    "message.posted": ((_INFO, _A.READERS), (_INFO, _A.MEMBERS)),
    "file.uploaded": (),
    "file.deleted": (),
    "widget.added": (),
    "rating.requested": ((_INFO, _A.RATED_BY),),
    "rating.given": ((_INFO, _A.ASKED_BY),),
    "invite.sent": (),
    "invite.reminded": (),
    "invite.accepted": ((_INFO, _A.INVITER),),
    "invite.declined": ((_INFO, _A.INVITER),),
    "invite.withdrawn": ((_INFO, _A.INVITER),),
    "invite.expired": ((_INFO, _A.INVITER),),
    "admin.created": (),
    "session.started": (),
    "sign_in.link_requested": (),
    "password.changed": ((_INFO, _A.ACTOR),),
    "mail.failed": ((_INFO, _A.PROPOSER),),
    "webhook.created": (),
    "webhook.updated": (),
    "webhook.secret_rotated": (),
    "webhook.deleted": (),
    "webhook.test": (),
    "webhook.redelivered": (),
    "webhook.replayed": (),
    "webhook.disabled": ((_INFO, _A.IN_CHARGE),),
}

_ITS: Final = "join proposal p on p.id = e.proposal_id"
_SEAT_OF_ASKER: Final = f"""
  left join seat o on o.user_id = p.proposed_by_id and o.side = p.proposed_by_side and o.ended_at is null
    and (o.side = 'VENDOR' or o.partner_id = p.from_partner_id or o.client_id = p.from_client_id)
    and {_READS_FOR_COMPANY.replace("{s}", "o")}
  left join partner c on c.id = p.from_partner_id
  left join account a on o.id is null and a.client_id = p.from_client_id
  left join staff_member m on m.account_id = a.id and m.role = 'ACCOUNT_OWNER' and m.removed_at is null
  join seat s on s.user_id = coalesce(o.user_id, c.admin_id, m.user_id) and s.side = p.proposed_by_side
    and (s.side = 'VENDOR' or s.partner_id = p.from_partner_id or s.client_id = p.from_client_id)
"""
_BUT_WHO_ACTED: Final = "where (e.actor_id is null or s.user_id <> e.actor_id)"
_STAFF: Final = "join staff_member m on m.account_id = e.account_id and m.removed_at is null"
_SEAT_OF_STAFF: Final = "join seat s on s.user_id = m.user_id and s.client_id = e.client_id"
_IS_OWNER: Final = """exists (
    select 1 from staff_member m join account a on a.id = m.account_id
    where m.user_id = s.user_id and m.role = 'ACCOUNT_OWNER' and m.removed_at is null and a.client_id = s.client_id
  )"""

# What each rule means in rows: `e` is the event, `s` the seat.
_SEATS: Final[Mapping[Addressees, str]] = {
    Addressees.OWNERS: f"""
  {_ITS}
  join seat s on s.client_id = p.to_client_id
  {_BUT_WHO_ACTED} and {_IS_OWNER}
""",
    Addressees.ASKED: f"""
  {_ITS}
  join seat s on (s.partner_id = p.to_partner_id or s.client_id = p.to_client_id)
  {_BUT_WHO_ACTED}
""",
    Addressees.PROPOSER: f"{_ITS} {_SEAT_OF_ASKER} {_BUT_WHO_ACTED} and e.visible_to in ('BOTH', s.side)",
    Addressees.CANCELLED: f"""
  join proposal p on p.partnership_id = e.partnership_id and p.status = 'CANCELLED' and p.proposed_at is not null
    and p.decided_at = e.at
  {_SEAT_OF_ASKER} {_BUT_WHO_ACTED}
""",
    Addressees.INVITER: f"{_ITS} {_SEAT_OF_ASKER} {_BUT_WHO_ACTED} and p.invite_kind <> 'PARTNERSHIP'",
    Addressees.OTHERS: f"""
  join partnership h on h.id = e.partnership_id
  join seat s on (s.partner_id = h.partner_id and e.visible_to in ('BOTH', 'PARTNER', 'PARTNER_ALONE')
    or s.client_id = h.client_id and e.visible_to in ('BOTH', 'CLIENT', 'CLIENT_ALONE'))
  where {_READS_FOR_COMPANY.replace("{s}", "s")} and not exists (
    select 1 from seat w where w.user_id = e.actor_id and (w.partner_id = s.partner_id or w.client_id = s.client_id)
  )
""",  # noqa: S608  words of this table
    Addressees.PARTNER_OF_GRANT: f"""
  join partnership h on h.id = e.partnership_id and {_GOES_ON}
  join seat s on s.partner_id = h.partner_id
  {_BUT_WHO_ACTED}
""",
    Addressees.OWNERS_OF_GRANT: f"""
  join partnership h on h.id = e.partnership_id and {_GOES_ON}
  join staff_member m on m.account_id = e.account_id and m.role = 'ACCOUNT_OWNER' and m.removed_at is null
  join seat s on s.user_id = m.user_id and s.client_id = h.client_id
  {_BUT_WHO_ACTED}
""",
    Addressees.ACTOR: "join seat s on s.user_id = e.actor_id where true",
    Addressees.MEMBER: f"join staff_member m on m.id = e.subject {_SEAT_OF_STAFF} {_BUT_WHO_ACTED}",
    Addressees.BOTH_OWNERS: f"join staff_member m on {_WAS_OR_IS_OWNER} {_SEAT_OF_STAFF} {_BUT_WHO_ACTED}",
    Addressees.OWNERS_OF_ACCOUNT: f"{_STAFF} {_SEAT_OF_STAFF} {_BUT_WHO_ACTED} and m.role = 'ACCOUNT_OWNER'",
    Addressees.STAFF_OF_ACCOUNT: f"{_STAFF} {_SEAT_OF_STAFF} {_BUT_WHO_ACTED}",
    Addressees.APPROVER: f"{_APPROVER} {_BUT_WHO_ACTED}",
    Addressees.ASKER_OF_APPROVAL: f"{_ASKER_OF_APPROVAL} {_BUT_WHO_ACTED}",
    Addressees.RATED_BY: f"{_RATED_BY} {_BUT_WHO_ACTED}",
    Addressees.ASSIGNEE: f"{_ASSIGNEE} {_BUT_WHO_ACTED}",
    Addressees.ASKER_OF_CANCELLED: f"""
  join proposal p on p.project_id = e.project_id and p.kind = 'PROJECT_APPROVAL' and p.status = 'CANCELLED'
    and p.decided_at = e.at
  {_ITS_ASKER}
  {_BUT_WHO_ACTED}
""",
    Addressees.ASKED_BY: f"""
  join event b on b.subject = e.subject and b.topic in ('action_item.created', 'rating.requested')
  {_IN_PROJECT} and s.user_id = b.actor_id
  {_BUT_WHO_ACTED}
""",
    Addressees.MEMBER_OF_PROJECT: f"{_MEMBER_OF_PROJECT} {_BUT_WHO_ACTED}",
    Addressees.MEMBERS: f"""
  join project_member k on k.project_id = e.project_id and k.is_assigned and k.removed_at is null
  join seat s on s.user_id = k.user_id and s.partner_id = k.partner_id
  {_BUT_WHO_ACTED}
""",
    Addressees.READERS: f"""
  join message b on b.id = e.subject
  join conversation_reading r on r.conversation_id = b.conversation_id
  {_IN_PROJECT} and s.user_id = r.user_id
  {_BUT_WHO_ACTED}
""",
    Addressees.ADMIN_OF_PARTNER: f"""
  join partner c on c.id = e.partner_id
  join seat s on s.partner_id = c.id and s.user_id = c.admin_id
  {_BUT_WHO_ACTED}
""",
    Addressees.ADMIN_OF_PROJECT: f"""
  join partner c on c.id = e.subject
  join seat s on s.partner_id = c.id and s.user_id = c.admin_id
  {_BUT_WHO_ACTED}
""",
    Addressees.ADMIN_OF_MEMBER: f"""
  join project_member m on m.id = e.subject
  join partner c on c.id = m.partner_id and c.admin_id <> m.user_id
  join seat s on s.partner_id = c.id and s.user_id = c.admin_id
  {_BUT_WHO_ACTED} and {_NOT_NEW_THERE}
""",
    Addressees.IN_CHARGE: f"""
  join seat s on (s.partner_id = e.partner_id
    and exists (select 1 from partner c where c.id = s.partner_id and c.admin_id = s.user_id)
    or s.client_id = e.client_id and {_IS_OWNER}
    or s.side = 'VENDOR' and e.partner_id is null and e.client_id is null)
  {_BUT_WHO_ACTED}
""",  # noqa: S608  words of this table
}


def _notices(topic: str, urgency: NoticeUrgency, addressees: Addressees) -> str:
    return (
        f"select e.id as event_id, e.pos as pos, s.id as seat_id, '{urgency}' as urgency, e.proposal_id as proposal_id"  # noqa: S608  words of this table
        f" from event e {_SEATS[addressees]}"
        f" and e.topic = '{topic}' and e.pos between :first and :last and s.ended_at is null"
        " and not exists (select 1 from notice_preference f"
        " where f.seat_id = s.id and f.topic = e.topic and not f.portal)"
    )


# What finds the notices of a topic's events, as MAILS.
NOTICES_OF: Final = {topic: tuple(_notices(topic, *route) for route in routes) for topic, routes in NOTICES.items()}
