import itertools
from datetime import UTC, datetime, timedelta

import pytest

from domain import moves, policy
from models.enums import (
    AccessStatus,
    GrantAction,
    PartnershipAction,
    PartnershipKind,
    PartnershipStatus,
    ProposalAction,
    ProposalKind,
    ProposalStatus,
    Role,
    Side,
)
from outbox import routes

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

# The law, written down a second time: who changes it, changes both.
PROPOSAL = """
PARTNERSHIP_OFFER offer    -       -> PENDING   ASKING PARTNERSHIP_OFFER partnership.offered   -
PARTNERSHIP_OFFER accept   PENDING -> ACCEPTED  ASKED  OFFER_ACCEPT      partnership.accepted  ACCEPT
PARTNERSHIP_OFFER decline  PENDING -> DECLINED  ASKED  OFFER_DECLINE     partnership.declined  DECLINE
PARTNERSHIP_OFFER withdraw PENDING -> WITHDRAWN ASKING OFFER_WITHDRAW    partnership.withdrawn WITHDRAW
PARTNERSHIP_OFFER remind   PENDING -> PENDING   ASKING OFFER_REMIND      partnership.reminded  REMIND
PARTNERSHIP_OFFER expire   PENDING -> EXPIRED   TIME   -                 partnership.expired   -
MODIFICATION draft - -> DRAFT ASKING MODIFICATION_DRAFT partnership.modification.drafted -
MODIFICATION draft DRAFT -> DRAFT ASKING MODIFICATION_DRAFT partnership.modification.drafted -
MODIFICATION submit DRAFT -> PENDING ASKING MODIFICATION_SUBMIT partnership.modification.submitted SUBMIT
MODIFICATION accept PENDING -> ACCEPTED ASKED MODIFICATION_ACCEPT partnership.modification.accepted ACCEPT
MODIFICATION accept_in_part PENDING -> PARTIALLY_ACCEPTED ASKED MODIFICATION_ACCEPT partnership.modification.accepted -
MODIFICATION decline PENDING -> DECLINED ASKED MODIFICATION_DECLINE partnership.modification.declined DECLINE
MODIFICATION counter PENDING -> SUPERSEDED ASKED MODIFICATION_COUNTER - COUNTER
MODIFICATION replace - -> PENDING ASKING MODIFICATION_COUNTER partnership.modification.countered -
MODIFICATION withdraw PENDING -> WITHDRAWN ASKING MODIFICATION_WITHDRAW partnership.modification.withdrawn WITHDRAW
MODIFICATION remind PENDING -> PENDING ASKING MODIFICATION_REMIND partnership.modification.reminded REMIND
MODIFICATION expire PENDING -> EXPIRED TIME - partnership.modification.expired -
MODIFICATION cancel DRAFT|PENDING -> CANCELLED CAUSE - - -
ACCESS_REQUEST    request  -       -> PENDING   ASKING GRANT_REQUEST     grant.requested         -
ACCESS_REQUEST    accept   PENDING -> ACCEPTED  ASKED  REQUEST_ACCEPT    grant.enabled           ACCEPT
ACCESS_REQUEST    decline  PENDING -> DECLINED  ASKED  REQUEST_DECLINE   grant.request.declined  DECLINE
ACCESS_REQUEST    withdraw PENDING -> WITHDRAWN ASKING REQUEST_WITHDRAW  grant.request.withdrawn WITHDRAW
ACCESS_REQUEST    remind   PENDING -> PENDING   ASKING REQUEST_REMIND    grant.request.reminded  REMIND
ACCESS_REQUEST    expire   PENDING -> EXPIRED   TIME   -                 grant.request.expired   -
ACCESS_REQUEST    cancel   PENDING -> CANCELLED CAUSE  -                 -                       -
INVITE            send     -       -> PENDING   ASKING -                 invite.sent           -
INVITE            prepare  -       -> DRAFT     ASKING -                 -                     -
INVITE            send     DRAFT   -> PENDING   ASKING -                 invite.sent           -
INVITE            accept   PENDING -> ACCEPTED  HOLDER INVITE_ACCEPT     invite.accepted       -
INVITE            decline  PENDING -> DECLINED  HOLDER INVITE_DECLINE    invite.declined       -
INVITE            withdraw PENDING -> WITHDRAWN ASKING INVITE_WITHDRAW   invite.withdrawn      WITHDRAW
INVITE            remind   PENDING -> PENDING   ASKING INVITE_REMIND     invite.reminded       REMIND
INVITE            expire   PENDING -> EXPIRED   TIME   -                 invite.expired        -
INVITE            cancel   PENDING -> CANCELLED CAUSE  -                 -                     -
PROJECT_APPROVAL  request  -       -> PENDING   ASKING   APPROVAL_REQUEST  approval.requested -
PROJECT_APPROVAL  accept   PENDING -> ACCEPTED  ASKED    APPROVAL_ACCEPT   approval.accepted  ACCEPT
PROJECT_APPROVAL  decline  PENDING -> DECLINED  ASKED    APPROVAL_DECLINE  approval.declined  DECLINE
PROJECT_APPROVAL  withdraw PENDING -> WITHDRAWN ASKING   APPROVAL_WITHDRAW approval.withdrawn WITHDRAW
PROJECT_APPROVAL  remind   PENDING -> PENDING   ASKING   APPROVAL_REMIND   approval.reminded  REMIND
PROJECT_APPROVAL  expire   PENDING -> EXPIRED   TIME     -                 approval.expired   -
PROJECT_APPROVAL  cancel   PENDING -> CANCELLED CAUSE    -                 -                  -
"""
PARTNERSHIP = """
offer    -       -> OFFERED   ASKING PARTNERSHIP_OFFER partnership.offered   -
accept   OFFERED -> ACTIVE    ASKED  OFFER_ACCEPT      partnership.accepted  -
decline  OFFERED -> DECLINED  ASKED  OFFER_DECLINE     partnership.declined  -
withdraw OFFERED -> WITHDRAWN ASKING OFFER_WITHDRAW    partnership.withdrawn -
expire   OFFERED -> EXPIRED   TIME   -                 partnership.expired   -
modify   ACTIVE    -> ACTIVE    SIDE    MODIFICATION_DRAFT -                  EDIT
manage   ACTIVE    -> ACTIVE    SIDE    MANAGERS_ADD       managers.added     MANAGE_TEAM
end      ACTIVE    -> ENDED     ANYBODY PARTNERSHIP_END    partnership.ended  END
hide     ENDED     -> ENDED     SIDE    PARTNERSHIP_HIDE   partnership.hidden HIDE
hide     DECLINED  -> DECLINED  SIDE    PARTNERSHIP_HIDE   partnership.hidden HIDE
hide     WITHDRAWN -> WITHDRAWN SIDE    PARTNERSHIP_HIDE   partnership.hidden HIDE
hide     EXPIRED   -> EXPIRED   SIDE    PARTNERSHIP_HIDE   partnership.hidden HIDE
"""
GRANT = """
connect    -                        -> ENABLED      CAUSE   -                grant.connected    -
open       ENABLED                  -> ENABLED      PARTNER ACCOUNT_OPEN     grant.opened       OPEN
request    EXPIRED                  -> EXPIRED      PARTNER GRANT_REQUEST    grant.requested    REQUEST
request    DISABLED                 -> DISABLED     PARTNER GRANT_REQUEST    grant.requested    REQUEST
enable     DISABLED|EXPIRED         -> ENABLED      OWNER   GRANT_ENABLE     grant.enabled      ENABLE
disable    ENABLED|EXPIRED          -> DISABLED     OWNER   GRANT_DISABLE    grant.disabled     DISABLE
disconnect DISABLED|ENABLED|EXPIRED -> DISCONNECTED EITHER  GRANT_DISCONNECT grant.disconnected DISCONNECT
expire     ENABLED                  -> EXPIRED      TIME    -                grant.expired      -
"""


