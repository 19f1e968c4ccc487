import asyncio
from collections import Counter
from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import clients, identity, invites, partners, partnerships, proposals, seats, tokens
from domain.errors import Refusal
from domain.invites import InviteAccepted, InvitePreview
from domain.seats import Seat
from models.enums import (
    AccountStatus,
    Audience,
    InviteKind,
    LinkPurpose,
    PartnerKind,
    PartnerMemberRole,
    PartnershipStatus,
    ProposalStatus,
    Role,
    SecurityRole,
    Side,
    SignInMethod,
    UserErrorCode,
)
from tests import given
from tests.domain.refusals import everything, refused

PASSWORD = "correct horse battery"
NOT_FOUND = "This link is not valid. Open it exactly as it stands in the e-mail."


pytestmark = pytest.mark.usefixtures("quick_passwords")


# ── how one is invited, and answers ──


async def _partner_invited(by: Seat | None = None) -> models.Link:
    """Have the vendor create a partner; return the link that its admin is mailed."""
    partner_id = await partners.create(
        by=by or await given.admin(),
        name="Northwind",
        kind=PartnerKind.PARTNER,
        domain="northwind.example",
        licences=3,
        admin_email="nora@northwind.example",
        admin_name="Nora North",
    )
    return await models.Link.get(proposal__partner_id=partner_id).select_related("proposal")


async def _owner_invited(email: str = "olga@harbour.example") -> models.Link:
    """Have the vendor create a client; return the link that its account's owner is mailed."""
    client_id = await clients.create(
        by=await given.admin(),
        name="Harbour Foods",
        owner_email=email,
        owner_name="Olga Owner",
        account_name="Main shop",
    )
    return await models.Link.get(proposal__account__client_id=client_id).select_related("proposal")


async def _offered(
    by: Seat | None = None, email: str = "olga@harbour.example", client_name: str | None = "Harbour Foods"
) -> models.Link:
    """Have a partner offer a partnership to an address; return the link that it is mailed."""
    seat = by or await given.member(await given.partner("Northwind"))
    partnership_id = await partnerships.offer(
        by=seat,
        partner_id=seat.partner_id or "",
        email=email,
        client_name=client_name,
        terms={"title": "Shop care"},
        message="Shall we?",
    )
    return await _link_of(partnership_id)


async def _link_of(partnership_id: str | None) -> models.Link:
    open_one = models.Link.get(proposal__partnership_id=partnership_id, used_at=None, replaced_at=None)
    return await open_one.select_related("proposal")


async def _accept(
    link: models.Link,
    clock: ModuleType,
    *,
    by: Seat | None = None,
    name: str | None = "Olga Owner",
    password: str | None = PASSWORD,
    client_name: str | None = None,
    account_name: str | None = None,
    challenge: str | None = None,
) -> InviteAccepted:
    return await invites.accept(
        tokens.of_link(link),
        tokens.challenge(link, clock.now()) if challenge is None else challenge,
        by=by,
        name=name,
        password=password,
        client_name=client_name,
        account_name=account_name,
        ip=None,
        user_agent="Firefox",
    )


async def _decline(link: models.Link, clock: ModuleType, comment: str | None = None) -> None:
    await invites.decline(tokens.of_link(link), tokens.challenge(link, clock.now()), comment=comment, ip=None)


async def _preview(link: models.Link) -> InvitePreview:
    return await invites.preview(tokens.of_link(link), ip=None)


async def _owner(email: str, *companies: str) -> models.User:
    """Write a user who owns an account, "Main shop", in each of these client companies."""
    user = await given.user("Olga Owner", email=email)
    for company in companies:
        await given.staff(await given.account(await given.client(company)), user=user)
    return user


def _proposal(link: models.Link) -> models.Proposal:
    assert link.proposal is not None
    return link.proposal


async def _events(*topics: str) -> list[dict[str, object]]:
    columns = "topic", "stream", "actor_id", "side", "partner_id", "client_id", "account_id", "partnership_id", "reason"
    return await models.Event.filter(topic__in=topics).order_by("id").values(*columns)


# ── what the page may show ──


