"""Opening an account (mission 1.3, 1.7, 1.9): who may, what moves, what is proved, and for how long that holds."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from types import ModuleType

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tortoise.connection import get_connection

import models
import settings
from domain import changes, connections, errors, opening, policy, signing, tokens
from domain.opening import Opened
from domain.seats import Seat
from models import sql
from models.enums import (
    AccessStatus,
    AccountStatus,
    Audience,
    Capability,
    SecurityRole,
    Side,
    UserErrorCode,
)
from tests import given
from tests.domain.refusals import columns, everything, refused
from tests.domain.together import Together, together

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)
FOUR = [
    Capability.VIEW_ACCOUNT,
    Capability.MANAGE_PROJECTS,
    Capability.MANAGE_CONTACTS,
    Capability.MANAGE_STAFF,
]
ROLES = [
    (SecurityRole.ACCOUNT_OWNER, list(Capability)),
    (SecurityRole.MANAGER, [*FOUR, Capability.VIEW_ACTIVITY_HISTORY]),
    (SecurityRole.STAFF, FOUR[:2]),
]


async def in_use(clock: ModuleType, **columns: object) -> Together:
    """Write a partnership with access to an account whose clock has started."""
    t = await together()
    await models.Account.filter(id=t.account.id).update(jobs_created=100, activated_at=clock.now())
    await models.AccessGrant.filter(id=t.grant.id).update(
        **{"expires_at": clock.now() + 60 * DAY, "until_at": clock.now() + 60 * DAY, **columns}
    )
    return t


async def opened_by(by: Seat, t: Together) -> Opened:
    return await opening.open_account(t.account.id, by=by)


async def grant_of(t: Together) -> models.AccessGrant:
    return await models.AccessGrant.get(id=t.grant.id)


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def claims_of(token: str) -> dict[str, object]:
    """Verify a JWT with nothing of the code that signed it, by the published keys; what it says."""
    head, body, seal = token.split(".")
    header = orjson.loads(decoded(head))
    keys = {key["kid"]: key for key in orjson.loads(orjson.dumps(await signing.published()))["keys"]}
    key = keys[header["kid"]]
    assert header == {"alg": "EdDSA", "kid": key["kid"], "typ": "JWT"}
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    Ed25519PublicKey.from_public_bytes(decoded(key["x"])).verify(decoded(seal), f"{head}.{body}".encode())
    claims: dict[str, object] = orjson.loads(decoded(body))
    return claims


async def holds(jti: object, at: datetime) -> bool:
    """Ask as the product does."""
    connection = get_connection("default")
    values = {"jti_hash": tokens.digest(str(jti)), "now": at}
    return bool(await connection.execute_query_dict(*sql.bind(opening.HOLDS, values, changes.dialect(connection))))


@pytest.mark.usefixtures("database")
class TestAPartnerOpens:
    async def test_1_3_the_60_days_begin_anew(self, clock: ModuleType) -> None:
        t = await in_use(clock, warned_days=30)
        before = columns(await grant_of(t))
        clock.advance(40 * DAY)
        assert (await opened_by(t.paula, t)).grant_id == t.grant.id
        assert columns(await grant_of(t)) == before | {
            "version": 2,
            "last_opened_at": clock.now(),
            "used_at": clock.now(),
            "expires_at": clock.now() + 60 * DAY,
            "until_at": clock.now() + 60 * DAY,
            "warned_days": None,
        }

    async def test_1_3_before_the_account_has_created_100_jobs_nothing_expires(self, clock: ModuleType) -> None:
        t = await together()
        clock.advance(400 * DAY)
        await opened_by(t.paula, t)
        grant = await grant_of(t)
        assert (grant.last_opened_at, grant.expires_at, grant.until_at) == (clock.now(), None, connections.NEVER)

    async def test_1_3_how_long_it_lasts_is_a_setting(self, clock: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        t = await in_use(clock)
        monkeypatch.setenv("COUNTERSIGN_ACCESS_IDLE_DAYS", "5")
        settings.load.cache_clear()
        await opened_by(t.paula, t)
        monkeypatch.undo()
        settings.load.cache_clear()
        assert (await grant_of(t)).expires_at == clock.now() + 5 * DAY

    async def test_p6_a_moment_before_the_end_it_opens_and_moves_and_from_the_end_on_it_does_neither(
        self, clock: ModuleType
    ) -> None:
        t = await in_use(clock)
        clock.advance(60 * DAY - MICROSECOND)
        await opened_by(t.paula, t)
        assert (await grant_of(t)).expires_at == clock.now() + 60 * DAY
        clock.advance(60 * DAY)
        for _ in range(2):
            async with refused(UserErrorCode.ACCESS_EXPIRED, "accountId"):
                await opened_by(t.paula, t)
            clock.advance(DAY)

    async def test_1_9_it_is_told_to_both_sides_in_the_partnership_s_stream(self) -> None:
        t = await together()
        await opened_by(t.paula, t)
        assert await t.topics() == ["grant.opened"]
        event = await t.event("grant.opened")
        assert (
            event.subject,
            event.account_id,
            event.partnership_id,
            event.partner_id,
            event.client_id,
            event.actor_id,
            event.side,
            event.visible_to,
        ) == (
            t.grant.id,
            t.account.id,
            t.partnership.id,
            t.partner.id,
            t.client.id,
            t.paula.user_id,
            Side.PARTNER,
            Audience.BOTH,
        )

    async def test_an_account_that_is_being_set_up_is_opened_too(self) -> None:
        t = await together()
        await models.Account.filter(id=t.account.id).update(status=AccountStatus.SETTING_UP)
        assert (await opened_by(t.paula, t)).capabilities == FOUR


@pytest.mark.usefixtures("database")
class TestStaffOpens:
    @pytest.mark.parametrize(("role", "capabilities"), ROLES)
    async def test_1_7_whoever_works_in_it_by_what_the_role_comes_with(
        self, clock: ModuleType, role: SecurityRole, capabilities: list[Capability]
    ) -> None:
        t = await in_use(clock)
        before = columns(await grant_of(t))
        by = await given.staff(t.account, role)
        opened = await opened_by(by, t)
        claims = await claims_of(opened.token)
        assert (opened.grant_id, opened.capabilities) == (None, capabilities)
        assert (claims["act"], claims["grant"], claims["capabilities"]) == (None, None, capabilities)
        assert columns(await grant_of(t)) == before
        event = await models.Event.get(topic="account.opened")
        assert (
            event.stream,
            event.subject,
            event.account_id,
            event.partnership_id,
            event.client_id,
            event.actor_id,
            event.visible_to,
        ) == (t.account.id, t.account.id, t.account.id, None, t.client.id, by.user_id, Audience.CLIENT)


@pytest.mark.usefixtures("database", "clock")
class TestTheProof:
    async def test_1_9_anybody_verifies_it_by_the_published_keys(self, clock: ModuleType) -> None:
        t = await in_use(clock)
        clock.advance(timedelta(microseconds=900_001))
        opened = await opened_by(t.paula, t)
        issued_at = int(clock.now().timestamp())
        claims = await claims_of(opened.token)
        assert claims == {
            "iss": "http://127.0.0.1:8000",
            "aud": "product",
            "sub": t.paula.user_id,
            "act": {"sub": t.partner.id},
            "account": t.account.id,
            "grant": t.grant.id,
            "capabilities": FOUR,
            "iat": issued_at,
            "exp": issued_at + 300,
            "jti": claims["jti"],
        }
        assert opened.expires_at == datetime.fromtimestamp(issued_at + 300, UTC)
        assert len(decoded(str(claims["jti"]))) == 32

    async def test_of_its_secret_the_database_keeps_the_hash(self, clock: ModuleType) -> None:
        t = await in_use(clock)
        opened = await opened_by(t.paula, t)
        jti = str((await claims_of(opened.token))["jti"])
        [row] = await models.AccountSession.all()
        assert columns(row) == {
            "id": row.id,
            "jti_hash": tokens.digest(jti),
            "account_id": t.account.id,
            "grant_id": t.grant.id,
            "user_id": t.paula.user_id,
            "opened_at": clock.now(),
            "expires_at": opened.expires_at,
        }
        everywhere = orjson.dumps(await everything(), str).decode()
        assert jti not in everywhere
        assert opened.token not in everywhere

    async def test_what_it_is_for_is_a_setting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        t = await together()
        monkeypatch.setenv("COUNTERSIGN_ACCOUNT_AUDIENCE", "https://product.example")
        monkeypatch.setenv("COUNTERSIGN_PUBLIC_URL", "https://portal.example/")
        settings.load.cache_clear()
        claims = await claims_of((await opened_by(t.paula, t)).token)
        monkeypatch.undo()
        settings.load.cache_clear()
        assert (claims["iss"], claims["aud"]) == ("https://portal.example", "https://product.example")

    async def test_it_is_verified_after_the_secret_key_has_changed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        t = await together()
        before = (await opened_by(t.paula, t)).token
        monkeypatch.setenv("COUNTERSIGN_SECRET_KEY", "another secret, long enough for a test")
        settings.load.cache_clear()
        after = (await opened_by(t.paula, t)).token
        kids = [orjson.loads(decoded(token.split(".")[0]))["kid"] for token in (before, after)]
        for token in (before, after):
            assert (await claims_of(token))["account"] == t.account.id
        monkeypatch.undo()
        settings.load.cache_clear()
        assert kids[0] != kids[1]

    async def test_what_was_signed_for_another_use_is_no_proof(self) -> None:
        """A head's key is another one, so that neither passes for the other whatever a reader looks at."""
        t = await together()
        [head] = await signing.sign(signing.Kind.HEAD, [{"account": t.account.id}])
        proof = (await opened_by(t.paula, t)).token
        kids = {orjson.loads(decoded(each.split(".")[0]))["kid"] for each in (head, proof)}
        assert len(kids) == 2
        keys = signing.read_keys(orjson.dumps(await signing.published()))
        with pytest.raises(signing.SignatureError):
            signing.opened(proof, signing.Kind.HEAD, keys)

    async def test_what_is_over_is_forgotten(self, clock: ModuleType) -> None:
        t = await together()
        await opened_by(t.paula, t)
        clock.advance(timedelta(minutes=4))
        await opened_by(t.sam, t)
        assert await opening.forget_sessions(clock.now()) == 0
        clock.advance(timedelta(minutes=1))
        assert await opening.forget_sessions(clock.now()) == 1
        assert [row.user_id for row in await models.AccountSession.all()] == [t.sam.user_id]


