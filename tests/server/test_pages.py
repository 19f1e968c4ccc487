"""The pages behind e-mailed links: they ask, change nothing by themselves, and let a person decide once."""

import re
from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest
from structlog.testing import capture_logs

import models
from domain import clock, partners, partnerships, proposals, seats, tokens
from domain.seats import Seat
from models.enums import InviteKind, MailStatus, PartnerKind, PartnerMemberRole, ProposalStatus
from tests import given
from tests.journeys import judge
from tests.server.serving import http, ready, running, until
from web import pages

PASSWORD = "correct horse battery"
NEWCOMER = {"name": "Ines Albrecht", "password": PASSWORD}
SHOWN_TOKEN = re.compile(r'<code class="token"[^>]*>([A-Za-z0-9_-]{43})</code>')
CHALLENGE = re.compile(r'name="challenge" value="([^"]+)"')


async def invited_partner_admin() -> str:
    """Have the vendor invite a partner's admin. The token of the mailed link."""
    await partners.create(
        by=await given.admin(),
        name="Northlight <b>&</b> Co",
        kind=PartnerKind.PARTNER,
        domain="northlight.example",
        licences=3,
        admin_email="ines@northlight.example",
        admin_name="Ines Albrecht",
    )
    return await newest_token()


async def offered_by_mail() -> tuple[str, str, Seat]:
    """Have a partner offer a partnership to an address. The link's token, the partnership's id, who offered."""
    partner = await given.partner("Kestrel & Finch")
    by = await given.member(partner, PartnerMemberRole.ADMIN)
    terms: partnerships.Terms = {"title": "A gentle start"}
    partnership_id = await partnerships.offer(
        by=by, partner_id=partner.id, email="tom@alder.example", client_name="Alder & Sons", terms=terms
    )
    return await newest_token(), partnership_id, by


async def sign_in_link() -> str:
    seat = await given.member(await given.partner())
    user = await models.User.get(id=seat.user_id)
    return tokens.of_link(await tokens.issue_sign_in(user.id, str(user.email), at=clock.now()))


async def newest_token() -> str:
    return tokens.of_link((await models.Link.all().order_by("-id"))[0])


async def has_nothing_to_do() -> bool:
    waiting = await models.Event.exists(pos__isnull=True) or await models.Mail.exists(status=MailStatus.QUEUED)
    return not waiting


async def everything() -> dict[str, list[dict[str, object]]]:
    """All rows of all tables, but for the counters of attempts, once the worker has nothing left to do."""
    await until(has_nothing_to_do)
    return await judge.rows()


async def opened(served: httpx2.AsyncClient, token: str) -> httpx2.Response:
    """Open a link as a browser does."""
    return await served.get(f"/l/{token}", follow_redirects=True)


async def decided(served: httpx2.AsyncClient, page: httpx2.Response, decision: str, **fields: str) -> httpx2.Response:
    challenge = CHALLENGE.search(page.text)
    assert challenge is not None
    return await served.post("/l", data={"challenge": challenge[1], "decision": decision, **fields})


# ── a link is opened ──


async def test_the_token_leaves_the_address_for_a_cookie_of_ten_minutes(served: httpx2.AsyncClient) -> None:
    token = await invited_partner_admin()
    answer = await served.get(f"/l/{token}")
    assert (answer.status_code, answer.headers["location"], answer.content) == (303, "/l", b"")
    assert answer.headers["set-cookie"] == f"link={token}; HttpOnly; Max-Age=600; Path=/l; SameSite=strict"


async def test_behind_https_the_cookie_travels_by_https_only(committed: str, chosen: Callable[..., None]) -> None:
    chosen(DATABASE_URL=committed, PUBLIC_URL="https://partners.example")
    token = await invited_partner_admin()
    async with running() as url, http(url) as client:
        await ready(client)
        answer = await client.get(f"/l/{token}")
    assert answer.headers["set-cookie"].endswith("; SameSite=strict; Secure")


async def test_a_page_is_kept_nowhere_framed_nowhere_and_runs_no_script(served: httpx2.AsyncClient) -> None:
    page = await opened(served, await invited_partner_admin())
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    assert "<script" not in page.text