async def test_an_invite_s_holder_reads_what_it_is_about(database: None, clock: ModuleType) -> None:
    links = [await _partner_invited(), await _owner_invited(), await _offered(), await _offered(client_name=None)]
    shown = [await _preview(link) for link in links]
    in_days = {days: clock.now() + timedelta(days=days) for days in (7, 30)}
    pending = ProposalStatus.PENDING
    challenges = [tokens.challenge(link, clock.now()) for link in links]
    assert shown == [
        InvitePreview(
            InviteKind.PARTNER_ADMIN,
            pending,
            "nora@northwind.example",
            "Countersign",
            "Northwind",
            "Partner admin of Northwind",
            in_days[7],
            needs_password=True,
            challenge=challenges[0],
        ),
        InvitePreview(
            InviteKind.ACCOUNT_OWNER,
            pending,
            "olga@harbour.example",
            "Countersign",
            "Harbour Foods",
            "Account owner of Main shop",
            in_days[7],
            needs_password=True,
            challenge=challenges[1],
        ),
        InvitePreview(
            InviteKind.PARTNERSHIP,
            pending,
            "olga@harbour.example",
            "Northwind",
            "Harbour Foods",
            "Shop care",
            in_days[30],
            needs_password=True,
            challenge=challenges[2],
        ),
        InvitePreview(
            InviteKind.PARTNERSHIP,
            pending,
            "olga@harbour.example",
            "Northwind",
            "olga@harbour.example",
            "Shop care",
            in_days[30],
            needs_password=True,
            challenge=challenges[3],
        ),
    ]


async def test_2_2_looking_at_an_invite_changes_nothing(database: None, clock: ModuleType) -> None:
    link = await _offered()
    before = await everything()
    for _ in range(3):
        await _preview(link)
    assert await everything() == before


async def test_whoever_signs_in_already_needs_no_password(database: None, clock: ModuleType) -> None:
    await given.user(email="olga@harbour.example")
    assert not (await _preview(await _offered())).needs_password


async def test_an_invite_shows_how_it_ended(database: None, clock: ModuleType) -> None:
    admin = await given.admin()
    accepted, declined, withdrawn, reminded, late = [await _partner_invited(by=admin) for _ in range(5)]
    seller = await given.member(await given.partner())
    cancelled = await _offered(by=seller)
    await _accept(accepted, clock)
    await _decline(declined, clock)
    await proposals.withdraw(_proposal(withdrawn).id, by=admin)
    offer = await models.Proposal.get(partnership_id=_proposal(cancelled).partnership_id, kind="PARTNERSHIP_OFFER")
    await proposals.withdraw(offer.id, by=seller)
    clock.advance(timedelta(hours=1))
    await proposals.remind(_proposal(reminded).id, by=admin)
    ended = [await _preview(link) for link in (accepted, declined, withdrawn, cancelled, reminded)]
    clock.advance(timedelta(days=7) - timedelta(hours=1))
    ended.append(await _preview(late))
    assert [preview.status for preview in ended] == [
        ProposalStatus.ACCEPTED,
        ProposalStatus.DECLINED,
        ProposalStatus.WITHDRAWN,
        ProposalStatus.CANCELLED,
        ProposalStatus.SUPERSEDED,
        ProposalStatus.EXPIRED,
    ]


async def test_altered_empty_10_kb_nul_and_other_links_tokens_get_one_and_the_same_not_found(
    database: None, clock: ModuleType
) -> None:
    token = tokens.of_link(await _offered())
    user = await given.user()
    sign_in = tokens.of_link(await tokens.issue_sign_in(user.id, user.email or "", at=clock.now()))
    for wrong in (token[:-1], token.swapcase(), "", "x" * 10_240, "\0", f"{token}\0", "\ud800", sign_in):
        answers = []
        for verb in (
            invites.preview(wrong, ip=None),
            invites.decline(wrong, "x", comment=None, ip=None),
            invites.accept(
                wrong,
                "x",
                by=None,
                name="Eve",
                password=PASSWORD,
                client_name=None,
                account_name=None,
                ip=None,
                user_agent=None,
            ),
        ):
            with pytest.raises(Refusal) as refusal:
                await verb
            answers.append((refusal.value.code, refusal.value.message, refusal.value.field))
        assert answers == [(UserErrorCode.NOT_FOUND, NOT_FOUND, ["token"])] * 3