@pytest.mark.usefixtures("database", "clock")
class TestItHolds:
    """`GET /account-sessions/{jti}` asks this and nothing else (mission 1.9, P5)."""

    async def opened(self, t: Together, by: Seat) -> object:
        return (await claims_of((await opened_by(by, t)).token))["jti"]

    async def test_for_five_minutes(self, clock: ModuleType) -> None:
        t = await together()
        jtis = [await self.opened(t, t.paula), await self.opened(t, t.sam)]
        for jti in jtis:
            assert await holds(jti, clock.now())
            assert await holds(jti, clock.now() + 300 * SECOND - MICROSECOND)
            assert not await holds(jti, clock.now() + 300 * SECOND)

    async def test_for_nobody_who_guesses(self, clock: ModuleType) -> None:
        t = await together()
        await opened_by(t.paula, t)
        [row] = await models.AccountSession.all()
        for guess in ("", "x", row.id, row.jti_hash, tokens.new()):
            assert not await holds(guess, clock.now())

    @pytest.mark.parametrize(
        "columns",
        [
            {"status": AccessStatus.DISABLED},
            {"status": AccessStatus.EXPIRED},
            {"status": AccessStatus.DISCONNECTED},
            {"expires_at": datetime(2026, 11, 21, 20, 46, tzinfo=UTC)},
        ],
    )
    async def test_p5_no_longer_than_the_access(self, clock: ModuleType, columns: dict[str, object]) -> None:
        t = await together()
        partner, staff = await self.opened(t, t.paula), await self.opened(t, t.sam)
        await models.AccessGrant.filter(id=t.grant.id).update(**columns)
        assert (await holds(partner, clock.now()), await holds(staff, clock.now())) == (False, True)

    async def test_p5_not_anew_once_it_was_off(self, clock: ModuleType) -> None:
        t = await together()
        jti = await self.opened(t, t.paula)
        clock.advance(SECOND)
        await models.AccessGrant.filter(id=t.grant.id).update(enabled_at=clock.now())
        assert not await holds(jti, clock.now())
        assert await holds(await self.opened(t, t.paula), clock.now())

    async def test_p5_no_longer_than_the_place(self, clock: ModuleType) -> None:
        t = await together()
        partner, staff, owner = [await self.opened(t, by) for by in (t.paula, t.sam, t.owner)]
        await models.StaffMember.filter(user_id=t.sam.user_id).update(removed_at=clock.now())
        assert [await holds(jti, clock.now()) for jti in (partner, staff, owner)] == [True, False, True]

    async def test_p5_no_longer_than_the_seat(self, clock: ModuleType) -> None:
        t = await together()
        jtis = [await self.opened(t, by) for by in (t.paula, t.admin, t.sam, t.owner)]
        await models.Seat.filter(id__in=[t.paula.id, t.sam.id]).update(ended_at=clock.now())
        assert [await holds(jti, clock.now()) for jti in jtis] == [False, True, False, True]

    async def test_p5_no_longer_than_the_account(self, clock: ModuleType) -> None:
        t = await together()
        jtis = [await self.opened(t, by) for by in (t.paula, t.sam)]
        await models.Account.filter(id=t.account.id).update(status=AccountStatus.CANCELLED)
        assert not any([await holds(jti, clock.now()) for jti in jtis])


