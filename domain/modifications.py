"""Modifications: what one side wants to change of a partnership, and what comes of it (mission 4.2 to 4.4).

A contact that is to be added has its row from the draft on; what is assigned, or let go, is that row.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Final, TypedDict, Unpack

from tortoise.expressions import F
from tortoise.queryset import QuerySet

import settings
from domain import accounts, changes, connections, contacts, errors, inputs, moves, partnerships, policy, states
from domain.changes import Change
from domain.partnerships import Terms
from domain.policy import Permission
from domain.seats import Seat
from domain.states import Answer
from models.access_grant import AccessGrant
from models.account import Account
from models.contact import Contact
from models.enums import AccessStatus, ModificationKind, ProposalKind, ProposalStatus, Side, UserErrorCode
from models.event import Change as Difference
from models.partnership import AssignedContact, Partnership
from models.proposal import Proposal, ProposalItem, new_proposal_id

_K = ModificationKind


class Wanted(TypedDict, total=False):
    """What a modification consists of; what is left out is none of it.

    Terms that are left out stay as they are; null clears, except the title.
    """

    add_contacts: Collection[str] | None
    release_contacts: Collection[str] | None
    add_accounts: Collection[str] | None
    terms: Terms | None


# ── verbs ──


async def draft(
    *, by: Seat, partnership_id: str, expected_version: int | None = None, **wanted: Unpack[Wanted]
) -> str | None:
    """Replace one's own side's draft by exactly what is wanted; return its id, null where there is none and needs none.

    What stays keeps its ids; a draft that holds nothing stays as well. Refuses NOT_FOUND, FORBIDDEN, WRONG_STATE (not
    ACTIVE, or a client partner's; an account that was cancelled), CONFLICT (another version than expected, or no draft
    at all), CAPABILITY_DENIED (a client's account that is not the seat's own to connect), and INVALID: a contact to add
    that is not one's own, or lent, offered or drafted already; one to release that is not assigned; an account that is
    not the client's, or connected already.
    """
    policy.require(Permission.MODIFICATION_DRAFT, by=by)
    await policy.find(Partnership, partnership_id, "partnershipId", by=by)
    async with changes.change(by=by) as c:
        await states.lock_contacts(_named(wanted))
        partnership = await states.lock_partnership(partnership_id, "modify")
        await _expire_stale(c, partnership.id)
        drafts = _of_side(partnership.id, by.side, ProposalStatus.DRAFT)
        held = await drafts.select_for_update(no_key=True).get_or_none()
        _require_version(held, expected_version)
        kept = await _items(held) if held else []
        items = await _checked(partnership, wanted, held, kept, by=by)
        new, gone = _missing(items, kept), _missing(kept, items)
        if not new and not gone:
            return held.id if held else None
        drafted = held or _new(c, partnership, by=by)
        drafted.version = held.version + 1 if held else 1
        await drafted.save(force_create=held is None)
        await _take_out(drafted, gone)
        await _put_in(drafted, new)
        differences = [*await _told(new), *(_undone(difference) for difference in await _told(gone))]
        await states.announce(c, "draft", drafted, differences=differences, audience=states.ALONE[by.side])
    return drafted.id


async def submit(
    modification_id: str, *, by: Seat, message: str | None = None, expected_version: int | None = None
) -> None:
    """Send one's own side's draft to the other side, for as long as an offer (OFFER_DAYS).

    Refuses WRONG_STATE (no draft any more), CONFLICT (another version; terms that are not as they were when they were
    drafted), NO_CHANGES, REASON_REQUIRED, ALREADY_PROPOSED (one's own side's last one still waits), CAPABILITY_DENIED
    (a client's account that is not the seat's own to connect).
    """
    said = inputs.text(message, "message")
    async with changes.change(by=by) as c:
        await states.lock(modification_id)
        drafted = await Proposal.filter(id=modification_id).select_for_update(no_key=True).get()
        if drafted.status is not ProposalStatus.DRAFT:
            raise errors.Refusal(UserErrorCode.WRONG_STATE, "Only a draft can be submitted.", "proposalId")
        if expected_version not in (None, drafted.version):
            raise states.conflict(drafted)
        partnership = await Partnership.get(id=drafted.partnership_id)
        items = await _items(drafted)
        _require_some(items)
        _require_reason(said, "message")
        await _require_none_pending(c, partnership.id, by.side)
        _require_current(partnership, items)
        await _require_own_accounts(await _accounts(items), "proposalId", by=by)
        await Proposal.filter(id=drafted.id).update(version=F("version") + 1, **_sent(c, said, by=by))
        await _touch(c, partnership.id)
        await states.announce(c, "submit", drafted, reason=said, differences=await _told(items))


async def counter(
    proposal_id: str, *, by: Seat, message: str, expected_version: int | None = None, **wanted: Unpack[Wanted]
) -> str:
    """Answer the other side's modification with one's own, which takes its place; return the id of that one.

    Refuses NOT_FOUND, FORBIDDEN, WRONG_STATE, EXPIRED, CONFLICT, REASON_REQUIRED, NO_CHANGES, ALREADY_PROPOSED (one's
    own side's last one still waits), and what `draft` refuses.
    """
    move = await states.require_move("counter", proposal_id, by=by)
    said = _require_reason(inputs.text(message, "message"), "message")
    async with changes.change(by=by) as c:
        await states.lock_contacts(_named(wanted))
        countered = await states.close(
            c, proposal_id, move.target, by_user=by.user_id, expected_version=expected_version
        )
        partnership = await Partnership.get(id=countered.partnership_id)
        await _require_none_pending(c, partnership.id, by.side)
        await _let_go(c, countered)
        items = await _checked(partnership, wanted, None, [], by=by)
        _require_some(items)
        put = _new(c, partnership, by=by).update_from_dict({**_sent(c, said, by=by), "counters_id": countered.id})
        await put.save(force_create=True)
        await _put_in(put, items)
        await _touch(c, partnership.id)
        await states.announce(c, "replace", put, reason=said, differences=await _told(items))
    return put.id


# ── what answers do ──


async def accepted(c: Change, modification: Proposal, answer: Answer) -> None:
    """Let what is accepted take effect: whole, or the items that are named; the others return to what they were.

    Refuses FORBIDDEN (who belongs to the side that asks as well), CONFLICT (terms that changed meanwhile), NO_CHANGES
    (nothing is left of it), INVALID at `accountIds`, and at `itemIds` INVALID (none), NOT_FOUND, CAPABILITY_DENIED
    (accounts of other owners), WRONG_STATE (cancelled ones).
    """
    if answer.account_ids is not None:
        raise errors.invalid("A modification is accepted by its items.", "accountIds")
    partnership = await Partnership.get(id=modification.partnership_id)
    await states.require_another_person(partnership, "proposalId", by=answer.by)
    items = await _items(modification)
    _require_some(items)
    chosen = _chosen(items, answer.item_ids)
    _require_current(partnership, chosen)
    added = await _accounts(chosen)
    accounts.require_live(added, "itemIds")
    if modification.proposed_by_side is Side.PARTNER:
        await accounts.require_owner(added, "itemIds", by=answer.by)

    whole = await ProposalItem.filter(proposal_id=modification.id).count() == len(chosen)
    verb = "accept" if whole else "accept_in_part"
    await _settle(modification, chosen, verb)
    await _lend(c, modification, _contacts(chosen, _K.ADD_CONTACT))
    await _release(c, partnership, _contacts(chosen, _K.RELEASE_CONTACT))
    await _touch(c, partnership.id, version=F("version") + 1, **_terms(chosen))
    await states.announce(c, verb, modification, reason=modification.comment, differences=await _told(chosen))
    await connections.connect(c, partnership, await _unconnected(partnership, added), proposal_id=modification.id)


async def declined(c: Change, modification: Proposal) -> None:
    """Return everything to what it was, for a reason; refuses REASON_REQUIRED."""
    _require_reason(modification.comment, "comment")
    await ProposalItem.filter(proposal_id=modification.id).update(accepted=False)
    await _end(c, modification, "decline")


async def withdrawn(c: Change, modification: Proposal) -> None:
    """Return everything to what it was."""
    await _end(c, modification, "withdraw")


async def reminded(c: Change, modification: Proposal) -> None:
    """Ask the other side again."""
    await states.announce(c, "remind", modification)


async def expired(c: Change, modifications: Sequence[Proposal]) -> None:
    """Return everything to what it was where time is over."""
    await _let_go(c, *modifications)


async def _end(c: Change, modification: Proposal, verb: str) -> None:
    await _let_go(c, modification)
    await _touch(c, modification.partnership_id)
    await states.announce(c, verb, modification, reason=modification.comment)


async def _let_go(c: Change, *modifications: Proposal) -> None:
    """Let the contacts that would have been added stay at home."""
    lent = AssignedContact.filter(proposal_id__in=[modification.id for modification in modifications])
    await lent.filter(assigned_at__isnull=True, released_at__isnull=True).update(released_at=c.now)


async def _expire_stale(c: Change, partnership_id: str) -> None:
    """Announce that a partnership's modifications have expired, so that they do not block new ones (mission 5.1a)."""
    theirs = Proposal.filter(partnership_id=partnership_id, kind=ProposalKind.MODIFICATION)
    await states.expire_stale(c, theirs, expired)


# ── what is refused ──


def _require_version(held: Proposal | None, expected: int | None) -> None:
    if expected is None:
        return
    if held is None:
        message = "There is no draft any more. Read the partnership again."
        raise errors.Refusal(UserErrorCode.CONFLICT, message, "expectedVersion")
    if held.version != expected:
        raise states.conflict(held)


def _require_some(items: Sequence[ProposalItem]) -> None:
    if not items:
        raise errors.Refusal(UserErrorCode.NO_CHANGES, "There is nothing in it that would change.", "proposalId")


def _require_reason(given: str | None, *path: str) -> str:
    if given is None:
        raise errors.Refusal(UserErrorCode.REASON_REQUIRED, "Say why: the other side reads it.", *path)
    return given


async def _require_none_pending(c: Change, partnership_id: str, side: Side) -> None:
    await _expire_stale(c, partnership_id)
    if await _of_side(partnership_id, side, ProposalStatus.PENDING).exists():
        message = "Your side's last modification still waits for an answer."
        raise errors.Refusal(UserErrorCode.ALREADY_PROPOSED, message, "proposalId")


def _require_current(partnership: Partnership, items: Sequence[ProposalItem]) -> None:
    """Refuse CONFLICT terms that are not what they were when their change was drafted."""
    now = {column: changes.text(getattr(partnership, column)) for column in _COLUMNS.values()}
    if any(item.before != now[_COLUMNS[item.field or ""]] for item in _of_kind(items, _K.CHANGE_TERMS)):
        message = "The partnership's terms have changed meanwhile. Read them again."
        raise errors.Refusal(UserErrorCode.CONFLICT, message, "proposalId")


async def _require_own_accounts(chosen: Sequence[Account], *path: str, by: Seat) -> None:
    """Refuse CAPABILITY_DENIED unless a client's seat owns what it lets the partner into; a partner only asks."""
    if by.side is Side.CLIENT:
        await accounts.require_owner(chosen, *path, by=by)


def _chosen(items: Sequence[ProposalItem], item_ids: Collection[str] | None) -> list[ProposalItem]:
    if item_ids is None:
        return list(items)
    wanted = inputs.ids(item_ids, "itemIds")
    if not wanted:
        raise errors.invalid("Choose at least one item, or decline it as a whole.", "itemIds")
    chosen = [item for item in items if item.id in wanted]
    if len(chosen) != len(wanted):
        raise errors.not_found("item", "itemIds")
    return chosen


# ── what is wanted ──


def _named(wanted: Wanted) -> list[str]:
    added = inputs.ids(wanted.get("add_contacts"), "addContacts")
    return [*added, *inputs.ids(wanted.get("release_contacts"), "releaseContacts")]


async def _checked(
    partnership: Partnership, wanted: Wanted, held: Proposal | None, kept: Sequence[ProposalItem], *, by: Seat
) -> list[ProposalItem]:
    """Make the items of what is wanted, of no proposal yet. `held`, `kept`: the draft that they replace, if any."""
    return [
        *await _adds(partnership, wanted.get("add_contacts"), held, by=by),
        *await _releases(partnership, wanted.get("release_contacts"), by=by),
        *await _connections(partnership, wanted.get("add_accounts"), kept, by=by),
        *_changes(partnership, wanted.get("terms")),
    ]


async def _adds(
    partnership: Partnership, contact_ids: Collection[str] | None, held: Proposal | None, *, by: Seat
) -> list[ProposalItem]:
    own = await contacts.own(inputs.ids(contact_ids, "addContacts"), "addContacts", by=by, rule=contacts.EACH_ITS_OWN)
    lent = _lent(partnership, own)
    if await (lent.exclude(proposal_id=held.id) if held else lent).exists():
        raise errors.invalid("One of them is lent, offered or drafted already.", "addContacts")
    return [ProposalItem(kind=_K.ADD_CONTACT, contact_id=contact.id) for contact in own]


async def _releases(partnership: Partnership, contact_ids: Collection[str] | None, *, by: Seat) -> list[ProposalItem]:
    contacts = await policy.find_all(Contact, inputs.ids(contact_ids, "releaseContacts"), "releaseContacts", by=by)
    if await _lent(partnership, contacts).filter(assigned_at__isnull=False).count() != len(contacts):
        raise errors.invalid("One of them is not assigned to this partnership.", "releaseContacts")
    return [ProposalItem(kind=_K.RELEASE_CONTACT, contact_id=contact.id) for contact in contacts]


async def _connections(
    partnership: Partnership, account_ids: Collection[str] | None, kept: Sequence[ProposalItem], *, by: Seat
) -> list[ProposalItem]:
    chosen = await policy.find_all(Account, inputs.ids(account_ids, "addAccounts"), "addAccounts", by=by)
    if any(account.client_id != partnership.client_id for account in chosen):
        raise errors.invalid("Only accounts of the partnership's client can be added.", "addAccounts")
    if len(await _unconnected(partnership, chosen)) != len(chosen):
        raise errors.invalid("The partner is connected to one of them already.", "addAccounts")
    accounts.require_live(chosen, "addAccounts")
    drafted = {item.account_id for item in kept}
    await _require_own_accounts([account for account in chosen if account.id not in drafted], "addAccounts", by=by)
    return [ProposalItem(kind=_K.ADD_ACCOUNT, account_id=account.id) for account in chosen]


def _changes(partnership: Partnership, terms: Terms | None) -> list[ProposalItem]:
    if terms is None:
        return []
    given = {column: value for column, value in partnerships.checked(terms).items() if column in terms}
    was = {column: getattr(partnership, column) for column in given}
    return [ProposalItem(kind=_K.CHANGE_TERMS, **difference) for difference in changes.differences(was, given)]


def _lent(partnership: Partnership, contacts: Sequence[Contact]) -> QuerySet[AssignedContact]:
    ids = [contact.id for contact in contacts]
    return AssignedContact.filter(partnership_id=partnership.id, contact_id__in=ids, released_at__isnull=True)


async def _unconnected(partnership: Partnership, chosen: Sequence[Account]) -> list[Account]:
    connected = AccessGrant.filter(partner_id=partnership.partner_id, account_id__in=[each.id for each in chosen])
    taken = {grant.account_id for grant in await connected.exclude(status=AccessStatus.DISCONNECTED)}
    return [account for account in chosen if account.id not in taken]


# ── its rows ──


def _of_side(partnership_id: str, side: Side, status: ProposalStatus) -> QuerySet[Proposal]:
    return Proposal.filter(
        partnership_id=partnership_id, kind=ProposalKind.MODIFICATION, proposed_by_side=side, status=status
    )


def _new(c: Change, partnership: Partnership, *, by: Seat) -> Proposal:
    """Make a draft of one side's, which is not written yet and holds nothing."""
    is_partner = by.side is Side.PARTNER
    return Proposal(
        id=new_proposal_id(ProposalKind.MODIFICATION),
        kind=ProposalKind.MODIFICATION,
        status=ProposalStatus.DRAFT,
        proposed_by_id=by.user_id,
        proposed_by_side=by.side,
        from_partner_id=by.partner_id,
        from_client_id=by.client_id,
        to_partner_id=None if is_partner else partnership.partner_id,
        to_client_id=partnership.client_id if is_partner else None,
        partnership_id=partnership.id,
        created_at=c.now,
    )


def _sent(c: Change, message: str | None, *, by: Seat) -> dict[str, object]:
    """Tell the columns of what waits for the other side from now on."""
    return {
        "status": ProposalStatus.PENDING,
        "message": message,
        "proposed_by_id": by.user_id,
        "proposed_at": c.now,
        "sent_at": c.now,
        "expires_at": c.now + settings.load().offer_open,
    }


async def _items(modification: Proposal) -> list[ProposalItem]:
    """Read what is asked and not decided: an erased contact's item was declined with the contact's erasure."""
    return await ProposalItem.filter(proposal_id=modification.id, accepted__isnull=True).order_by("id")


def _key(item: ProposalItem) -> tuple[object, ...]:
    return item.kind, item.contact_id, item.account_id, item.field, item.before, item.after


def _missing(items: Sequence[ProposalItem], among: Sequence[ProposalItem]) -> list[ProposalItem]:
    known = {_key(item) for item in among}
    return [item for item in items if _key(item) not in known]


async def _put_in(modification: Proposal, items: Sequence[ProposalItem]) -> None:
    for item in items:
        item.proposal_id = modification.id
    await ProposalItem.bulk_create(items)
    await AssignedContact.bulk_create(
        [
            AssignedContact(
                partnership_id=modification.partnership_id,
                contact_id=contact_id,
                side=modification.proposed_by_side,
                proposal_id=modification.id,
            )
            for contact_id in _contacts(items, _K.ADD_CONTACT)
        ]
    )


async def _take_out(modification: Proposal, items: Sequence[ProposalItem]) -> None:
    await ProposalItem.filter(id__in=[item.id for item in items]).delete()
    added = _contacts(items, _K.ADD_CONTACT)
    await AssignedContact.filter(proposal_id=modification.id, contact_id__in=added).delete()


async def _settle(modification: Proposal, chosen: Sequence[ProposalItem], verb: str) -> None:
    items = ProposalItem.filter(proposal_id=modification.id)
    await items.update(accepted=False)
    await items.filter(id__in=[item.id for item in chosen]).update(accepted=True)
    move = moves.proposal_move(ProposalKind.MODIFICATION, verb)
    if move is not None:
        await Proposal.filter(id=modification.id).update(status=move.target)


async def _lend(c: Change, modification: Proposal, contact_ids: Sequence[str]) -> None:
    """Assign the contacts that were accepted; the others that would have been added stay at home."""
    added = AssignedContact.filter(proposal_id=modification.id, released_at__isnull=True)
    await added.filter(contact_id__in=contact_ids).update(assigned_at=c.now)
    await _let_go(c, modification)


async def _release(c: Change, partnership: Partnership, contact_ids: Sequence[str]) -> None:
    assigned = AssignedContact.filter(partnership_id=partnership.id, assigned_at__isnull=False)
    await assigned.filter(contact_id__in=contact_ids, released_at__isnull=True).update(released_at=c.now)


async def _touch(c: Change, partnership_id: str | None, **columns: object) -> None:
    """Let the partnership's tile say that something has happened on it."""
    await Partnership.filter(id=partnership_id).update(changed_at=c.now, **columns)


# ── its items ──

# The terms by the names that items and events have for them.
_COLUMNS: Final[Mapping[str, str]] = {
    "title": "title",
    "description": "description",
    "region": "region",
    "startsOn": "starts_on",
}
_READ: Final[Mapping[str, Callable[[str], object]]] = {"startsOn": date.fromisoformat}


def _of_kind(items: Sequence[ProposalItem], kind: ModificationKind) -> list[ProposalItem]:
    return [item for item in items if item.kind is kind]


def _contacts(items: Sequence[ProposalItem], kind: ModificationKind) -> list[str]:
    return [item.contact_id for item in _of_kind(items, kind) if item.contact_id is not None]


async def _accounts(items: Sequence[ProposalItem]) -> list[Account]:
    ids = [item.account_id for item in items if item.account_id is not None]
    return await Account.filter(id__in=ids).order_by("id") if ids else []


def _terms(items: Sequence[ProposalItem]) -> dict[str, object]:
    """Read the columns that a change of terms sets."""
    after = {item.field or "": item.after for item in _of_kind(items, _K.CHANGE_TERMS)}
    return {_COLUMNS[name]: None if text is None else _READ.get(name, str)(text) for name, text in after.items()}


async def _told(items: Sequence[ProposalItem]) -> list[Difference]:
    """Tell in an event what items change: contacts and accounts by their names."""
    contact_ids = [item.contact_id for item in items if item.contact_id is not None]
    contacts = {contact.id: contact.name for contact in await Contact.filter(id__in=contact_ids)} if contact_ids else {}
    names = {**contacts, **{account.id: account.name for account in await _accounts(items)}}
    return [_difference(item, names.get(item.contact_id or item.account_id or "")) for item in items]


def _difference(item: ProposalItem, name: str | None) -> Difference:
    match item.kind:
        case _K.ADD_CONTACT:
            return {"field": "addContact", "before": None, "after": name}
        case _K.RELEASE_CONTACT:
            return {"field": "releaseContact", "before": name, "after": None}
        case _K.ADD_ACCOUNT:
            return {"field": "addAccount", "before": None, "after": name}
        case _K.CHANGE_TERMS:
            return {"field": item.field or "", "before": item.before, "after": item.after}


def _undone(difference: Difference) -> Difference:
    return {"field": difference["field"], "before": difference["after"], "after": difference["before"]}