async def test_an_invite_s_link_signs_nobody_in(database: None, clock: ModuleType) -> None:
    link = await _offered()
    async with refused(UserErrorCode.NOT_FOUND, "token"):
        await identity.sign_in_with_link(
            tokens.of_link(link), tokens.challenge(link, clock.now()), ip=None, user_agent=None
        )


async def test_5_5_the_101st_look_at_invites_from_a_network_address_is_refused(
    database: None, clock: ModuleType
) -> None:
    codes: Counter[str] = Counter()
    for _ in range(101):
        with pytest.raises(Refusal) as refusal:
            await invites.preview("x", ip="192.0.2.7")
        codes[refusal.value.code] += 1
    assert codes == {"NOT_FOUND": 100, "RATE_LIMITED": 1}


# ── joining a partner company ──


async def test_a_partner_s_admin_joins(database: None, clock: ModuleType) -> None:
    link = await _partner_invited()
    clock.advance(timedelta(days=7) - timedelta(microseconds=1))
    accepted = await _accept(link, clock, name="Nora  North")
    invite, seat = await models.Proposal.get(id=accepted.invite_id), accepted.signed_in.seat
    user = await models.User.get(id=seat.user_id)
    session = await models.Session.get(id=seat.session_id)
    member = await models.PartnerMember.get(user_id=user.id)
    assert (user.name, user.email, user.is_vendor) == ("Nora  North", "nora@northwind.example", False)
    assert (invite.status, invite.version, invite.decided_by_id, invite.decided_at) == (
        ProposalStatus.ACCEPTED,
        2,
        user.id,
        clock.now(),
    )
    assert (member.partner_id, member.role, member.joined_at) == (
        invite.partner_id,
        PartnerMemberRole.ADMIN,
        clock.now(),
    )
    assert (await models.Partner.get(id=member.partner_id)).admin_id == user.id
    assert seat == await seats.of_token(accepted.signed_in.token, clock.now())
    assert (seat.side, seat.partner_id, seat.roles) == (
        Side.PARTNER,
        invite.partner_id,
        frozenset({Role.PUBLIC, Role.USER, Role.PARTNER, Role.PARTNER_ADMIN}),
    )
    assert (session.via, session.user_agent) == (SignInMethod.INVITE, "Firefox")
    about = {"stream": invite.partner_id, "actor_id": user.id, "side": "PARTNER", "partner_id": invite.partner_id}
    nothing = {"client_id": None, "account_id": None, "partnership_id": None, "reason": None}
    assert await _events("partner.member_joined", "invite.accepted") == [
        {"topic": "partner.member_joined", **about, **nothing},
        {"topic": "invite.accepted", **about, **nothing},
    ]


async def test_5_5_whoever_joined_signs_in_by_the_password_chosen(database: None, clock: ModuleType) -> None:
    accepted = await _accept(await _partner_invited(), clock)
    signed_in = await identity.sign_in(email="nora@northwind.example", password=PASSWORD, ip=None, user_agent=None)
    assert signed_in.seat.id == accepted.signed_in.seat.id


@pytest.mark.parametrize(
    ("name", "password", "field"),
    [
        (None, PASSWORD, "name"),
        (" ", PASSWORD, "name"),
        ("Nora", None, "password"),
        ("Nora", "elevenchars", "password"),
    ],
)
async def test_a_newcomer_gives_a_name_and_a_good_password(
    database: None, clock: ModuleType, name: str | None, password: str | None, field: str
) -> None:
    link = await _partner_invited()
    async with refused(UserErrorCode.INVALID, field):
        await _accept(link, clock, name=name, password=password)


async def test_whoever_signs_in_already_joins_by_the_link_alone_and_keeps_name_and_password(
    database: None, clock: ModuleType
) -> None:
    user = await given.user("Nora North", email="nora@northwind.example", password_hash="kept")
    link = await _partner_invited()
    accepted = await _accept(link, clock, name="Somebody", password="another password")
    kept = await models.User.get(id=user.id)
    assert (accepted.signed_in.seat.user_id, kept.name, kept.password_hash) == (user.id, "Nora North", "kept")


async def test_a_collaborator_rises_to_admin_in_the_same_place_and_seat(database: None, clock: ModuleType) -> None:
    link = await _partner_invited()
    partner = await models.Partner.get(id=_proposal(link).partner_id)
    user = await given.user(email="nora@northwind.example")
    before = await given.member(partner, user=user)
    accepted = await _accept(link, clock, name=None, password=None)
    [member] = await models.PartnerMember.all()
    assert (member.role, accepted.signed_in.seat.id) == (PartnerMemberRole.ADMIN, before.id)
    assert Role.PARTNER_ADMIN in accepted.signed_in.seat.roles


