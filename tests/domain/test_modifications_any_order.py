"""Two sides draft, submit, answer, end and begin anew in any order, beside a plain model (`plain.py`)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
)

import models
from domain import clock, modifications, partnerships, policy, proposals
from domain.errors import Refusal
from domain.seats import Seat
from models.enums import Side
from resolvers import partnerships as tiles
from tests import given
from tests.domain import any_order, plain
from tests.domain.any_order import MOSTLY
from tests.domain.test_ending import preview
from tests.domain.together import Together, together

WHO: Final = st.sampled_from(list(plain.SIDE))
SOME: Final = st.frozensets(st.sampled_from(plain.CONTACTS), max_size=2)
TITLE: Final = st.sampled_from([None, "Shop care", "Full care", "Half care"])
WANTED: Final = st.builds(
    plain.Wanted,
    adds=SOME,
    releases=SOME,
    account=st.sampled_from([False, False, True]),
    title=TITLE,
)
# What a caller sends: mostly none, else the one that it reads, else an old one.
VERSION: Final = st.sampled_from(["none"] * 6 + ["read", "read", "old"])
SELDOM: Final = st.sampled_from([False] * 6 + [True])


class ModificationsInAnyOrder(any_order.AnyOrder):
    """One run."""

    def __init__(self) -> None:
        super().__init__()
        self.world = plain.World()
        self.ids: dict[int, str] = {}  # of each modification of the model

    @initialize()
    def begin(self) -> None:
        """Write the two sides."""
        self.run(self._begin())

    async def _begin(self) -> None:
        self.t: Together = await together()
        self.second = await given.owned(await given.account(self.t.client, "Second shop"), self.t.owner)
        self.partnership_ids = [self.t.partnership.id]
        self.names = {getattr(self.t, name).id: name for name in plain.CONTACTS} | {self.second.id: "second"}
        self.row_ids = {name: row_id for row_id, name in self.names.items()}

    # ── steps ──

    def seat(self, who: str) -> Seat:
        return {"paula": self.t.paula, "admin": self.t.admin, "owner": self.t.owner, "sam": self.t.sam}[who]

    def does(self, expected: str, verb: Awaitable[object]) -> None:
        """Do it, and hold the outcome to the model's."""
        assert self.run(self._outcome(verb)) == expected

    async def _outcome(self, verb: Awaitable[object]) -> str:
        try:
            await verb
        except Refusal as refusal:
            return refusal.code.value
        return plain.DONE

    def wants(self, wanted: plain.Wanted) -> modifications.Wanted:
        asked: modifications.Wanted = {
            "add_contacts": [self.row_ids[name] for name in wanted.adds],
            "release_contacts": [self.row_ids[name] for name in wanted.releases],
            "add_accounts": [self.second.id] if wanted.account else [],
        }
        if wanted.title is not None:
            asked["terms"] = {"title": wanted.title}
        return asked

    def one(self, data: st.DataObject) -> plain.Modification:
        """Choose any modification there is, mostly one that waits."""
        every = self.world.last.modifications
        waiting = [each for each in every if self.world.status(each) == "PENDING"]
        is_waiting = data.draw(MOSTLY) if waiting else False
        return data.draw(st.sampled_from(waiting if is_waiting else every))

    @staticmethod
    def who(data: st.DataObject, side: str) -> str:
        """Choose who does something, mostly of the side whose it is to do."""
        return data.draw(
            st.sampled_from([who for who in plain.SIDE if plain.SIDE[who] == side]) if data.draw(MOSTLY) else WHO
        )

    def wanted(self, data: st.DataObject, who: str) -> plain.Wanted:
        """Choose what somebody asks for, mostly what may be asked for."""
        if data.draw(SELDOM):
            return data.draw(WANTED)
        last, side = self.world.last, plain.SIDE[who]
        free = [name for name in plain.OWN[side] if name not in last.assigned]
        assigned = sorted(last.assigned)
        return plain.Wanted(
            adds=data.draw(st.frozensets(st.sampled_from(free))) if free else frozenset(),
            releases=data.draw(st.frozensets(st.sampled_from(assigned), max_size=2)) if assigned else frozenset(),
            account=who == "owner" and not last.has_second and data.draw(st.booleans()),
            title=data.draw(TITLE),
        )

    @staticmethod
    def version(of: plain.Modification | None, sent: str) -> int | None:
        return {"none": None, "read": of.version if of else 1, "old": of.version - 1 if of else 2}[sent]

    def learn(self) -> None:
        """Note the ids of what the model has just made."""
        made = [each for each in self.world.last.modifications if id(each) not in self.ids]
        if made:
            rows = self.rows(models.Proposal, partnership_id=self.partnership_ids[-1], kind="MODIFICATION")
            [self.ids[id(made[0])]] = {row.id for row in rows} - set(self.ids.values())

    @rule(who=WHO, sent=VERSION, data=st.data())
    def draft(self, who: str, sent: str, data: st.DataObject) -> None:
        wanted, version = self.wanted(data, who), self.version(self.world.of(plain.SIDE[who], "DRAFT"), sent)
        verb = modifications.draft(
            by=self.seat(who),
            partnership_id=self.partnership_ids[-1],
            expected_version=version,
            **self.wants(wanted),
        )
        self.does(self.world.draft(who, wanted, version), verb)
        self.learn()

    @precondition(lambda self: self.world.last.modifications)
    @rule(why=MOSTLY, sent=VERSION, data=st.data())
    def submit(self, sent: str, data: st.DataObject, *, why: bool) -> None:
        drafts = [each for each in self.world.last.modifications if each.status == "DRAFT"]
        is_draft = data.draw(MOSTLY) if drafts else False
        one = data.draw(st.sampled_from(drafts)) if is_draft else self.one(data)
        who, version = self.who(data, one.side), self.version(one, sent)
        verb = proposals.submit(
            self.ids[id(one)], by=self.seat(who), message="We grow." if why else " ", expected_version=version
        )
        self.does(self.world.submit(who, one, why=why, version=version), verb)

    @rule(who=WHO, data=st.data())
    def draft_and_submit(self, who: str, data: st.DataObject) -> None:
        self.draft(who=who, sent="none", data=data)
        if self.world.of(plain.SIDE[who], "DRAFT"):
            self.submit(why=True, sent="none", data=data)

    @precondition(lambda self: self.world.last.modifications)
    @rule(verb=st.sampled_from(["accept", "accept", "decline", "counter", "withdraw"]), sent=VERSION, data=st.data())
    def answer(self, verb: str, sent: str, data: st.DataObject) -> None:
        one = self.one(data)
        who = self.who(data, one.side if verb == "withdraw" else plain.OTHER[one.side])
        answers = {"accept": self.accept, "decline": self.decline, "counter": self.counter, "withdraw": self.withdraw}
        answers[verb](one, who, self.version(one, sent), data)

    def accept(self, one: plain.Modification, who: str, version: int | None, data: st.DataObject) -> None:
        items = {self.item(row): row.id for row in self.rows(models.ProposalItem, proposal_id=self.ids[id(one)])}
        whole = not items or data.draw(st.booleans())
        chosen = None if whole else data.draw(st.sets(st.sampled_from(sorted(items))))
        verb = proposals.accept(
            self.ids[id(one)],
            by=self.seat(who),
            item_ids=None if chosen is None else [items[item] for item in chosen],
            expected_version=version,
        )
        self.does(self.world.accept(who, one, chosen, version), verb)

    def decline(self, one: plain.Modification, who: str, version: int | None, data: st.DataObject) -> None:
        why = data.draw(MOSTLY)
        verb = proposals.decline(
            self.ids[id(one)], by=self.seat(who), comment="No." if why else None, expected_version=version
        )
        self.does(self.world.decline(who, one, why=why, version=version), verb)

    def counter(self, one: plain.Modification, who: str, version: int | None, data: st.DataObject) -> None:
        why, wanted = data.draw(MOSTLY), self.wanted(data, who)
        verb = modifications.counter(
            self.ids[id(one)],
            by=self.seat(who),
            message="Rather so." if why else "",
            expected_version=version,
            **self.wants(wanted),
        )
        self.does(self.world.counter(who, one, wanted, why=why, version=version), verb)
        self.learn()

    def withdraw(self, one: plain.Modification, who: str, version: int | None, _: st.DataObject) -> None:
        verb = proposals.withdraw(self.ids[id(one)], by=self.seat(who), expected_version=version)
        self.does(self.world.withdraw(who, one, version), verb)

    @rule(who=WHO, data=st.data())
    def partnership(self, who: str, data: st.DataObject) -> None:
        """End it, hide it or begin anew, mostly where that is possible."""
        every: list[Callable[[str, st.DataObject], None]] = [self.end, self.hide, self.offer_anew, self.begin_anew]
        fits = {"ACTIVE": every[:1], "OFFERED": every[3:]}.get(self.world.status(self.world.last), every[1:3])
        data.draw(st.sampled_from(fits if data.draw(MOSTLY) else every))(who, data)

    def end(self, who: str, data: st.DataObject) -> None:
        partnership_id, confirmed = self.partnership_ids[-1], data.draw(st.booleans())
        confirmation = str(self.run(preview(partnership_id))) if confirmed else "an old one"
        verb = partnerships.end(
            by=self.seat(who), partnership_id=partnership_id, reason="We part.", confirmation=confirmation
        )
        self.does(self.world.end(who, confirmed=confirmed), verb)

    def hide(self, who: str, _: st.DataObject) -> None:
        verb = partnerships.hide(by=self.seat(who), partnership_id=self.partnership_ids[-1])
        self.does(self.world.hide(who), verb)

    def offer_anew(self, who: str, data: st.DataObject) -> None:
        lent = data.draw(st.frozensets(st.sampled_from(plain.OWN[plain.PARTNER])))
        verb = partnerships.offer(
            by=self.t.paula,
            partner_id=self.t.partner.id,
            client_id=self.t.client.id,
            terms={"title": "Shop care"},
            contact_ids=[self.row_ids[name] for name in lent],
        )
        expected = self.world.offer(lent)
        self.does(expected, verb)
        if expected == plain.DONE:
            [new] = {row.id for row in self.rows(models.Partnership)} - set(self.partnership_ids)
            self.partnership_ids.append(new)
            if data.draw(MOSTLY):
                self.begin_anew(who, data)

    def begin_anew(self, _: str, __: st.DataObject) -> None:
        [row] = self.rows(models.Partnership, id=self.partnership_ids[-1])
        if len(self.partnership_ids) > 1:
            verb = proposals.accept(str(row.offer_id), by=self.t.owner, account_ids=[])
            self.does(self.world.accept_offer(), verb)

    @rule(days=st.sampled_from([1, 3, 15, 29, 30]), sweeps=st.booleans())
    def time_passes(self, days: int, *, sweeps: bool) -> None:
        clock.advance(timedelta(days=days))
        self.world.today += days
        if sweeps:
            self.run(proposals.expire_due(clock.now()))
            self.run(proposals.remind_due(clock.now()))

    # ── what is seen ──

    def item(self, row: models.ProposalItem) -> plain.Item:
        kind = row.kind.value
        if row.field:
            return (kind, row.field, row.before or "", row.after or "")
        return (kind, self.names[row.contact_id or row.account_id or ""])

    @invariant()
    def both_sides_see_what_the_model_says(self) -> None:
        """Compare all that is visible: tiles, labels, terms, accounts, modifications with their items."""
        if hasattr(self, "partnership_ids"):
            for side, by in ((plain.PARTNER, self.t.paula), (plain.CLIENT, self.t.owner)):
                assert self.run(self._seen(side, by)) == self._expected(side)

    def _expected(self, side: str) -> object:
        last = self.world.last
        return (
            [(self.world.label(each), side in each.hidden) for each in self.world.partnerships],
            last.title,
            last.has_second,
            self.world.labels(last, side),
            {
                self.ids[id(each)]: (self.world.status(each), each.version, each.items)
                for each in self.world.visible(last, side)
            },
        )

    async def _seen(self, side: str, by: Seat) -> object:
        hidden = "hidden_by_partner" if side == plain.PARTNER else "hidden_by_client"
        homes = await any_order.read(
            f"select id, title, {tiles.LABEL} as label, {{t}}.{hidden} as hidden from partnership {{t}}"
            f" where {policy.VISIBLE['Partnership'][Side(side)]} order by {{t}}.created_at, {{t}}.id",
            by,
        )
        assert [row["id"] for row in homes] == self.partnership_ids
        lent = await any_order.read(
            f"select contact_id, {tiles.CONTACT_LABEL[Side(side)]} as label from assigned_contact {{t}}"
            f" where {{t}}.partnership_id = :of and {policy.VISIBLE['AssignedContact'][Side(side)]}",
            by,
            of=self.partnership_ids[-1],
        )
        asked = await any_order.read(
            f"select {{t}}.id, {policy.PROPOSAL_STATUS} as status, {{t}}.version, i.kind, i.contact_id, i.account_id,"
            " i.field, i.before, i.after, i.accepted from proposal {t} left join proposal_item i"
            " on i.proposal_id = {t}.id where {t}.partnership_id = :of and {t}.kind = 'MODIFICATION'"
            f" and {policy.VISIBLE['Proposal'][Side(side)]}",
            by,
            of=self.partnership_ids[-1],
        )
        seen: dict[str, tuple[str, int, dict[plain.Item, bool | None]]] = {}
        for row in asked:
            items = seen.setdefault(row["id"], (row["status"], row["version"], {}))[2]
            if row["kind"]:
                name = (
                    (row["field"], row["before"], row["after"])
                    if row["field"]
                    else (self.names[row["contact_id"] or row["account_id"]],)
                )
                items[row["kind"], *name] = None if row["accepted"] is None else bool(row["accepted"])
        connected = models.AccessGrant.filter(partnership_id=self.partnership_ids[-1], account_id=self.second.id)
        return (
            [(row["label"], bool(row["hidden"])) for row in homes],
            homes[-1]["title"],
            await connected.exclude(status="DISCONNECTED").exists(),
            {self.names[row["contact_id"]]: row["label"] for row in lent},
            seen,
        )


def test_4_2_two_sides_in_any_order_see_what_a_plain_model_says(template: str) -> None:
    any_order.hold(ModificationsInAnyOrder, template)
