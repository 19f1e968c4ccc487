"""An account from its setting up to its end: by whom, and what each step does (mission 1.5, 1.7, 1.8)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from types import ModuleType

import pytest

import models
from domain import invites, proposals, seats, staff, tokens, workspaces
from domain.errors import Refusal
from domain.seats import Seat
from models.enums import (
    AccessStatus,
    AccountStatus,
    InviteKind,
    PartnerMemberRole,
    PartnershipKind,
    PartnershipStatus,
    ProposalStatus,
    Role,
    SecurityRole,
    Side,
    UserErrorCode,
)
from tests import given
from tests.domain.refusals import columns, refused
from tests.domain.together import Together, together

pytestmark = pytest.mark.usefixtures("clock", "quick_passwords")

OWNER, MANAGER, STAFF = SecurityRole
OLGA = "olga@quay.example"


async def _created(by: Seat, partner_id: str, **given_: str | None) -> models.Account:
    chosen = {"client_name": None if "client_id" in given_ else "Quay Traders", **given_}
    account_id = await workspaces.create(
        by=by, partner_id=partner_id, account_name="Web shop", plan="Business", details=None, **chosen
    )
    return await models.Account.get(id=account_id)


async def _handed_over(by: Seat, account: models.Account, email: str = OLGA) -> models.Proposal:
    await workspaces.hand_over(by=by, account_id=account.id, owner_email=email, owner_name="Olga Owner")
    return await models.Proposal.get(account_id=account.id, status=ProposalStatus.PENDING, email=email)


async def _link(invite: models.Proposal) -> models.Link:
    return await models.Link.get(proposal_id=invite.id, used_at=None, replaced_at=None).select_related("proposal")


async def _accept(invite: models.Proposal, clock: ModuleType, *, by: Seat | None = None) -> Seat:
    return await _follow(await _link(invite), clock, by=by)


async def _follow(link: models.Link, clock: ModuleType, *, by: Seat | None = None) -> Seat:
    accepted = await invites.accept(
        tokens.of_link(link),
        tokens.challenge(link, clock.now()),
        by=by,
        name="Olga Owner",
        password="correct horse battery",
        client_name=None,
        account_name=None,
        ip=None,
        user_agent=None,
    )
    return accepted.signed_in.seat


async def _topics(stream: str) -> list[str]:
    return [event.topic for event in await models.Event.filter(stream=stream).order_by("version")]


async def _place(of: Seat, account: models.Account) -> models.StaffMember:
    return await models.StaffMember.get(user_id=of.user_id, account_id=account.id, removed_at=None)


async def _joined(two: Together, role: SecurityRole, name: str = "Max Manager") -> Seat:
    """Put one more person on the account's staff, without making an owner the account's."""
    person = await given.user(name)
    await models.StaffMember.create(account=two.account, user=person, role=role, joined_at=two.account.created_at)
    return await given.seat(person, given.STAFF_ROLES[role], client=two.client)


# ── set up ──


@pytest.mark.usefixtures("database")
class TestCreate:
    async def test_1_8_a_partner_sets_an_account_up_for_a_new_client(self, clock: ModuleType) -> None:
        partner = await given.partner("Northwind")
        paula = await given.member(partner)
        account_id = await workspaces.create(
            by=paula,
            partner_id=partner.id,
            client_name="Quay Traders",
            account_name=" Web shop ",
            plan="Business",
            details={"city": "Bergen", "email": "Hello@quay.example"},
        )
        account = await models.Account.get(id=account_id).select_related("client")
        partnership = await models.Partnership.get(partner_id=partner.id)
        grant = await models.AccessGrant.get(account_id=account_id)
        assert (account.name, account.name_key, account.status, account.plan, account.price, account.owner_id) == (
            "Web shop",
            "web shop",
            AccountStatus.SETTING_UP,
            "Business",
            None,
            None,
        )
        client = account.client
        assert (client.name, client.name_key, client.city, client.email) == (
            "Quay Traders",
            "quay traders",
            "Bergen",
            "hello@quay.example",
        )
        assert {name: value for name, value in columns(partnership).items() if value not in (None, False)} == {
            "id": partnership.id,
            "kind": PartnershipKind.DIRECT,
            "partner_id": partner.id,
            "client_id": client.id,
            "status": PartnershipStatus.ACTIVE,
            "partner_key": "northwind",
            "client_key": "quay traders",
            "title": "Web shop",
            "version": 1,
            "started_at": clock.now(),
            "changed_at": clock.now(),
            "created_at": clock.now(),
        }
        assert (grant.partnership_id, grant.partner_id, grant.status, grant.expires_at) == (
            partnership.id,
            partner.id,
            AccessStatus.ENABLED,
            None,
        )
        assert await _topics(client.id) == ["client.created"]
        assert await _topics(account_id) == ["account.created"]
        assert await _topics(partnership.id) == ["partnership.started", "grant.connected"]

    async def test_for_a_client_that_it_works_for_within_their_partnership(self) -> None:
        two = await together()
        account = await _created(two.paula, two.partner.id, client_id=two.client.id)
        grant = await models.AccessGrant.get(account_id=account.id)
        assert (account.client_id, grant.partnership_id) == (two.client.id, two.partnership.id)
        assert await models.Partnership.all().count() == 1
        assert await _topics(two.partnership.id) == ["grant.connected"]

    async def test_the_vendor_does_it_for_a_partner_and_that_shows(self) -> None:
        partner, admin = await given.partner(), await given.admin()
        account = await _created(admin, partner.id)
        events = await models.Event.filter(stream__in=[account.id, account.client_id])
        assert {(event.actor_id, event.on_behalf_of) for event in events} == {(admin.user_id, partner.id)}

    @pytest.mark.parametrize(
        ("client", "code"),
        [
            (PartnershipStatus.ENDED, UserErrorCode.NOT_CONNECTED),
            (PartnershipStatus.OFFERED, UserErrorCode.NOT_FOUND),
            (None, UserErrorCode.NOT_FOUND),
        ],
    )
    async def test_1_5_where_it_does_not_work_it_takes_an_offer(
        self, client: PartnershipStatus | None, code: UserErrorCode
    ) -> None:
        partner, asked = await given.partner(), await given.client()
        paula, admin = await given.member(partner), await given.admin()
        if client is not None:
            await given.partnership(partner, asked, client)
        async with refused(code, "clientId"):
            await _created(paula, partner.id, client_id=asked.id)
        # Nor does the vendor begin a partnership for two companies that are there to be asked.
        async with refused(UserErrorCode.NOT_CONNECTED, "clientId"):
            await _created(admin, partner.id, client_id=asked.id)

    async def test_exactly_one_of_client_and_name_is_said(self) -> None:
        two = await together()
        for client_id, client_name in ((None, None), (two.client.id, "Quay Traders")):
            async with refused(UserErrorCode.INVALID, "clientId"):
                await _created(two.paula, two.partner.id, client_id=client_id, client_name=client_name)

    @pytest.mark.parametrize(
        ("columns_", "at"),
        [
            ({"client_name": " "}, ("clientName",)),
            ({"account_name": ""}, ("accountName",)),
            ({"plan": "\n"}, ("plan",)),
            ({"details": {"email": "nobody"}}, ("details", "email")),
        ],
    )
    async def test_what_is_typed_is_checked(self, columns_: dict[str, object], at: tuple[str, ...]) -> None:
        partner = await given.partner()
        paula = await given.member(partner)
        typed = {"client_name": "Quay", "account_name": "Shop", "plan": "Business", **columns_}
        async with refused(UserErrorCode.INVALID, *at):
            await workspaces.create(by=paula, partner_id=partner.id, **typed)  # type: ignore[arg-type]  # mixed values

    async def test_a_client_s_details_are_its_own_to_change(self) -> None:
        two = await together()
        async with refused(UserErrorCode.INVALID, "details"):
            await workspaces.create(
                by=two.paula,
                partner_id=two.partner.id,
                client_id=two.client.id,
                account_name="Shop",
                plan="Business",
                details={"city": "Bergen"},
            )

    async def test_only_for_its_own_company_and_by_no_client(self) -> None:
        two, other = await together(), await given.partner("Westwind")
        async with refused(UserErrorCode.NOT_FOUND, "partnerId"):
            await _created(two.admin, other.id)
        async with refused(UserErrorCode.FORBIDDEN):
            await _created(two.owner, two.partner.id)


# ── handed over ──


@pytest.mark.usefixtures("database")
class TestHandOver:
    async def test_1_8_the_owner_is_invited_by_the_partner_and_takes_over(self, clock: ModuleType) -> None:
        partner = await given.partner("Northwind")
        paula = await given.member(partner)
        account = await _created(paula, partner.id)
        invite = await _handed_over(paula, account)
        assert (invite.invite_kind, invite.name, invite.from_partner_id, invite.role, invite.expires_at) == (
            InviteKind.ACCOUNT_OWNER,
            "Olga Owner",
            partner.id,
            OWNER,
            clock.now() + timedelta(days=7),
        )
        seat = await _accept(invite, clock)
        account = await models.Account.get(id=account.id)
        assert (account.status, account.owner_id) == (AccountStatus.ACTIVE, seat.user_id)
        assert (seat.side, seat.client_id, Role.ACCOUNT_OWNER in seat.roles) == (Side.CLIENT, account.client_id, True)
        assert await _topics(account.id) == [
            "account.created",
            "invite.sent",
            "account.member_joined",
            "invite.accepted",
        ]
        # From now on the five are the owner's (mission 1.7).
        async with refused(UserErrorCode.CAPABILITY_DENIED, "accountId"):
            await workspaces.cancel(by=paula, account_id=account.id, reason="Not needed.")

    async def test_not_while_an_invite_is_open_and_not_once_it_has_an_owner(self, clock: ModuleType) -> None:
        partner = await given.partner()
        paula, admin = await given.member(partner), await given.admin()
        account = await _created(paula, partner.id)
        invite = await _handed_over(paula, account)
        for by in (paula, admin):
            async with refused(UserErrorCode.ALREADY_PROPOSED, "accountId"):
                await _handed_over(by, account, "other@quay.example")
        await _accept(invite, clock)
        async with refused(UserErrorCode.WRONG_STATE, "accountId"):
            await _handed_over(paula, account, "other@quay.example")

    @pytest.mark.parametrize("how", ["withdrawn", "expired"])
    async def test_again_once_the_invite_has_ended(self, how: str, clock: ModuleType) -> None:
        partner = await given.partner()
        paula = await given.member(partner)
        account = await _created(paula, partner.id)
        invite = await _handed_over(paula, account)
        if how == "withdrawn":
            await proposals.withdraw(invite.id, by=paula)
        else:
            clock.advance(timedelta(days=7))
        again = await _handed_over(paula, account)
        assert (await models.Proposal.get(id=invite.id)).status == ProposalStatus(how.upper())
        assert await _topics(account.id) == ["account.created", "invite.sent", f"invite.{how}", "invite.sent"]
        await _accept(again, clock)

    async def test_1_1_never_to_the_partner_itself(self) -> None:
        partner = await given.partner()
        paula, colleague = await given.member(partner), await given.user("Carl", email="carl@private.example")
        await given.member(partner, user=colleague)
        account = await _created(paula, partner.id)
        for address in (f"anybody@{partner.domain}", "carl@private.example"):
            async with refused(UserErrorCode.SELF_PARTNERSHIP, "ownerEmail"):
                await _handed_over(paula, account, address)

    async def test_1_1_no_member_of_any_partner_takes_over_what_a_partner_hands_over(self, clock: ModuleType) -> None:
        partner, other = await given.partner(), await given.partner("Westwind")
        paula = await given.member(partner)
        await given.member(other, user=await given.user("Mo Mole", email="mo@mole.example"))
        account = await _created(paula, partner.id)
        invite = await _handed_over(paula, account, "mo@mole.example")
        async with refused(UserErrorCode.FORBIDDEN):
            await _accept(invite, clock)
        await proposals.withdraw(invite.id, by=paula)
        mine = await _handed_over(paula, account)
        async with refused(UserErrorCode.FORBIDDEN):
            await _accept(mine, clock, by=paula)

    async def test_1_1_of_a_client_that_has_owners_to_one_of_them_alone(self, clock: ModuleType) -> None:
        two = await together()
        account = await _created(two.paula, two.partner.id, client_id=two.client.id)
        async with refused(UserErrorCode.FORBIDDEN, "ownerEmail"):
            await _handed_over(two.paula, account)
        sam = await models.User.get(id=two.sam.user_id)
        async with refused(UserErrorCode.FORBIDDEN, "ownerEmail"):
            await _handed_over(two.paula, account, str(sam.email))
        owner = await models.User.get(id=two.owner.user_id)
        await _accept(await _handed_over(two.paula, account, str(owner.email)), clock)
        assert (await models.Account.get(id=account.id)).owner_id == owner.id

    async def test_by_those_alone_who_are_connected_or_the_vendor(self) -> None:
        two, other = await together(), await given.member(await given.partner("Westwind"))
        account = await _created(two.paula, two.partner.id)
        async with refused(UserErrorCode.NOT_FOUND, "accountId"):
            await _handed_over(other, account)
        async with refused(UserErrorCode.FORBIDDEN):
            await _handed_over(two.owner, two.account)
        await models.AccessGrant.filter(account_id=account.id).update(status=AccessStatus.DISCONNECTED)
        async with refused(UserErrorCode.NOT_FOUND, "accountId"):
            await _handed_over(two.paula, account)
        invite = await _handed_over(await given.admin(), account)
        assert invite.from_partner_id is None

    async def test_addresses_and_names_are_checked(self) -> None:
        partner = await given.partner()
        paula = await given.member(partner)
        account = await _created(paula, partner.id)
        async with refused(UserErrorCode.INVALID, "ownerEmail"):
            await _handed_over(paula, account, "olga@")
        async with refused(UserErrorCode.INVALID, "ownerName"):
            await workspaces.hand_over(by=paula, account_id=account.id, owner_email=OLGA, owner_name=" ")


# ── the five that are the owner's ──


Verb = Callable[[Seat, Together], Awaitable[object]]


async def _change_owner(by: Seat, two: Together) -> object:
    place = await models.StaffMember.get(user_id=two.sam.user_id, account_id=two.account.id)
    return await workspaces.change_owner(by=by, account_id=two.account.id, staff_id=place.id)


async def _change_subscription(by: Seat, two: Together) -> object:
    return await workspaces.change_subscription(
        by=by, account_id=two.account.id, plan="Agency", price=Decimal("49.90"), currency="eur"
    )


async def _cancel(by: Seat, two: Together) -> object:
    return await workspaces.cancel(by=by, account_id=two.account.id, reason="We close the shop.")


OWNERS_VERBS = {"change_owner": _change_owner, "change_subscription": _change_subscription, "cancel": _cancel}


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("verb", OWNERS_VERBS.values(), ids=OWNERS_VERBS)
class TestTheOwners:
    @pytest.mark.parametrize("who", ["manager", "staff", "partner", "partner's admin", "expired", "disabled"])
    async def test_1_7_denied_to_all_others_who_work_in_the_account(self, verb: Verb, who: str) -> None:
        two = await together()
        by = {"staff": two.sam, "partner's admin": two.admin}.get(who, two.paula)
        if who == "manager":
            by = await _joined(two, MANAGER)
        if who in {"expired", "disabled"}:
            await models.AccessGrant.filter(id=two.grant.id).update(status=AccessStatus(who.upper()))
        async with refused(UserErrorCode.CAPABILITY_DENIED, "accountId"):
            await verb(by, two)

    @pytest.mark.parametrize("who", ["stranger", "other client", "former partner", "former owner", "other account"])
    async def test_to_everybody_else_the_account_does_not_exist(self, verb: Verb, who: str, clock: ModuleType) -> None:
        two = await together()
        match who:
            case "stranger":
                by = await given.member(await given.partner("Westwind"), PartnerMemberRole.ADMIN)
            case "other client":
                by = await given.staff(await given.account(await given.client("Elsewhere")))
            case "former partner":
                by = two.paula
                await models.AccessGrant.filter(id=two.grant.id).update(status=AccessStatus.DISCONNECTED)
            case "other account":
                by = await given.staff(await given.account(two.client, "Annex"))
            case _:
                by = await _joined(two, OWNER)
                await models.StaffMember.filter(user_id=by.user_id).update(removed_at=clock.now())
        async with refused(UserErrorCode.NOT_FOUND, "accountId"):
            await verb(by, two)

    async def test_a_cancelled_account_stays_as_it_is(self, verb: Verb) -> None:
        two = await together()
        await models.Account.filter(id=two.account.id).update(status=AccountStatus.CANCELLED)
        async with refused(UserErrorCode.WRONG_STATE, "accountId"):
            await verb(two.owner, two)

    async def test_whoever_has_an_owner_s_role_may(self, verb: Verb) -> None:
        two = await together()
        assert await verb(await _joined(two, OWNER), two) == two.account.id


@pytest.mark.usefixtures("database")
class TestOwnerChange:
    async def test_the_new_owner_has_it_and_the_former_one_stays_as_manager(self) -> None:
        two = await together()
        old, new = await _place(two.owner, two.account), await _place(two.sam, two.account)
        await _change_owner(two.owner, two)
        assert (await models.Account.get(id=two.account.id)).owner_id == two.sam.user_id
        assert [(await models.StaffMember.get(id=row.id)).role for row in (old, new)] == [MANAGER, OWNER]
        roles = [set((await models.Seat.get(id=seat.id)).roles) for seat in (two.owner, two.sam)]
        assert roles == [given.STAFF_ROLES[MANAGER], given.STAFF_ROLES[OWNER]]
        [event] = await models.Event.filter(stream=two.account.id)
        assert (event.topic, event.subject, event.changes, event.partner_id) == (
            "account.owner_changed",
            new.id,
            [{"field": "owner", "before": old.id, "after": new.id}],
            None,
        )
        async with refused(UserErrorCode.CAPABILITY_DENIED, "accountId"):
            await _change_owner(two.owner, two)

    async def test_to_who_is_it_already_is_no_change(self) -> None:
        two = await together()
        place = await _place(two.owner, two.account)
        await workspaces.change_owner(by=two.owner, account_id=two.account.id, staff_id=place.id)
        assert await models.Event.all().count() == 0

    async def test_only_to_somebody_of_this_account_s_staff(self, clock: ModuleType) -> None:
        two = await together()
        elsewhere = await given.staff(annex := await given.account(two.client, "Annex"))
        place, sam = await _place(elsewhere, annex), await _place(two.sam, two.account)
        async with refused(UserErrorCode.NOT_FOUND, "staffId"):
            await workspaces.change_owner(by=two.owner, account_id=two.account.id, staff_id=place.id)
        await models.StaffMember.filter(id=sam.id).update(removed_at=clock.now())
        async with refused(UserErrorCode.NOT_FOUND, "staffId"):
            await workspaces.change_owner(by=two.owner, account_id=two.account.id, staff_id=sam.id)

    async def test_the_vendor_changes_no_owner(self) -> None:
        two, by = await together(), await given.admin()
        async with refused(UserErrorCode.FORBIDDEN):
            await _change_owner(by, two)


@pytest.mark.usefixtures("database")
class TestSubscriptionChange:
    async def test_it_is_kept_in_minor_units_and_told_as_people_write_it(self) -> None:
        two = await together()
        await models.Account.filter(id=two.account.id).update(plan="Business", price=900, currency="EUR")
        await _change_subscription(two.owner, two)
        account = await models.Account.get(id=two.account.id)
        assert (account.plan, account.price, account.currency) == ("Agency", 4990, "EUR")
        [event] = await models.Event.filter(stream=two.account.id)
        assert (event.topic, event.partner_id, event.on_behalf_of, event.changes) == (
            "account.subscription_changed",
            None,
            None,
            [
                {"field": "plan", "before": "Business", "after": "Agency"},
                {"field": "price", "before": "9.00", "after": "49.90"},
            ],
        )
        await _change_subscription(two.owner, two)  # as it is: nothing happens
        assert await models.Event.filter(stream=two.account.id).count() == 1

    async def test_5_4_the_vendor_does_it_on_the_client_s_behalf(self) -> None:
        two, by = await together(), await given.admin()
        await _change_subscription(by, two)
        [event] = await models.Event.filter(stream=two.account.id)
        assert (event.side, event.actor_id, event.on_behalf_of) == (Side.VENDOR, by.user_id, two.client.id)

    @pytest.mark.parametrize(
        ("plan", "price", "currency", "at"),
        [
            (" ", "49", "EUR", "plan"),
            ("Agency", "-1", "EUR", "price"),
            ("Agency", "49.995", "EUR", "price"),
            ("Agency", "49.5", "JPY", "price"),
            ("Agency", "49", "EURO", "currency"),
        ],
    )
    async def test_what_is_typed_is_checked(self, plan: str, price: str, currency: str, at: str) -> None:
        two = await together()
        async with refused(UserErrorCode.INVALID, at):
            await workspaces.change_subscription(
                by=two.owner, account_id=two.account.id, plan=plan, price=Decimal(price), currency=currency
            )


@pytest.mark.usefixtures("database")
class TestCancel:
    async def test_all_that_was_open_in_it_ends_with_it(self, clock: ModuleType) -> None:
        two = await together()
        other = await given.partner("Westwind")
        second = await given.partnership(other, two.client)
        await given.grant(second, two.account)
        await given.grant(second, annex := await given.account(two.client, "Annex"))
        invite_id = await staff.invite(by=two.owner, account_id=two.account.id, email=OLGA, role=STAFF)
        await _cancel(two.owner, two)

        account = await models.Account.get(id=two.account.id)
        assert (account.status, account.cancelled_at, account.cancel_reason, account.owner_id) == (
            AccountStatus.CANCELLED,
            clock.now(),
            "We close the shop.",
            two.owner.user_id,
        )
        grants = await models.AccessGrant.all().order_by("id")
        assert [(grant.account_id, grant.status) for grant in grants] == [
            (two.account.id, AccessStatus.DISCONNECTED),
            (two.account.id, AccessStatus.DISCONNECTED),
            (annex.id, AccessStatus.ENABLED),
        ]
        link = await models.Link.get(proposal_id=invite_id)
        assert (await models.Proposal.get(id=invite_id)).status is ProposalStatus.CANCELLED
        assert link.replaced_at == clock.now()
        # A partner's last account of the client ends their partnership (mission 1.5).
        assert (await two.now()).status is PartnershipStatus.ENDED
        assert (await models.Partnership.get(id=second.id)).status is PartnershipStatus.ACTIVE
        assert await _topics(two.account.id) == ["invite.sent", "account.cancelled"]
        assert Counter(await _topics(two.partnership.id)) == {"partnership.ended": 1, "grant.disconnected": 1}
        assert await _topics(second.id) == ["grant.disconnected"]
        reasons = {event.reason for event in await models.Event.exclude(topic="invite.sent")}
        assert reasons == {"We close the shop."}

    async def test_its_people_keep_their_seats_and_read_on(self, clock: ModuleType) -> None:
        two = await together()
        await _cancel(two.owner, two)
        for seat in (two.owner, two.sam):
            assert await seats.of_token_hash(seat.token_hash, clock.now()) == seat

    @pytest.mark.parametrize("reason", ["", " \n"])
    async def test_it_takes_a_reason(self, reason: str) -> None:
        two = await together()
        async with refused(UserErrorCode.REASON_REQUIRED, "reason"):
            await workspaces.cancel(by=two.owner, account_id=two.account.id, reason=reason)

    async def test_the_vendor_cancels_nobody_s_account(self) -> None:
        two, by = await together(), await given.admin()
        async with refused(UserErrorCode.FORBIDDEN):
            await _cancel(by, two)


# ── at once ──


async def _outcomes(*verbs: Awaitable[object]) -> Counter[str]:
    """Run verbs at once, each in a task of its own; tell how each ended."""
    ended = await asyncio.gather(*verbs, return_exceptions=True)
    unexpected = [end for end in ended if isinstance(end, BaseException) and not isinstance(end, Refusal)]
    assert not unexpected, unexpected
    return Counter(end.code.value if isinstance(end, Refusal) else "done" for end in ended)


@pytest.mark.usefixtures("committed")
class TestAtOnce:
    async def test_of_two_who_take_one_hand_over_at_once_one_does(self, clock: ModuleType) -> None:
        partner = await given.partner()
        paula = await given.member(partner)
        account = await _created(paula, partner.id)
        await given.user("Olga Owner", email=OLGA)
        invite = await _handed_over(paula, account)
        link = await _link(invite)
        assert await _outcomes(*(_follow(link, clock) for _ in range(4))) == {"done": 1, "WRONG_STATE": 3}
        assert await models.StaffMember.filter(account_id=account.id).count() == 1

    async def test_of_two_owners_who_remove_each_other_at_once_one_stays(self) -> None:
        two = await together()
        first, second = await _joined(two, OWNER, "Ada First"), await _joined(two, OWNER, "Bea Second")
        places = [await _place(seat, two.account) for seat in (first, second)]
        ended = await _outcomes(
            staff.remove(by=first, staff_id=places[1].id), staff.remove(by=second, staff_id=places[0].id)
        )
        # Whoever comes second has no right any more, and whoever looks later still does not see the account.
        assert ended in ({"done": 1, "CAPABILITY_DENIED": 1}, {"done": 1, "NOT_FOUND": 1})
        left = await models.StaffMember.filter(id__in=[place.id for place in places], removed_at=None).count()
        assert left == 1

    async def test_of_two_who_make_somebody_else_the_owner_at_once_one_does(self) -> None:
        two = await together()
        sam, max_ = await _place(two.sam, two.account), await _place(await _joined(two, MANAGER), two.account)
        ended = await _outcomes(
            workspaces.change_owner(by=two.owner, account_id=two.account.id, staff_id=sam.id),
            workspaces.change_owner(by=two.owner, account_id=two.account.id, staff_id=max_.id),
        )
        assert ended == {"done": 1, "CAPABILITY_DENIED": 1}
        owners = await models.StaffMember.filter(account_id=two.account.id, role=OWNER)
        assert [place.user_id for place in owners] == [(await models.Account.get(id=two.account.id)).owner_id]

    async def test_of_two_hand_overs_and_of_two_staff_invites_at_once_one_is_sent(self) -> None:
        two = await together()
        account = await _created(two.paula, two.partner.id)
        handed = await _outcomes(
            *(
                workspaces.hand_over(by=by, account_id=account.id, owner_email=OLGA, owner_name="Olga")
                for by in (two.paula, two.admin)
            )
        )
        sent = await _outcomes(
            *(staff.invite(by=by, account_id=two.account.id, email=OLGA, role=STAFF) for by in (two.owner, two.paula))
        )
        assert (handed, sent) == ({"done": 1, "ALREADY_PROPOSED": 1},) * 2

    async def test_of_two_cancellations_at_once_one_is_told(self) -> None:
        two = await together()
        assert await _outcomes(_cancel(two.owner, two), _cancel(two.owner, two)) == {"done": 1, "WRONG_STATE": 1}
        assert await _topics(two.account.id) == ["account.cancelled"]

    async def test_nothing_is_left_open_of_what_comes_while_an_account_is_cancelled(self) -> None:
        two = await together()
        ended = await _outcomes(
            _cancel(two.owner, two),
            staff.invite(by=two.paula, account_id=two.account.id, email=OLGA, role=STAFF),
        )
        cancelled = (await models.Account.get(id=two.account.id)).status is AccountStatus.CANCELLED
        waiting = await models.Proposal.filter(account_id=two.account.id, status=ProposalStatus.PENDING).count()
        assert (cancelled, waiting, ended["done"]) in {(True, 0, 1), (True, 0, 2), (False, 1, 1)}