async def test_3_3_a_company_has_one_partner_admin(database: None, clock: ModuleType) -> None:
    link = await _partner_invited()
    partner = await models.Partner.get(id=_proposal(link).partner_id)
    await given.member(partner, PartnerMemberRole.ADMIN)
    async with refused(UserErrorCode.ADMIN_EXISTS, "token"):
        await _accept(link, clock)


# ── joining a client's account ──


async def test_an_account_s_owner_joins(database: None, clock: ModuleType) -> None:
    link = await _owner_invited()
    accepted = await _accept(link, clock)
    seat = accepted.signed_in.seat
    account = await models.Account.get(id=_proposal(link).account_id)
    [place] = await models.StaffMember.all()
    assert (account.owner_id, account.status) == (seat.user_id, AccountStatus.ACTIVE)
    assert (place.account_id, place.user_id, place.role) == (account.id, seat.user_id, SecurityRole.ACCOUNT_OWNER)
    assert (seat.side, seat.client_id, seat.roles) == (
        Side.CLIENT,
        account.client_id,
        frozenset({Role.PUBLIC, Role.USER, Role.CLIENT, Role.ACCOUNT_OWNER}),
    )
    about = {"stream": account.id, "actor_id": seat.user_id, "side": "CLIENT", "client_id": account.client_id}
    rest = {"account_id": account.id, "partner_id": None, "partnership_id": None, "reason": None}
    assert await _events("account.member_joined", "invite.accepted") == [
        {"topic": "account.member_joined", **about, **rest},
        {"topic": "invite.accepted", **about, **rest},
    ]


async def test_an_account_that_has_an_owner_or_was_cancelled_gets_none_by_invite(
    database: None, clock: ModuleType
) -> None:
    owned, cancelled = await _owner_invited(), await _owner_invited()
    await given.staff(await models.Account.get(id=_proposal(owned).account_id))
    await models.Account.filter(id=_proposal(cancelled).account_id).update(status=AccountStatus.CANCELLED)
    for link in (owned, cancelled):
        async with refused(UserErrorCode.WRONG_STATE, "token"):
            await _accept(link, clock)


# ── coming in to answer an offer ──


async def test_1_1_an_offer_s_invite_brings_the_client_in_and_leaves_the_answer_open(
    database: None, clock: ModuleType
) -> None:
    link = await _offered()
    accepted = await _accept(link, clock, client_name="Harbour Foods Ltd", account_name="Shop by the sea")
    seat = accepted.signed_in.seat
    partnership = await models.Partnership.get(id=_proposal(link).partnership_id)
    offer = await models.Proposal.get(id=partnership.offer_id)
    [client], [account], [place] = (
        await models.Client.all(),
        await models.Account.all(),
        await models.StaffMember.all(),
    )
    assert (client.name, account.name, account.client_id) == ("Harbour Foods Ltd", "Shop by the sea", client.id)
    assert (account.owner_id, account.status) == (seat.user_id, AccountStatus.ACTIVE)
    assert (place.user_id, place.role) == (seat.user_id, SecurityRole.ACCOUNT_OWNER)
    assert (seat.client_id, seat.roles) == (
        client.id,
        frozenset({Role.PUBLIC, Role.USER, Role.CLIENT, Role.ACCOUNT_OWNER}),
    )
    assert (partnership.status, partnership.client_id) == (PartnershipStatus.OFFERED, client.id)
    assert (offer.status, offer.to_client_id, offer.decided_at) == (ProposalStatus.PENDING, client.id, None)
    history = await models.Event.filter(client_id=client.id).order_by("id")
    assert [event.topic for event in history] == [
        "partnership.offered",
        "client.created",
        "account.created",
        "account.member_joined",
    ]
    [joined] = await models.Event.filter(topic="invite.accepted")
    assert (joined.stream, joined.partner_id, joined.actor_id, joined.visible_to) == (
        partnership.id,
        partnership.partner_id,
        seat.user_id,
        Audience.PARTNER,
    )
    await proposals.accept(offer.id, by=seat, account_ids=[account.id])
    assert (await models.Partnership.get(id=partnership.id)).status is PartnershipStatus.ACTIVE