EVERY: list[moves.ProposalMove | moves.PartnershipMove | moves.GrantMove] = [
    *itertools.chain.from_iterable(moves.PROPOSAL.values()),
    *moves.PARTNERSHIP,
    *moves.GRANT,
]


def written(row: moves.ProposalMove | moves.PartnershipMove | moves.GrantMove) -> list[str]:
    sources = "|".join(sorted(row.sources)) or "-"
    rest = [row.party.name, row.permission or "-", row.topic or "-", row.action or "-"]
    return [row.verb, sources, "->", row.target, *rest]


def lines(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def test_the_moves_of_proposals_are_those_of_the_law() -> None:
    assert [[kind, *written(row)] for kind, rows in moves.PROPOSAL.items() for row in rows] == lines(PROPOSAL)


def test_the_moves_of_partnerships_are_those_of_the_law() -> None:
    assert [written(row) for row in moves.PARTNERSHIP] == lines(PARTNERSHIP)


def test_the_moves_of_access_are_those_of_the_law() -> None:
    assert [written(row) for row in moves.GRANT] == lines(GRANT)


def test_1_5_a_connection_that_ended_is_never_moved_again() -> None:
    assert {source for row in moves.GRANT for source in row.sources} == set(AccessStatus) - {AccessStatus.DISCONNECTED}


def test_every_final_status_is_final() -> None:
    every = [row for rows in moves.PROPOSAL.values() for row in rows]
    assert {source for row in every for source in row.sources} == {ProposalStatus.DRAFT, ProposalStatus.PENDING}


def test_a_partnership_moves_as_its_offer_does() -> None:
    offers = {
        row.verb: (row.party, row.permission, row.topic) for row in moves.PROPOSAL[ProposalKind.PARTNERSHIP_OFFER]
    }
    del offers["remind"]
    begins = [row for row in moves.PARTNERSHIP if row.action is None]
    assert {row.verb: (row.party, row.permission, row.topic) for row in begins} == offers


def test_every_move_announces_a_topic_that_is_described_and_routed() -> None:
    announced = {row.topic for row in EVERY if row.topic}
    assert announced <= set(moves.TOPICS)
    assert set(routes.TABLE) == set(moves.TOPICS)


def test_5_1_access_and_security_cannot_be_muted() -> None:
    assert {name for name, topic in moves.TOPICS.items() if not topic.mutable} == {
        "grant.connected",
        "grant.opened",
        "grant.requested",
        "grant.request.declined",
        "grant.request.withdrawn",
        "grant.request.reminded",
        "grant.request.expired",
        "grant.enabled",
        "grant.disabled",
        "grant.expiring",
        "grant.expired",
        "grant.disconnected",
        "partner.admin_transferred",
        "project.partner_added",
        "project.partner_removed",
        "project.member_added",
        "project.member_removed",
        "account.owner_changed",
        "account.cancelled",
        "partnership.ended",
        "admin.created",
        "session.started",
        "sign_in.link_requested",
        "password.changed",
        "webhook.created",
        "webhook.updated",
        "webhook.secret_rotated",
    }


@pytest.mark.parametrize("topic", moves.TOPICS)
@pytest.mark.parametrize("side", [*Side, None])
def test_every_event_is_told_in_one_sentence(topic: str, side: Side | None) -> None:
    sentence = moves.summary(topic, side)
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert "{" not in sentence


def test_a_summary_names_the_side() -> None:
    assert moves.summary("partnership.accepted", Side.CLIENT) == "The client accepted the offer."


@pytest.mark.parametrize("status", ProposalStatus)
@pytest.mark.parametrize(("waits", "is_over"), [(timedelta(microseconds=1), False), (timedelta(0), True)])
def test_5_1a_only_a_pending_one_expires_from_its_second_on(
    status: ProposalStatus, waits: timedelta, *, is_over: bool
) -> None:
    expected = ProposalStatus.EXPIRED if is_over and status is ProposalStatus.PENDING else status
    assert moves.proposal_status(status, NOON + waits, NOON) is expected


@pytest.mark.parametrize("status", AccessStatus)
@pytest.mark.parametrize(("lasts", "is_over"), [(timedelta(microseconds=1), False), (timedelta(0), True)])
def test_5_1a_only_enabled_access_expires_from_its_second_on(
    status: AccessStatus, lasts: timedelta, *, is_over: bool
) -> None:
    expected = AccessStatus.EXPIRED if is_over and status is AccessStatus.ENABLED else status
    assert moves.grant_status(status, NOON + lasts, NOON) is expected


def test_access_without_an_end_does_not_expire() -> None:
    assert moves.grant_status(AccessStatus.ENABLED, None, NOON) is AccessStatus.ENABLED


def test_a_draft_without_a_time_does_not_expire() -> None:
    assert moves.proposal_status(ProposalStatus.DRAFT, None, NOON) is ProposalStatus.DRAFT


SEATS = [
    frozenset({Role.PUBLIC, Role.USER}),
    frozenset({Role.PUBLIC, Role.USER, Role.ADMIN}),
    frozenset({Role.PUBLIC, Role.USER, Role.PARTNER}),
    frozenset({Role.PUBLIC, Role.USER, Role.PARTNER, Role.PARTNER_ADMIN}),
    frozenset({Role.PUBLIC, Role.USER, Role.CLIENT}),
    frozenset({Role.PUBLIC, Role.USER, Role.CLIENT, Role.ACCOUNT_OWNER}),
    frozenset({Role.PUBLIC, Role.USER, Role.CLIENT_PARTNER}),
    frozenset({Role.PUBLIC, Role.USER, Role.CLIENT_PARTNER, Role.CLIENT_PARTNER_ADMIN}),
]
SIDES = [(False, False), (True, False), (False, True)]


ASKING = [ProposalAction.WITHDRAW, ProposalAction.REMIND]
ANSWERING = [ProposalAction.ACCEPT, ProposalAction.DECLINE]
EITHER_SIDE = {Role.PARTNER, Role.CLIENT}
ON_A_PROJECT = {*EITHER_SIDE, Role.ADMIN, Role.CLIENT_PARTNER}
# Of what waits: who of the side that asks, and of the side that is asked, may do what.
BUTTONS: dict[ProposalKind, list[tuple[set[Role], list[ProposalAction]]]] = {
    ProposalKind.PARTNERSHIP_OFFER: [({Role.PARTNER}, ASKING), ({Role.ACCOUNT_OWNER}, ANSWERING)],
    ProposalKind.MODIFICATION: [(EITHER_SIDE, ASKING), (EITHER_SIDE, [*ANSWERING, ProposalAction.COUNTER])],
    ProposalKind.ACCESS_REQUEST: [({Role.PARTNER}, ASKING), ({Role.ACCOUNT_OWNER}, ANSWERING)],
    ProposalKind.INVITE: [({*EITHER_SIDE, Role.ADMIN, Role.CLIENT_PARTNER_ADMIN}, ASKING), (set(), [])],
    ProposalKind.PROJECT_APPROVAL: [(ON_A_PROJECT, ASKING), (ON_A_PROJECT, ANSWERING)],
}


@pytest.mark.parametrize("kind", ProposalKind)
@pytest.mark.parametrize("status", ProposalStatus)
def test_the_buttons_of_every_seat_in_every_state(kind: ProposalKind, status: ProposalStatus) -> None:
    for roles, (is_own_side, is_other_side) in itertools.product(SEATS, SIDES):
        expected: list[ProposalAction] = []
        if status is ProposalStatus.PENDING and (is_own_side or is_other_side):
            who, buttons = BUTTONS[kind][is_other_side]
            expected = buttons if roles & who else []
        is_drafted = kind is ProposalKind.MODIFICATION and status is ProposalStatus.DRAFT
        if is_drafted and is_own_side and roles & EITHER_SIDE:
            expected = [ProposalAction.SUBMIT]
        assert (
            moves.proposal_actions(kind, status, is_own_side=is_own_side, is_other_side=is_other_side, roles=roles)
            == expected
        )


def test_whoever_is_asked_by_a_colleague_may_answer_and_take_back() -> None:
    roles = frozenset({Role.PUBLIC, Role.USER, Role.CLIENT})
    buttons = moves.proposal_actions(
        ProposalKind.PROJECT_APPROVAL, ProposalStatus.PENDING, is_own_side=True, is_other_side=True, roles=roles
    )
    assert buttons == [*ANSWERING, *ASKING]


@pytest.mark.parametrize(
    ("company", "partner", "client", "asks", "is_asked"),
    [
        ("partner_a", "partner_a", None, True, True),
        ("partner_a", "partner_b", None, False, False),
        ("client_a", None, "client_a", True, True),
        ("client_a", "partner_a", None, False, False),
        # The vendor asks in no company's name, and is never asked.
        (None, None, None, True, False),
        (None, "partner_a", None, False, False),
        ("partner_a", None, None, False, False),
    ],
)
def test_a_side_is_a_company_or_the_vendor(
    company: str | None, partner: str | None, client: str | None, *, asks: bool, is_asked: bool
) -> None:
    assert moves.is_own_side(company, partner, client) is asks
    assert moves.is_other_side(company, partner, client) is is_asked


@pytest.mark.parametrize(
    ("company", "roles", "sender", "looks_after"),
    [
        (None, {Role.ADMIN}, "partner_a", True),
        (None, {Role.ADMIN}, "client_a", True),
        ("partner_a", {Role.PARTNER, Role.PARTNER_ADMIN}, None, True),
        ("partner_a", {Role.CLIENT_PARTNER, Role.CLIENT_PARTNER_ADMIN}, "client_a", True),
        ("partner_a", {Role.PARTNER}, "partner_a", False),
        ("partner_b", {Role.PARTNER, Role.PARTNER_ADMIN}, "partner_a", False),
        ("client_a", {Role.CLIENT}, "client_a", True),
        ("client_b", {Role.CLIENT}, "client_a", False),
    ],
)
def test_3_2_the_vendor_and_a_company_s_admin_look_after_its_invites_whoever_sent_them(
    company: str | None, roles: set[Role], sender: str | None, *, looks_after: bool
) -> None:
    of_client = sender if sender and sender.startswith("client") else None
    of_partner = None if of_client else sender
    owns = moves.is_own_side(company, of_partner, of_client, into="partner_a", roles=frozenset(roles))
    assert owns is looks_after


def test_every_permission_of_a_move_has_its_roles() -> None:
    asked = {row.permission for row in EVERY if row.permission}
    assert asked <= set(policy.ALLOWED)


@pytest.mark.parametrize("kind", PartnershipKind)
@pytest.mark.parametrize("status", PartnershipStatus)
def test_the_buttons_of_a_partnership_for_every_seat_in_every_state(
    status: PartnershipStatus, kind: PartnershipKind
) -> None:
    over = {
        PartnershipStatus.DECLINED,
        PartnershipStatus.WITHDRAWN,
        PartnershipStatus.EXPIRED,
        PartnershipStatus.ENDED,
    }
    for roles in SEATS:
        expected: list[PartnershipAction] = []
        # A client partner's has no contacts, terms and teams.
        is_direct = kind is PartnershipKind.DIRECT
        if is_direct and status is PartnershipStatus.ACTIVE and roles & {Role.PARTNER, Role.CLIENT}:
            expected = [PartnershipAction.EDIT, PartnershipAction.MANAGE_TEAM]
        if status is PartnershipStatus.ACTIVE and roles & {Role.ADMIN, Role.PARTNER_ADMIN, Role.ACCOUNT_OWNER}:
            expected = [*expected, PartnershipAction.END]
        if status in over and roles & {Role.PARTNER, Role.CLIENT}:
            expected = [PartnershipAction.HIDE]
        assert moves.partnership_actions(kind, status, roles=roles) == expected


@pytest.mark.parametrize("status", AccessStatus)
def test_the_buttons_of_an_access_for_every_seat_in_every_state(status: AccessStatus) -> None:
    shut = {AccessStatus.EXPIRED, AccessStatus.DISABLED}
    for roles in SEATS:
        is_partner = Role.PARTNER in roles
        for owns in (False, True):
            # Who owns another account only is nobody in this one.
            is_owner = owns and Role.ACCOUNT_OWNER in roles
            expected = {
                GrantAction.OPEN: is_partner and status is AccessStatus.ENABLED,
                GrantAction.REQUEST: is_partner and status in shut,
                GrantAction.ENABLE: is_owner and status in shut,
                GrantAction.DISABLE: is_owner and status in {AccessStatus.ENABLED, AccessStatus.EXPIRED},
                GrantAction.DISCONNECT: (is_owner or Role.PARTNER_ADMIN in roles)
                and status is not AccessStatus.DISCONNECTED,
            }
            buttons = moves.grant_actions(status, is_partner=is_partner, is_owner=is_owner, roles=roles)
            assert sorted(buttons) == sorted(action for action, is_there in expected.items() if is_there)


def test_every_partnership_status_is_reached() -> None:
    assert {row.target for row in moves.PARTNERSHIP} == set(PartnershipStatus)