async def test_a_page_says_who_asks_for_what_and_escapes_it(served: httpx2.AsyncClient) -> None:
    page = await opened(served, await invited_partner_admin())
    assert page.status_code == 200
    assert "Countersign invites you to lead Northlight &lt;b&gt;&amp;&lt;/b&gt; Co" in page.text
    assert "ines@northlight.example" in page.text
    assert (await served.get("/pages/style.css")).headers["content-type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_opening_a_link_three_times_changes_nothing(served: httpx2.AsyncClient, method: str) -> None:
    token = await invited_partner_admin()
    before = await everything()
    for _ in range(3):
        await served.request(method, f"/l/{token}")
        await served.request(method, "/l")
    assert await everything() == before


@pytest.mark.parametrize(
    "path",
    ["/l", "/l/", "/l/x", "/l/" + "A" * 43, "/l/" + "A" * 10_240, "/l/%00", "/l/a%00b", "/l/%0a", "/l/%ff", "/l/a/b"],
)
async def test_what_is_no_link_is_one_and_the_same_404(served: httpx2.AsyncClient, path: str) -> None:
    nowhere, answer = await served.get("/l/nothing"), await served.get(path)
    assert (answer.status_code, answer.text) == (404, nowhere.text)
    assert "set-cookie" not in answer.headers


async def test_an_altered_link_or_cookie_is_that_same_404(served: httpx2.AsyncClient) -> None:
    token = await invited_partner_admin()
    altered = ("A" if token[0] != "A" else "B") + token[1:]
    nowhere, by_link = await served.get("/l/nothing"), await served.get(f"/l/{altered}")
    by_cookie = await served.get("/l", headers={"cookie": f"link={altered}"})
    assert [(each.status_code, each.text) for each in (by_link, by_cookie)] == [(404, nowhere.text)] * 2


async def test_a_click_in_a_webmail_goes_on_by_itself_with_its_cookie(served: httpx2.AsyncClient) -> None:
    # A browser keeps a strict cookie back on a journey that another site began, and sends it on the page's own refresh.
    page = await served.get("/l", headers={"sec-fetch-site": "cross-site"})
    assert (page.status_code, '<meta http-equiv="refresh" content="0; url=/l">' in page.text) == (200, True)
    assert (await served.get("/l", headers={"sec-fetch-site": "same-origin"})).status_code == 404


async def test_with_a_portal_links_lead_there(committed: str, chosen: Callable[..., None]) -> None:
    chosen(DATABASE_URL=committed, PORTAL_URL="https://portal.example/app/")
    async with running() as url, http(url) as client:
        link, page, posted = await client.get("/l/abc%22%20%0dx"), await client.get("/l"), await client.post("/l")
    assert (link.status_code, link.headers["location"]) == (303, "https://portal.example/app/l/abc%22%20%0Dx")
    assert (page.status_code, page.headers["location"]) == (303, "https://portal.example/app/l")
    assert posted.status_code == 405


async def test_neither_log_line_holds_a_token(served: httpx2.AsyncClient) -> None:
    token = await invited_partner_admin()
    with capture_logs() as lines:
        page = await opened(served, token)
        welcome = await decided(served, page, "accept", **NEWCOMER)
        await served.get("/graphql", params={"query": "{__typename}", "operationName": token})
    shown = SHOWN_TOKEN.search(welcome.text)
    assert shown is not None
    assert [line["path"] for line in lines if line["event"] == "answered"] == [
        "/l/{token:path}",
        "/l",
        "/l",
        "/graphql",
    ]
    assert not [line for line in lines if token in str(line) or shown[1] in str(line) or PASSWORD in str(line)]


# ── an invite is answered ──


async def test_accepting_signs_in_and_shows_the_token_this_once(served: httpx2.AsyncClient) -> None:
    page = await opened(served, await invited_partner_admin())
    welcome = await decided(served, page, "accept", **NEWCOMER)
    shown = SHOWN_TOKEN.findall(welcome.text)
    assert (welcome.status_code, len(shown), 'href="/graphql"' in welcome.text) == (200, 1, True)
    seat = await seats.of_token(shown[0], clock.now())
    assert seat is not None
    assert await models.User.get(id=seat.user_id).values("name", "email") == {
        "name": "Ines Albrecht",
        "email": "ines@northlight.example",
    }
    again = await opened(served, await newest_token())
    assert (again.status_code, "You have accepted this invite" in again.text, shown[0] in again.text) == (
        200,
        True,
        False,
    )


async def test_the_same_answer_twice_is_the_same_page_and_one_event(served: httpx2.AsyncClient) -> None:
    page = await opened(served, await invited_partner_admin())
    await decided(served, page, "accept", **NEWCOMER)
    before = await everything()
    twice, thrice = [await decided(served, page, "accept", **NEWCOMER) for _ in range(2)]
    shown = await served.get("/l")
    assert (twice.status_code, twice.text) == (thrice.status_code, thrice.text) == (200, shown.text)
    assert await everything() == before
    assert await models.Event.filter(topic="invite.accepted").count() == 1


async def test_the_other_answer_afterwards_changes_nothing(served: httpx2.AsyncClient) -> None:
    page = await opened(served, await invited_partner_admin())
    declined = await decided(served, page, "decline", comment="Not now")
    before = await everything()
    accepted = await decided(served, page, "accept", **NEWCOMER)
    assert (declined.status_code, accepted.text) == (200, declined.text)
    assert "You have declined this invite" in accepted.text
    assert await everything() == before
    assert await models.Proposal.get().values("status", "comment") == {
        "status": ProposalStatus.DECLINED,
        "comment": "Not now",
    }


async def test_1_1_an_offer_by_mail_is_joined_here_and_stays_to_be_answered(served: httpx2.AsyncClient) -> None:
    token, partnership_id, _ = await offered_by_mail()
    page = await opened(served, token)
    assert "Kestrel &amp; Finch offers you a partnership" in page.text
    welcome = await decided(
        served, page, "accept", name="Tom Alder", password=PASSWORD, clientName="Alder Joinery", accountName="Workshop"
    )
    joined = await models.Partnership.get(id=partnership_id).values("client__name", "status", "offer__status")
    assert welcome.status_code == 200
    assert joined == {"client__name": "Alder Joinery", "status": "OFFERED", "offer__status": "PENDING"}
    assert await models.Account.get().values("name") == {"name": "Workshop"}


async def test_what_is_missing_is_said_at_its_field_and_nothing_is_decided(served: httpx2.AsyncClient) -> None:
    page = await opened(served, await invited_partner_admin())
    before = await everything()
    again = await decided(served, page, "accept", name="Ines & <i>", password="short")
    assert again.status_code == 422
    assert '<p class="wrong" id="password-wrong">' in again.text
    assert 'value="Ines &amp; &lt;i&gt;"' in again.text
    assert "short" not in again.text
    assert await everything() == before
    assert (await decided(served, again, "accept", **NEWCOMER)).status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"decision": "accept"},
        {"decision": "accept", "challenge": ""},
        {"decision": "accept", "challenge": "x"},
        {"decision": "accept", "challenge": "99999999999.x"},
        {"decision": "decline", "challenge": "x"},
        {"decision": "sign-in"},
    ],
    ids=str,
)
async def test_a_post_without_the_pages_challenge_is_403_and_decides_nothing(
    served: httpx2.AsyncClient, form: dict[str, str]
) -> None:
    await opened(served, await invited_partner_admin())
    before = await everything()
    assert (await served.post("/l", data={**NEWCOMER, **form})).status_code == 403
    assert await everything() == before