async def test_what_is_left_out_is_named_as_the_offer_and_the_company_are(database: None, clock: ModuleType) -> None:
    await _accept(await _offered(), clock)
    [client], [account] = await models.Client.all(), await models.Account.all()
    assert (client.name, account.name) == ("Harbour Foods", "Harbour Foods")


async def test_a_company_that_nobody_named_is_asked_for(database: None, clock: ModuleType) -> None:
    link = await _offered(client_name=None)
    async with refused(UserErrorCode.INVALID, "clientName"):
        await _accept(link, clock)


@pytest.mark.parametrize(
    ("client_name", "account_name", "company", "accounts"),
    [
        (None, None, "Harbour Foods", {"Main shop": "Harbour Foods"}),
        ("HARBOUR  foods", "main shop", "Harbour Foods", {"Main shop": "Harbour Foods"}),
        (None, "Second", "Harbour Foods", {"Main shop": "Harbour Foods", "Second": "Harbour Foods"}),
        ("Lighthouse", None, "Lighthouse", {"Main shop": "Harbour Foods", "Lighthouse": "Lighthouse"}),
    ],
)
@pytest.mark.usefixtures("database")
async def test_an_owner_answers_for_the_only_company_or_names_another(
    clock: ModuleType, client_name: str | None, account_name: str | None, company: str, accounts: dict[str, str]
) -> None:
    await _owner("olga@harbour.example", "Harbour Foods")
    accepted = await _accept(await _offered(), clock, client_name=client_name, account_name=account_name)
    assert {row.name: row.client.name for row in await models.Account.all().select_related("client")} == accounts
    assert accepted.signed_in.seat.client_id == (await models.Client.get(name=company)).id


async def test_an_owner_of_several_companies_says_for_which(database: None, clock: ModuleType) -> None:
    await _owner("olga@harbour.example", "Harbour Foods", "Lighthouse")
    link = await _offered(client_name=None)
    async with refused(UserErrorCode.INVALID, "clientName"):
        await _accept(link, clock)
    accepted = await _accept(link, clock, client_name="lighthouse")
    assert accepted.signed_in.seat.client_id == (await models.Client.get(name="Lighthouse")).id
    assert await models.Client.all().count() == 2


async def test_1_1_whoever_only_works_for_a_client_does_not_answer_for_it(database: None, clock: ModuleType) -> None:
    user = await given.user(email="olga@harbour.example")
    await given.staff(await given.account(await given.client("Big Bakery")), SecurityRole.MANAGER, user=user)
    accepted = await _accept(await _offered(), clock)
    assert accepted.signed_in.seat.client_id == (await models.Client.get(name="Harbour Foods")).id


async def test_1_1_a_member_of_any_partner_cannot_come_in_for_a_client(database: None, clock: ModuleType) -> None:
    seller = await given.member(await given.partner("Northwind"))
    user = await given.user(email="olga@harbour.example")
    await given.member(await given.partner("Southwind"), user=user)
    link = await _offered(by=seller)
    async with refused(UserErrorCode.FORBIDDEN):
        await _accept(link, clock)


async def test_1_1_a_partner_who_is_signed_in_cannot_use_a_client_s_link(database: None, clock: ModuleType) -> None:
    seller = await given.member(await given.partner("Northwind"))
    rival = await given.member(await given.partner("Southwind"), PartnerMemberRole.ADMIN)
    link = await _offered(by=seller)
    for by in (seller, rival):
        async with refused(UserErrorCode.FORBIDDEN):
            await _accept(link, clock, by=by)


async def test_1_1_whoever_left_all_partners_may(database: None, clock: ModuleType) -> None:
    user = await given.user(email="olga@harbour.example")
    await given.member(await given.partner(), user=user)
    await models.PartnerMember.filter(user_id=user.id).update(removed_at=clock.now())
    accepted = await _accept(await _offered(), clock)
    assert accepted.signed_in.seat.user_id == user.id


