"""Management teams: each side's own people, whom the other side never learns of (mission 4.5)."""

from collections.abc import Collection, Sequence
from typing import Final

from domain import changes, contacts, errors, inputs, policy, states
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from models.contact import Contact
from models.enums import Audience, Side
from models.event import Change as Difference
from models.partnership import Partnership, PartnershipManager


async def add(*, by: Seat, partnership_id: str, contact_ids: Collection[str]) -> str:
    """Put one's own contacts on one's own side's team, at once; who is on it stays. Returns the partnership's id.

    Refuses NOT_FOUND, FORBIDDEN, WRONG_STATE (not ACTIVE, or a client partner's), INVALID (a contact of another
    company, or erased).
    """
    policy.require(Permission.MANAGERS_ADD, by=by)
    await policy.find(Partnership, partnership_id, "partnershipId", by=by)
    wanted = inputs.ids(contact_ids, "contactIds")
    async with changes.change(by=by) as c:
        await states.lock_contacts(wanted)
        own = await contacts.own(wanted, "contactIds", by=by, rule="A team consists of its own side's contacts.")
        partnership = await states.lock_partnership(partnership_id, "manage")
        team = PartnershipManager.filter(partnership_id=partnership_id, removed_at__isnull=True)
        known = {manager.contact_id for manager in await team}
        joining = [contact for contact in own if contact.id not in known]
        if joining:
            await PartnershipManager.bulk_create(
                [
                    PartnershipManager(
                        partnership_id=partnership_id, contact_id=contact.id, side=by.side, added_at=c.now
                    )
                    for contact in joining
                ]
            )
            told: list[Difference] = [{"field": "manager", "before": None, "after": each.name} for each in joining]
            _record(c, "managers.added", partnership, partnership_id, told, by=by)
    return partnership_id


async def remove(*, by: Seat, manager_id: str) -> str:
    """Take somebody off one's own side's team, at once; return the partnership's id.

    Refuses NOT_FOUND (also who is off it already), FORBIDDEN, WRONG_STATE (not ACTIVE).
    """
    policy.require(Permission.MANAGER_REMOVE, by=by)
    manager = await policy.find(PartnershipManager, manager_id, "managerId", by=by)
    async with changes.change(by=by) as c:
        partnership = await states.lock_partnership(manager.partnership_id, "manage")
        if not await PartnershipManager.filter(id=manager_id, removed_at__isnull=True).update(removed_at=c.now):
            raise errors.not_found("partnership manager", "managerId")
        contact = await Contact.get(id=manager.contact_id)
        told: list[Difference] = [{"field": "manager", "before": contact.name, "after": None}]
        _record(c, "manager.removed", partnership, manager_id, told, by=by)
    return partnership.id


_OTHER: Final = {Side.PARTNER: Audience.CLIENT, Side.CLIENT: Audience.PARTNER}


def _record(  # noqa: PLR0913  an event's columns
    c: Change, topic: str, partnership: Partnership, subject: str, told: Sequence[Difference], *, by: Seat
) -> None:
    """Tell one's own side who, and the other side that the team has changed."""
    about = changes.of_partnership(partnership)
    c.event(topic, stream=partnership.id, subject=subject, audience=states.ALONE[by.side], changes=told, **about)
    c.event(
        "partnership.team_changed",
        stream=partnership.id,
        subject=partnership.id,
        audience=_OTHER[by.side],
        **about,
    )
