"""What is left when a person's data is erased: that something happened, when and by whom, and never of whom it told.

An event that speaks of the person loses what it says and its salt, so that nobody can try guesses on its commitment;
commitment and digest stay, and the chain holds.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
from tortoise import Model
from tortoise.connection import get_connection

from domain import changes
from models import sql
from models.contact import Contact
from models.directory import PartnerMessage
from models.event import Change as Difference
from models.event import Event
from models.partnership import Partnership
from models.project import ActionItem, Conversation, Message, ProjectFile, Rating, Widget
from models.proposal import Proposal

_PARTNERSHIPS: Final = """
select partnership_id from assigned_contact where contact_id = :contact
union select partnership_id from partnership_manager where contact_id = :contact
union select p.partnership_id from proposal_item i join proposal p on p.id = i.proposal_id where i.contact_id = :contact
"""
# Those of the client that the contact is of, or of the clients that its partner has ever worked for.
_PROJECTS: Final = """
select j.id from project j join account a on a.id = j.account_id
where a.client_id = :client
   or exists (select 1 from partnership p where p.client_id = a.client_id and p.partner_id = :partner)
"""
_EVENTS: Final = """
select id, subject, changes, reason, on_behalf_of from event
where erased_at is null and (changes <> '[]' or reason is not null or on_behalf_of is not null)
  and (
    subject = :contact or on_behalf_of = :email
    or partnership_id {within}:partnerships{end_within} or project_id {within}:projects{end_within}
  )
"""
# TABLE: where people write in projects, and what is left of what names a person.
_WRITTEN: Final[Sequence[tuple[type[Model], str, str | None]]] = (
    (Message, "body", ""),
    (Conversation, "title", ""),
    (ActionItem, "title", ""),
    (Widget, "title", ""),
    (ProjectFile, "name", ""),
    (Rating, "comment", None),
    (Proposal, "title", ""),
    (Proposal, "message", None),
    (Proposal, "comment", None),
)


@dataclass(frozen=True, slots=True)
class _Said:
    """What an event says in words."""

    id: str
    subject: str | None
    changes: list[Difference]
    reason: str | None
    on_behalf_of: str | None

    @property
    def words(self) -> list[str | None]:
        return [self.reason, self.on_behalf_of, *(change[side] for change in self.changes for side in _SIDES)]


_SIDES: Final = ("before", "after")


async def forget(contact: Contact, *, at: datetime) -> None:
    """Erase what events and messages say of a contact, under every name that it has had.

    Inside the transaction that holds the contact's row. Looks through what is about the contact, through the
    partnerships that it was lent to, asked for or managed, and through the projects that its company works on; a
    message or title that names it goes as a whole.
    """
    partnerships, projects = await _partnerships(contact), await _projects(contact)
    events = await _events(contact, partnerships, projects)
    names = _Names(contact, events)
    told = [event for event in events if event.subject == contact.id or names.are_in(event.words)]
    await Event.filter(id__in=[event.id for event in told]).update(changes=[], salt=None, erased_at=at)
    reasons = [event.id for event in told if names.are_in([event.reason])]
    await Event.filter(id__in=reasons).update(reason=None)
    addresses = [event.id for event in told if names.are_in([event.on_behalf_of])]
    await Event.filter(id__in=addresses).update(on_behalf_of=None)
    await _forget_messages(names, partnerships)
    await _forget_written(names, projects)
    if contact.email is not None:
        # What they wrote by themselves, as visitors of the directory.
        await PartnerMessage.filter(from_email=contact.email).delete()


class _Names:
    """How a person is told of: names, e-mail address and numbers, as whole words, in whatever case."""

    def __init__(self, contact: Contact, events: Iterable[_Said]) -> None:
        renamed = {
            change[side]
            for event in events
            if event.subject == contact.id
            for change in event.changes
            if change["field"] == "name"
            for side in _SIDES
        }
        known = {*renamed, contact.name, contact.email, contact.phone, contact.mobile} - {None, ""}
        alternatives = "|".join(sorted(re.escape(str(name)) for name in known))
        self._pattern = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE)

    def are_in(self, texts: Iterable[str | None]) -> bool:
        return any(text is not None and self._pattern.search(text) for text in texts)


async def _partnerships(contact: Contact) -> list[str]:
    return [row["partnership_id"] for row in await _rows(_PARTNERSHIPS, contact=contact.id)]


async def _projects(contact: Contact) -> list[str]:
    rows = await _rows(_PROJECTS, client=contact.client_id, partner=contact.partner_id)
    return [row["id"] for row in rows]


async def _events(contact: Contact, partnerships: Sequence[str], projects: Sequence[str]) -> list[_Said]:
    rows = await _rows(_EVENTS, contact=contact.id, email=contact.email, partnerships=partnerships, projects=projects)
    return [_Said(**{**row, "changes": orjson.loads(row["changes"])}) for row in rows]


async def _rows(template: str, **values: object) -> list[dict[str, str]]:
    connection = get_connection("default")
    return await connection.execute_query_dict(*sql.bind(template, values, changes.dialect(connection)))


async def _forget_messages(names: _Names, partnerships: Sequence[str]) -> None:
    proposals = await Proposal.filter(partnership_id__in=partnerships).only("id", "message", "comment")
    messages = [proposal.id for proposal in proposals if names.are_in([proposal.message])]
    await Proposal.filter(id__in=messages).update(message=None)
    comments = [proposal.id for proposal in proposals if names.are_in([proposal.comment])]
    await Proposal.filter(id__in=comments).update(comment=None)
    ended = await Partnership.filter(id__in=partnerships, end_reason__not_isnull=True).only("id", "end_reason")
    reasons = [partnership.id for partnership in ended if names.are_in([partnership.end_reason])]
    await Partnership.filter(id__in=reasons).update(end_reason=None)


async def _forget_written(names: _Names, projects: Sequence[str]) -> None:
    for model, column, left in _WRITTEN:
        table = model._meta.db_table
        rows = await _rows(
            f"select id, {column} as said from {table} where project_id {{within}}:projects{{end_within}}",  # noqa: S608  names of ours
            projects=projects,
        )
        naming = [row["id"] for row in rows if names.are_in([row["said"]])]
        await model.filter(id__in=naming).update(**{column: left})