async def test_a_company_that_is_a_partner_s_already_is_not_brought_in_again(database: None, clock: ModuleType) -> None:
    partner = await given.partner("Northwind")
    link = await _offered(by=await given.member(partner))
    await _owner("olga@harbour.example", "Harbour Foods")
    await given.partnership(partner, await models.Client.get())
    async with refused(UserErrorCode.ALREADY_PARTNERS, "clientName"):
        await _accept(link, clock)


async def test_a_company_that_is_asked_already_is_not_brought_in_again(database: None, clock: ModuleType) -> None:
    partner = await given.partner("Northwind")
    link = await _offered(by=await given.member(partner))
    await _owner("olga@harbour.example", "Harbour Foods")
    await given.offer(await given.partnership(partner, await models.Client.get(), PartnershipStatus.OFFERED))
    async with refused(UserErrorCode.ALREADY_PROPOSED, "clientName"):
        await _accept(link, clock)


# ── once, in time, by a person ──


async def test_an_invite_is_accepted_once(database: None, clock: ModuleType) -> None:
    for link in (await _partner_invited(), await _owner_invited(), await _offered(email="ida@lighthouse.example")):
        await _accept(link, clock)
        assert (await models.Link.get(id=link.id)).used_at == clock.now()
        async with refused(UserErrorCode.WRONG_STATE, "token"):
            await _accept(link, clock)
        async with refused(UserErrorCode.WRONG_STATE, "token"):
            await _decline(link, clock)


async def test_of_ten_acceptances_at_once_one_counts(committed: str, clock: ModuleType) -> None:
    link = await _offered()

    async def attempt() -> str:
        try:
            await _accept(link, clock)
        except Refusal as refusal:
            return refusal.code
        return "accepted"

    assert Counter(await asyncio.gather(*(attempt() for _ in range(10)))) == {"accepted": 1, "WRONG_STATE": 9}
    rows = models.User.filter(email="olga@harbour.example"), models.Client.all(), models.Account.all()
    assert [await table.count() for table in rows] == [1, 1, 1]
    assert await models.Event.filter(topic="invite.accepted").count() == 1


async def test_of_accepting_and_declining_at_once_one_counts(committed: str, clock: ModuleType) -> None:
    for n in range(5):
        link = await _offered(email=f"olga{n}@harbour.example")
        answers = await asyncio.gather(_accept(link, clock), _decline(link, clock), return_exceptions=True)
        refusals = [answer.code for answer in answers if isinstance(answer, Refusal)]
        assert refusals == [UserErrorCode.WRONG_STATE]


async def test_a_newcomer_who_accepts_two_invites_at_once_becomes_one_user(committed: str, clock: ModuleType) -> None:
    links = [await _offered(), await _offered(client_name="Lighthouse")]
    answers = await asyncio.gather(*(_accept(link, clock) for link in links), return_exceptions=True)
    refusals = [answer.code for answer in answers if isinstance(answer, Refusal)]
    assert await models.User.filter(email="olga@harbour.example").count() == 1
    # Where one was through before the other began, nobody was late.
    assert refusals in ([], [UserErrorCode.CONFLICT])
    for late in (link for link, answer in zip(links, answers, strict=True) if isinstance(answer, Refusal)):
        assert (await models.Proposal.get(id=_proposal(late).id)).status is ProposalStatus.PENDING
        await _accept(late, clock)
    assert await models.Client.all().count() == 1


async def test_a_known_person_who_accepts_two_invites_at_once_makes_one_company(
    committed: str, clock: ModuleType
) -> None:
    await given.user(email="olga@harbour.example")
    links = [await _offered(), await _offered()]
    seats_given = await asyncio.gather(*(_accept(link, clock) for link in links))
    assert len({accepted.signed_in.seat.id for accepted in seats_given}) == 1
    assert [await models.Client.all().count(), await models.Account.all().count()] == [1, 1]


async def test_5_1a_an_invite_is_over_in_its_second_announced_or_not(database: None, clock: ModuleType) -> None:
    link = await _offered()
    clock.advance(timedelta(days=30))
    async with refused(UserErrorCode.EXPIRED, "token"):
        await _accept(link, clock)
    async with refused(UserErrorCode.EXPIRED, "token"):
        await _decline(link, clock)
    await proposals.expire_due(clock.now())
    async with refused(UserErrorCode.EXPIRED, "token"):
        await _accept(link, clock)