async def test_another_links_challenge_is_403(served: httpx2.AsyncClient) -> None:
    others = await opened(served, (await offered_by_mail())[0])
    await opened(served, await invited_partner_admin())
    before = await everything()
    assert (await decided(served, others, "accept", **NEWCOMER)).status_code == 403
    assert await everything() == before


async def test_a_page_that_was_open_for_over_ten_minutes_is_403(served: httpx2.AsyncClient) -> None:
    moment = clock.now()
    with clock.frozen_at(moment):
        page = await opened(served, await invited_partner_admin())
        before = await everything()
    with clock.frozen_at(moment + timedelta(minutes=10, seconds=1)):
        assert (await decided(served, page, "accept", **NEWCOMER)).status_code == 403
    assert await everything() == before


@pytest.mark.parametrize("body", [b"challenge=%00&decision=accept", b"challenge=\xff", b"&".join([b"a=1"] * 21)])
async def test_a_form_that_no_browser_sends_is_403(served: httpx2.AsyncClient, body: bytes) -> None:
    await opened(served, await invited_partner_admin())
    assert (await served.post("/l", content=body)).status_code == 403


async def test_a_form_without_the_cookie_leads_nowhere(served: httpx2.AsyncClient) -> None:
    page = await opened(served, await invited_partner_admin())
    served.cookies.clear()
    assert (await decided(served, page, "accept", **NEWCOMER)).status_code == 404