@pytest.mark.usefixtures("database", "clock")
class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (AccessStatus.DISABLED, UserErrorCode.ACCESS_DISABLED),
            (AccessStatus.EXPIRED, UserErrorCode.ACCESS_EXPIRED),
            (AccessStatus.DISCONNECTED, UserErrorCode.NOT_CONNECTED),
        ],
    )
    async def test_1_9_without_access(self, clock: ModuleType, status: AccessStatus, code: UserErrorCode) -> None:
        t = await in_use(clock, status=status)
        for by in (t.paula, t.admin):
            async with refused(code, "accountId"):
                await opened_by(by, t)

    async def test_to_whom_it_does_not_exist_it_is_not_found(self) -> None:
        t = await together()
        other = await together("Rivals")
        colleague = await given.staff(await given.account(t.client, "Annex"))
        for by in (other.paula, other.owner, colleague):
            async with refused(UserErrorCode.NOT_FOUND, "accountId"):
                await opened_by(by, t)
        for nowhere in ("account_01jd0000000000000000000000", "", t.partnership.id):
            async with refused(UserErrorCode.NOT_FOUND, "accountId"):
                await opening.open_account(nowhere, by=t.paula)

    async def test_to_another_partner_s_former_grant_it_is_not_found(self) -> None:
        t = await together()
        await models.AccessGrant.filter(id=t.grant.id).update(status=AccessStatus.DISCONNECTED)
        stranger = await given.member(await given.partner("Rivals"))
        async with refused(UserErrorCode.NOT_FOUND, "accountId"):
            await opened_by(stranger, t)

    async def test_who_was_disconnected_and_connected_again_opens_by_the_new_grant(self) -> None:
        t = await together()
        await models.AccessGrant.filter(id=t.grant.id).update(status=AccessStatus.DISCONNECTED)
        again = await given.grant(t.partnership, t.account)
        assert (await opened_by(t.paula, t)).grant_id == again.id

    async def test_the_vendor_opens_nothing(self) -> None:
        t, vera = await together(), await given.admin()
        async with refused(UserErrorCode.FORBIDDEN):
            await opened_by(vera, t)

    async def test_what_was_cancelled_opens_for_nobody(self) -> None:
        t = await together()
        await models.Account.filter(id=t.account.id).update(status=AccountStatus.CANCELLED)
        for by in (t.owner, t.sam, t.paula):
            async with refused(UserErrorCode.WRONG_STATE, "accountId"):
                await opened_by(by, t)

    async def test_1_7_what_a_role_does_not_come_with_is_denied(self, monkeypatch: pytest.MonkeyPatch) -> None:
        t = await together()
        without = {**policy.CAPABILITIES, SecurityRole.STAFF: frozenset({Capability.MANAGE_PROJECTS})}
        monkeypatch.setattr(policy, "CAPABILITIES", without)
        monkeypatch.setattr(policy, "PARTNER_CAPABILITIES", frozenset({Capability.MANAGE_PROJECTS}))
        for by in (t.sam, t.paula):
            async with refused(UserErrorCode.CAPABILITY_DENIED, "accountId"):
                await opened_by(by, t)
        await opened_by(t.owner, t)