async def test_what_was_taken_back_or_ended_says_so(database: None, clock: ModuleType) -> None:
    admin = await given.admin()
    withdrawn, seller = await _partner_invited(by=admin), await given.member(await given.partner())
    cancelled = await _offered(by=seller)
    await proposals.withdraw(_proposal(withdrawn).id, by=admin)
    offer = await models.Proposal.get(partnership_id=_proposal(cancelled).partnership_id, kind="PARTNERSHIP_OFFER")
    await proposals.withdraw(offer.id, by=seller)
    messages = []
    for link in (withdrawn, cancelled):
        async with refused(UserErrorCode.WRONG_STATE, "token"):
            await _accept(link, clock)
        with pytest.raises(Refusal) as refusal:
            await _decline(link, clock)
        messages.append(refusal.value.message)
    assert messages == [
        "This invite was taken back. Ask whoever invited you to invite you again.",
        "What this invite was about has ended meanwhile. There is nothing left to do.",
    ]


async def test_a_reminder_s_link_replaces_the_one_before(database: None, clock: ModuleType) -> None:
    admin = await given.admin()
    old = await _partner_invited(by=admin)
    clock.advance(timedelta(hours=1))
    await proposals.remind(_proposal(old).id, by=admin)
    async with refused(UserErrorCode.WRONG_STATE, "token"):
        await _accept(old, clock)
    new = await models.Link.get(proposal_id=_proposal(old).id, replaced_at=None, purpose=LinkPurpose.INVITE)
    assert (await _accept(new, clock)).invite_id == _proposal(old).id


@pytest.mark.parametrize("challenge", ["", "made up", "1.x", "\ud800"])
async def test_2_2_without_the_page_s_challenge_nothing_happens(
    database: None, clock: ModuleType, challenge: str
) -> None:
    link = await _offered()
    async with refused(UserErrorCode.INVALID, "challenge"):
        await _accept(link, clock, challenge=challenge)
    async with refused(UserErrorCode.INVALID, "challenge"):
        await invites.decline(tokens.of_link(link), challenge, comment=None, ip=None)


async def test_2_2_a_page_that_was_open_for_ten_minutes_is_opened_again(database: None, clock: ModuleType) -> None:
    link = await _offered()
    challenge = tokens.challenge(link, clock.now())
    clock.advance(timedelta(minutes=10))
    async with refused(UserErrorCode.INVALID, "challenge"):
        await _accept(link, clock, challenge=challenge)


# ── declining ──


async def test_declining_a_partnership_s_invite_declines_the_offer_and_keeps_the_comment(
    database: None, clock: ModuleType
) -> None:
    link = await _offered()
    await _decline(link, clock, comment=" Not this year. ")
    both = await models.Proposal.filter(partnership_id=_proposal(link).partnership_id).order_by("kind")
    partnership = await models.Partnership.get(id=_proposal(link).partnership_id)
    assert [(row.kind, row.status, row.comment, row.decided_by_id, row.decided_at) for row in both] == [
        ("INVITE", "DECLINED", "Not this year.", None, clock.now()),
        ("PARTNERSHIP_OFFER", "DECLINED", "Not this year.", None, clock.now()),
    ]
    assert partnership.status is PartnershipStatus.DECLINED
    assert [
        (event["topic"], event["reason"]) for event in await _events("partnership.declined", "invite.declined")
    ] == [("partnership.declined", "Not this year.")]
    assert (await _preview(link)).status is ProposalStatus.DECLINED
    assert await models.User.filter(email="olga@harbour.example").count() == 0


async def test_declining_an_invite_into_a_company_tells_who_did_where_that_is_known(
    database: None, clock: ModuleType
) -> None:
    unknown = await _partner_invited()
    await _decline(unknown, clock)
    user = await given.user(email="nora@northwind.example")
    await _decline(await _partner_invited(), clock, comment="Wrong person")
    assert [(event["actor_id"], event["side"], event["reason"]) for event in await _events("invite.declined")] == [
        (None, "PARTNER", None),
        (user.id, "PARTNER", "Wrong person"),
    ]


async def test_an_invite_is_declined_once(database: None, clock: ModuleType) -> None:
    link = await _offered()
    await _decline(link, clock)
    async with refused(UserErrorCode.WRONG_STATE, "token"):
        await _decline(link, clock)
    async with refused(UserErrorCode.WRONG_STATE, "token"):
        await _accept(link, clock)