async def test_an_expired_invite_is_410_from_its_second_on(served: httpx2.AsyncClient) -> None:
    token = await invited_partner_admin()
    over_at = (await models.Link.get()).expires_at
    with clock.frozen_at(over_at - timedelta(seconds=1)):
        page = await opened(served, token)
    with clock.frozen_at(over_at):
        over, too_late = await opened(served, token), await decided(served, page, "accept", **NEWCOMER)
    assert (page.status_code, over.status_code, too_late.status_code) == (200, 410, 410)
    assert "Ask Countersign for a new invite" in over.text
    assert too_late.text == over.text


async def test_a_replaced_link_is_410_and_names_the_newest_mail(served: httpx2.AsyncClient) -> None:
    token, _, by = await offered_by_mail()
    offer = await models.Proposal.get(kind="PARTNERSHIP_OFFER")
    with clock.frozen_at(clock.now() + timedelta(hours=2)):
        await proposals.remind(offer.id, by=by)
        old, new = await opened(served, token), await opened(served, await newest_token())
    assert (old.status_code, new.status_code) == (410, 200)
    assert "Open the link in the newest one." in old.text


async def test_a_withdrawn_offers_link_is_410(served: httpx2.AsyncClient) -> None:
    token, _, by = await offered_by_mail()
    page = await opened(served, token)
    offer = await models.Proposal.get(kind="PARTNERSHIP_OFFER")
    await proposals.withdraw(offer.id, by=by)
    before = await everything()
    over = await opened(served, token)
    too_late = await decided(served, page, "accept", name="Tom Alder", password=PASSWORD)
    assert (over.status_code, too_late.status_code, too_late.text) == (410, 410, over.text)
    assert await everything() == before


# ── a sign-in link ──


async def test_5_5_a_sign_in_link_signs_in_once(served: httpx2.AsyncClient) -> None:
    token = await sign_in_link()
    page = await opened(served, token)
    signed_in = await decided(served, page, "sign-in")
    before = await everything()
    again, shown = await decided(served, page, "sign-in"), await opened(served, token)
    assert (page.status_code, signed_in.status_code, again.status_code, shown.status_code) == (200, 200, 410, 410)
    assert await seats.of_token(SHOWN_TOKEN.findall(signed_in.text)[0], clock.now()) is not None
    assert await everything() == before


@pytest.mark.parametrize("decision", ["accept", "decline"])
async def test_a_sign_in_link_answers_no_invite(served: httpx2.AsyncClient, decision: str) -> None:
    page = await opened(served, await sign_in_link())
    before = await everything()
    assert (await decided(served, page, decision, **NEWCOMER)).status_code == 404
    assert await everything() == before


async def test_an_invites_link_signs_nobody_in(served: httpx2.AsyncClient) -> None:
    page = await opened(served, await invited_partner_admin())
    before = await everything()
    assert (await decided(served, page, "sign-in")).status_code == 404
    assert await everything() == before


def test_every_kind_of_invite_that_is_sent_and_every_end_of_one_has_its_words() -> None:
    assert set(pages.INVITES) == {
        InviteKind.PARTNER_ADMIN,
        InviteKind.ACCOUNT_OWNER,
        InviteKind.STAFF,
        InviteKind.PARTNERSHIP,
    }
    unanswered = {ProposalStatus.DRAFT, ProposalStatus.PENDING, ProposalStatus.PARTIALLY_ACCEPTED}
    assert set(pages.ANSWERED) == set(ProposalStatus) - unanswered