@pytest.mark.usefixtures("committed", "clock")
async def test_of_an_opening_and_a_disabling_at_once_one_comes_first() -> None:
    """Whichever it is, what is there afterwards is what one after the other leaves."""
    outcomes = set()
    for number in range(12):
        t = await together(f"Northwind {number}")

        async def disabled(t: Together = t) -> int:
            async with changes.change(by=t.owner):
                return await models.AccessGrant.filter(id=t.grant.id, status=AccessStatus.ENABLED).update(
                    status=AccessStatus.DISABLED
                )

        async def tried(t: Together = t) -> str:
            try:
                await opened_by(t.paula, t)
            except errors.Refusal as refusal:
                return refusal.code
            return "opened"

        pair = (disabled(), tried()) if number % 2 else (tried(), disabled())
        results = await asyncio.gather(*pair)
        outcome = next(result for result in results if isinstance(result, str))
        grant = await grant_of(t)
        was_opened = outcome == "opened"
        assert outcome in {"opened", UserErrorCode.ACCESS_DISABLED}
        assert (grant.status, grant.last_opened_at is not None) == (AccessStatus.DISABLED, was_opened)
        assert await models.AccountSession.filter(grant_id=grant.id).count() == was_opened
        assert await models.Event.filter(subject=grant.id).count() == was_opened
        outcomes.add(outcome)
    assert outcomes


@pytest.mark.usefixtures("committed", "clock")
async def test_whoever_opens_at_once_opens_each() -> None:
    t = await together()
    opened = await asyncio.gather(*[opened_by(by, t) for by in (t.paula, t.admin, t.paula, t.owner, t.sam)])
    assert len({each.token for each in opened}) == 5
    assert (await grant_of(t)).version == 4
    assert await models.AccountSession.all().count() == 5
