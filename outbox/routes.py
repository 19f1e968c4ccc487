"""TABLE: which event becomes which mail, and to whom."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Recipients(StrEnum):
    """Whom a mail goes to. A rule that finds nobody mails nobody."""

    OWNERS = "the account owners of the client that is asked"
    LINK_OF_OFFER = "the address that is asked, with the link of the offer's invite, until its owner has joined"
    ADDRESS_OF_OFFER = "the address that was asked, if its owner has not joined"
    PROPOSER = "who asked, unless that is who acted; where they have left, their company's admin"
    INVITED = "the invited address, with the invite's link"
    INVITER = "who invited, unless that is who acted; where they have left, their company's admin"
    LINK_ASKED_FOR = "the address that asked for the link, with the link"
    ACTOR = "who acted"


_R = Recipients

# An invite that belongs to an offer is mailed and told of by the offer's events.
TABLE: Final[Mapping[str, tuple[tuple[str, Recipients], ...]]] = {
    "partner.created": (),
    "partner.updated": (),
    "partner.member_joined": (),
    "client.created": (),
    "client.updated": (),
    "account.created": (),
    "account.member_joined": (),
    "contact.created": (),
    "contact.updated": (),
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
    "grant.connected": (),
    "invite.sent": (("invite-sent", _R.INVITED),),
    "invite.reminded": (("invite-reminded", _R.INVITED),),
    "invite.accepted": (("invite-accepted", _R.INVITER),),
    "invite.declined": (("invite-declined", _R.INVITER),),
    "invite.withdrawn": (),
    "invite.expired": (("invite-expired", _R.INVITER),),
    "admin.created": (),
    "session.started": (),
    "sign_in.link_requested": (("sign-in-link-requested", _R.LINK_ASKED_FOR),),
    "password.changed": (("password-changed", _R.ACTOR),),
}

# What each rule means in rows: `e` is the event; what a mail's row keeps of each person.
_PERSON: Final = "u.email as to_email, u.name as to_name, u.locale as locale, null as link_id"
_WITH_LINK: Final = "l.email as to_email, coalesce(u.name, q.name) as to_name, u.locale as locale, l.id as link_id"
_OPEN_LINK: Final = """
  join link l on l.proposal_id = q.id and l.used_at is null and l.replaced_at is null
  left join app_user u on u.email = l.email
"""
_ASKER: Final = """
  left join seat s on s.user_id = p.proposed_by_id and s.side = p.proposed_by_side and s.ended_at is null
    and (s.side = 'VENDOR' or s.partner_id = p.from_partner_id or s.client_id = p.from_client_id)
  left join partner c on c.id = p.from_partner_id
  join app_user u on u.id = coalesce(s.user_id, c.admin_id) and u.email is not null
  where (e.actor_id is null or e.actor_id <> u.id)
"""

_OWNERS: Final = """
  join proposal p on p.id = e.proposal_id
  join account a on a.client_id = p.to_client_id
  join staff_member m on m.account_id = a.id and m.role = 'ACCOUNT_OWNER' and m.removed_at is null
  join app_user u on u.id = m.user_id
  where u.email is not null
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

_ROWS: Final[Mapping[Recipients, tuple[str, str]]] = {
    Recipients.OWNERS: (_PERSON, _OWNERS),
    Recipients.LINK_OF_OFFER: (_WITH_LINK, _LINK_OF_OFFER),
    Recipients.ADDRESS_OF_OFFER: (_ADDRESS, _ADDRESS_OF_OFFER),
    Recipients.PROPOSER: (_PERSON, _PROPOSER),
    Recipients.INVITED: (_WITH_LINK, _INVITED),
    Recipients.INVITER: (_PERSON, _INVITER),
    Recipients.LINK_ASKED_FOR: (_ASKED_FOR, _LINK_ASKED_FOR),
    Recipients.ACTOR: (_PERSON, _ACTOR),
}


def _mails(topic: str, template: str, recipients: Recipients) -> str:
    columns, rows = _ROWS[recipients]
    return (
        f"select e.id as event_id, e.pos as pos, '{template}' as template, {columns} from event e {rows}"  # noqa: S608  words of this table
        f" and e.topic = '{topic}' and e.pos between :first and :last"
    )


# One statement for any number of events: the mails of all those between two positions, `:first` and `:last`.
MAILS: Final = " union all ".join(
    _mails(topic, template, recipients) for topic, routes in TABLE.items() for template, recipients in routes
)
