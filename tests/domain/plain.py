"""Part 4 as a plain model: what two sides may do with each other's partnership, and what each of them then sees.

It shares no code with the product: sets and dictionaries, no rows, no SQL, no clock but a number of days. A contact is
the name that `together` gives it; an account is "second"; a term is its title.
"""

from dataclasses import dataclass, field
from typing import Final

PARTNER, CLIENT = "PARTNER", "CLIENT"
OTHER: Final = {PARTNER: CLIENT, CLIENT: PARTNER}
SIDE: Final = {"paula": PARTNER, "admin": PARTNER, "owner": CLIENT, "sam": CLIENT}
OWN: Final = {PARTNER: ("ada", "grace"), CLIENT: ("otto", "uma")}
CONTACTS: Final = (*OWN[PARTNER], *OWN[CLIENT])
OPEN_FOR: Final = 30
DONE: Final = "done"

Item = tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for: contacts to add and to release, whether the second account, and a title if any."""

    adds: frozenset[str] = frozenset()
    releases: frozenset[str] = frozenset()
    account: bool = False
    title: str | None = None


@dataclass
class Modification:
    """One modification; `open_until` in days, from its submission on."""

    side: str
    status: str = "DRAFT"
    version: int = 1
    was_sent: bool = False
    open_until: int = 0
    items: dict[Item, bool | None] = field(default_factory=dict)


@dataclass
class Partnership:
    """One partnership of the two; `open_until` while it is offered."""

    status: str = "ACTIVE"
    open_until: int = 0
    title: str = "Shop care"
    assigned: set[str] = field(default_factory=set)
    lent: set[str] = field(default_factory=set)
    has_second: bool = False
    hidden: set[str] = field(default_factory=set)
    modifications: list[Modification] = field(default_factory=list)


@dataclass
class World:
    """The two sides' partnerships, the last of which is what they act on; every verb answers DONE or a code."""

    today: int = 0
    partnerships: list[Partnership] = field(default_factory=lambda: [Partnership(assigned={"grace", "otto"})])

    @property
    def last(self) -> Partnership:
        return self.partnerships[-1]

    # ── what each side reads ──

    def status(self, of: Modification | Partnership) -> str:
        """Tell what time makes of a status."""
        waits = "PENDING" if isinstance(of, Modification) else "OFFERED"
        return "EXPIRED" if of.status == waits and of.open_until <= self.today else of.status

    def label(self, partnership: Partnership) -> str:
        """Tell the label on the tile."""
        status = self.status(partnership)
        if status == "ACTIVE" and any(self.status(each) == "PENDING" for each in partnership.modifications):
            return "MODIFIED"
        return "OPEN" if status == "OFFERED" else status

    def labels(self, partnership: Partnership, side: str) -> dict[str, str]:
        """Tell the labels of the contacts that a side sees."""
        if self.status(partnership) == "OFFERED":
            return dict.fromkeys(partnership.lent, "OFFERED")
        pending = [each for each in partnership.modifications if self.status(each) == "PENDING"]
        drafts = [each for each in partnership.modifications if each.status == "DRAFT" and each.side == side]
        seen = dict.fromkeys(partnership.assigned, "ASSIGNED")
        for each, adding, releasing in (
            *((each, "TO_BE_ADDED", "TO_BE_RELEASED") for each in drafts),
            *((each, "OFFERED", "RELEASED") for each in pending),
        ):
            for kind, name, *_ in each.items:
                if kind == "ADD_CONTACT":
                    seen[name] = adding
                if kind == "RELEASE_CONTACT" and name in partnership.assigned:
                    seen[name] = releasing
        return seen

    def visible(self, partnership: Partnership, side: str) -> list[Modification]:
        """List the modifications that exist for a side."""
        return [each for each in partnership.modifications if each.was_sent or each.side == side]

    # ── what is wanted ──

    def of(self, side: str, status: str) -> Modification | None:
        """Find a side's draft, or what waits for the other side."""
        return next(
            (each for each in self.last.modifications if each.side == side and self.status(each) == status), None
        )

    def _added(self, side: str, status: str) -> set[str]:
        held = self.of(side, status)
        return {name for kind, name, *_ in held.items if kind == "ADD_CONTACT"} if held else set()

    def _sees(self, name: str, side: str, *, gone: Modification | None) -> bool:
        if name in OWN[side] or side == PARTNER:
            return True
        offered = self._added(PARTNER, "PENDING") if gone is None or gone.side == CLIENT else set()
        return name in self.last.assigned | offered

    def wanted(  # noqa: PLR0911  a refusal each, in their order
        self, who: str, wanted: Wanted, *, taken: set[str], kept: dict[Item, bool | None], gone: Modification | None
    ) -> str | dict[Item, bool | None]:
        """Tell the items of what is wanted, or why it cannot be. `gone`: what has just been superseded."""
        side, last = SIDE[who], self.last
        if not all(self._sees(name, side, gone=gone) for name in wanted.adds):
            return "NOT_FOUND"
        if wanted.adds - set(OWN[side]) or wanted.adds & (last.assigned | taken):
            return "INVALID"
        if not all(self._sees(name, side, gone=gone) for name in wanted.releases):
            return "NOT_FOUND"
        if wanted.releases - last.assigned:
            return "INVALID"
        if wanted.account and not (who == "owner" or (side == PARTNER and last.has_second)):
            return "NOT_FOUND"
        if wanted.account and last.has_second:
            return "INVALID"
        items: dict[Item, bool | None] = {("ADD_CONTACT", name): None for name in wanted.adds}
        items |= {("RELEASE_CONTACT", name): None for name in wanted.releases}
        items |= {("ADD_ACCOUNT", "second"): None} if wanted.account else {}
        items |= (
            {("CHANGE_TERMS", "title", last.title, wanted.title): None}
            if wanted.title not in (None, last.title)
            else {}
        )
        return {item: kept.get(item) for item in items}

    def _is_current(self, items: dict[Item, bool | None] | set[Item]) -> bool:
        return all(item[2] == self.last.title for item in items if item[0] == "CHANGE_TERMS")

    # ── verbs ──

    def draft(self, who: str, wanted: Wanted, version: int | None) -> str:
        """Replace a side's draft."""
        side = SIDE[who]
        if self.status(self.last) != "ACTIVE":
            return "WRONG_STATE"
        held = self.of(side, "DRAFT")
        if version is not None and (held is None or held.version != version):
            return "CONFLICT"
        kept = held.items if held else {}
        items = self.wanted(who, wanted, taken=self._added(side, "PENDING"), kept=kept, gone=None)
        if isinstance(items, str):
            return items
        if set(items) == set(kept):
            return DONE
        if held is None:
            self.last.modifications.append(Modification(side, items=items))
        else:
            held.items, held.version = items, held.version + 1
        return DONE

    def submit(self, who: str, one: Modification, *, why: bool, version: int | None) -> str:
        """Send a draft."""
        side = SIDE[who]
        if one.side != side:
            return "FORBIDDEN" if one.was_sent else "NOT_FOUND"
        if one.status != "DRAFT":
            return "WRONG_STATE"
        refusals = {
            "CONFLICT": version not in (None, one.version),
            "NO_CHANGES": not one.items,
            "REASON_REQUIRED": not why,
            "ALREADY_PROPOSED": self.of(side, "PENDING") is not None,
            "CONFLICT ": not self._is_current(one.items),
            "CAPABILITY_DENIED": who == "sam" and ("ADD_ACCOUNT", "second") in one.items,
        }
        refused = next((code.strip() for code, is_so in refusals.items() if is_so), None)
        if refused:
            return refused
        one.status, one.was_sent, one.version, one.open_until = "PENDING", True, one.version + 1, self.today + OPEN_FOR
        return DONE

    def _closed(self, who: str, one: Modification, version: int | None, *, own: bool) -> str:
        """Tell whether somebody may leave PENDING, and is not too late."""
        is_own = one.side == SIDE[who]
        if not is_own and not one.was_sent:
            return "NOT_FOUND"
        if is_own is not own:
            return "FORBIDDEN"
        status = self.status(one)
        if status != "PENDING":
            return "EXPIRED" if status == "EXPIRED" else "WRONG_STATE"
        return "CONFLICT" if version not in (None, one.version) else DONE

    def accept(self, who: str, one: Modification, chosen: set[Item] | None, version: int | None) -> str:
        """Let items take effect."""
        answer = self._closed(who, one, version, own=False)
        if answer != DONE:
            return answer
        if chosen is not None and not chosen:
            return "INVALID"
        taken = set(one.items) if chosen is None else chosen
        if not self._is_current(taken):
            return "CONFLICT"
        one.status = "ACCEPTED" if taken == set(one.items) else "PARTIALLY_ACCEPTED"
        one.version += 1
        one.items = {item: item in taken for item in one.items}
        for kind, name, *rest in taken:
            match kind:
                case "ADD_CONTACT":
                    self.last.assigned.add(name)
                case "RELEASE_CONTACT":
                    self.last.assigned.discard(name)
                case "ADD_ACCOUNT":
                    self.last.has_second = True
                case _:
                    self.last.title = rest[1]
        return DONE

    def decline(self, who: str, one: Modification, *, why: bool, version: int | None) -> str:
        """Say no."""
        answer = self._closed(who, one, version, own=False)
        if answer != DONE:
            return answer
        if not why:
            return "REASON_REQUIRED"
        one.status, one.version, one.items = "DECLINED", one.version + 1, dict.fromkeys(one.items, False)
        return DONE

    def withdraw(self, who: str, one: Modification, version: int | None) -> str:
        """Take back."""
        answer = self._closed(who, one, version, own=True)
        if answer == DONE:
            one.status, one.version = "WITHDRAWN", one.version + 1
        return answer

    def counter(  # noqa: PLR0911  a refusal each, in their order
        self, who: str, one: Modification, wanted: Wanted, *, why: bool, version: int | None
    ) -> str:
        """Put one's own in the place of the other side's."""
        side = SIDE[who]
        may = self._closed(who, one, None, own=False)
        if may in {"NOT_FOUND", "FORBIDDEN"}:
            return may
        if not why:
            return "REASON_REQUIRED"
        answer = self._closed(who, one, version, own=False)
        if answer != DONE:
            return answer
        if self.of(side, "PENDING"):
            return "ALREADY_PROPOSED"
        items = self.wanted(who, wanted, taken=self._added(side, "DRAFT"), kept={}, gone=one)
        if isinstance(items, str):
            return items
        if not items:
            return "NO_CHANGES"
        one.status, one.version = "SUPERSEDED", one.version + 1
        put = Modification(side, "PENDING", was_sent=True, open_until=self.today + OPEN_FOR, items=items)
        self.last.modifications.append(put)
        return DONE

    def end(self, who: str, *, confirmed: bool) -> str:
        """End at once."""
        if who not in {"admin", "owner"}:
            return "FORBIDDEN"
        if self.status(self.last) != "ACTIVE":
            return "WRONG_STATE"
        if not confirmed:
            return "STALE_CONFIRMATION"
        for each in self.last.modifications:
            if self.status(each) in {"DRAFT", "PENDING"}:
                each.status, each.version = "CANCELLED", each.version + 1
        self.last.status, self.last.assigned, self.last.has_second = "ENDED", set(), False
        self.last.hidden.add(SIDE[who])
        return DONE

    def hide(self, who: str) -> str:
        """Take it off a side's home."""
        if self.status(self.last) in {"OFFERED", "ACTIVE"}:
            return "WRONG_STATE"
        self.last.hidden.add(SIDE[who])
        return DONE

    def offer(self, lent: frozenset[str]) -> str:
        """Offer anew, with the partner's own contacts."""
        status = self.status(self.last)
        if status in {"OFFERED", "ACTIVE"}:
            return "ALREADY_PROPOSED" if status == "OFFERED" else "ALREADY_PARTNERS"
        self.partnerships.append(Partnership("OFFERED", self.today + OPEN_FOR, lent=set(lent)))
        return DONE

    def accept_offer(self) -> str:
        """Begin anew."""
        status = self.status(self.last)
        if status != "OFFERED":
            return "EXPIRED" if status == "EXPIRED" else "WRONG_STATE"
        self.last.status, self.last.assigned = "ACTIVE", set(self.last.lent)
        return DONE
