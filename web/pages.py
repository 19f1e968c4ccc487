"""The pages that e-mailed links open when no portal is configured: they ask, and a person decides.

GET shows and changes nothing, whoever or whatever opened the link. A POST decides, with the challenge that the page
carried. The token travels in a cookie of ten minutes: it stays out of the page, the history and every Referer.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

import settings
from domain import errors, identity, invites, passwords, tokens
from domain.invites import InvitePreview
from mailer import letters
from models.enums import InviteKind, LinkPurpose, ProposalStatus, UserErrorCode
from models.link import Link
from web import answers, faults, guard
from web.backend import Backend
from web.guard import Refused

if TYPE_CHECKING:
    from jinja2 import Environment

COOKIE: Final = "link"
COOKIE_SECONDS: Final = 600
FORM_LIMIT: Final = 16 * 1024

_FOLDER = Path(__file__).parent.parent / "pages"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
}

Form = Mapping[str, str]
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Words:
    """How a kind of invite is put to the person it goes to. `founds`: whether a company and an account are named."""

    heading: str
    meaning: str
    yes: str
    welcome: str
    founds: bool = False


INVITES: Final[Mapping[InviteKind, Words]] = {
    InviteKind.PARTNER_ADMIN: Words(
        heading="{sender} invites you to lead {recipient}",
        meaning=(
            "You would be the partner admin of {recipient}: you look after your company's details and people, "
            "and offer partnerships to your clients."
        ),
        yes="Join {recipient}",
        welcome="You are the partner admin of {recipient} now.",
    ),
    InviteKind.ACCOUNT_OWNER: Words(
        heading="{sender} has set up an account for {recipient}",
        meaning=(
            "You would be its owner: you decide which partners may work in it, "
            "and nothing that concerns you takes effect before you have agreed."
        ),
        yes="Take the account over",
        welcome="The account is yours now.",
    ),
    InviteKind.STAFF: Words(
        heading="{sender} invites you to work in an account of {recipient}",
        meaning="You would be on its staff, as it says below, and see what is in it for as long as you are.",
        yes="Join the staff",
        welcome="You are on the account's staff now.",
    ),
    InviteKind.PARTNERSHIP: Words(
        heading="{sender} offers you a partnership",
        meaning=(
            "Joining lets you read the offer in full. It accepts nothing: you answer the offer itself afterwards, "
            "and until then nothing takes effect. Declining here declines the offer, too."
        ),
        yes="Join and read the offer",
        welcome="You have joined. The offer waits in your inbox: nothing takes effect before you accept it.",
        founds=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Said:
    """A page that only says something."""

    status: int
    heading: str
    sentences: tuple[str, ...]


NOWHERE: Final = Said(
    404,
    "This link leads nowhere",
    ("Open it exactly as it stands in the newest e-mail: some programs cut long links in two.",),
)
NOT_FROM_THE_PAGE: Final = Said(
    403,
    "Nothing was decided",
    ("The page was open for more than ten minutes, or this did not come from it. Open the link in the e-mail again.",),
)
AWAY: Final = Said(503, "We are not available at the moment", ("Nothing was decided. Try again in a minute.",))
TOO_OFTEN: Final = "Slow down a little"
NOT_POSSIBLE: Final = "This is not possible"

_ASK = "Ask {sender} for a new invite if you still want it."
ANSWERED: Final[Mapping[ProposalStatus, Said]] = {
    ProposalStatus.ACCEPTED: Said(
        200, "You have accepted this invite", ("There is nothing left to do here: sign in to go on.",)
    ),
    ProposalStatus.DECLINED: Said(200, "You have declined this invite", ("{sender} has been told.", _ASK)),
    ProposalStatus.WITHDRAWN: Said(410, "This invite was taken back", (_ASK,)),
    ProposalStatus.EXPIRED: Said(410, "This invite has expired", (_ASK,)),
    ProposalStatus.SUPERSEDED: Said(
        410, "A newer e-mail has replaced this link", ("Open the link in the newest one.",)
    ),
    ProposalStatus.CANCELLED: Said(
        410, "There is nothing left to answer", ("What this invite was about has ended meanwhile.",)
    ),
}
STATUS: Final[Mapping[UserErrorCode, int]] = {
    UserErrorCode.FORBIDDEN: 403,
    UserErrorCode.EXPIRED: 410,
    UserErrorCode.WRONG_STATE: 410,
    UserErrorCode.RATE_LIMITED: 429,
}


def routes(behind: Backend, portal_url: str | None) -> list[BaseRoute]:
    """Return the pages' routes; with a portal, those that lead to it."""
    if portal_url is not None:
        to_portal = partial(_to_portal, portal_url)
        return [Route("/l", to_portal), Route("/l/{token:path}", to_portal)]
    return [
        Route("/l", _answering(behind, _show)),
        Route("/l", _answering(behind, _decide), methods=["POST"]),
        Route("/l/{token:path}", _answering(behind, _open)),
        Mount("/pages", StaticFiles(directory=_FOLDER / "static")),
    ]


async def not_found(request: Request, _: Exception) -> Response:
    """Answer what no route matches. A link with a line's end in it is one of those."""
    if request.url.path.startswith("/l/"):
        return _say(NOWHERE)
    return Response(answers.error_body("NOT_FOUND", "There is nothing here."), 404, media_type="application/json")


async def _to_portal(portal_url: str, request: Request) -> Response:
    return RedirectResponse(portal_url + quote(request.scope["path"]), status_code=303)


def _answering(behind: Backend, handler: Handler) -> Handler:
    async def answered(request: Request) -> Response:
        try:
            behind.ready()
            return await handler(request)
        except errors.Refusal as refusal:
            return _refused(refusal)
        except Refused as refused:
            return _say(AWAY if refused.status == AWAY.status else NOT_FROM_THE_PAGE)
        except Exception as fault:
            if faults.database_is_away(fault):
                return _say(AWAY)
            raise

    return answered


async def _open(request: Request) -> Response:
    """Put a link's token into the cookie and go to the page without it."""
    token = request.path_params["token"]
    if not _TOKEN.fullmatch(token) or not await Link.exists(token_hash=tokens.digest(token)):
        return _say(NOWHERE)
    answer = RedirectResponse("/l", status_code=303, headers=_HEADERS)
    is_https = settings.load().public_url.startswith("https:")
    answer.set_cookie(
        COOKIE, token, max_age=COOKIE_SECONDS, path="/l", secure=is_https, httponly=True, samesite="strict"
    )
    return answer


async def _show(request: Request) -> Response:
    """Show what the link asks. HEAD and GET change nothing."""
    token = request.cookies.get(COOKIE)
    if token is not None:
        return await _question(request, token)
    # After a click in a webmail, browsers keep a strict cookie back until a page of our own goes on.
    is_from_elsewhere = request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}
    return _page("opening.html") if is_from_elsewhere else _say(NOWHERE)


async def _question(request: Request, token: str) -> Response:
    if await _purpose(token) is LinkPurpose.SIGN_IN:
        return _page("sign_in.html", link=await identity.sign_in_link_preview(token, ip=_ip(request)))
    return _invite(await invites.preview(token, ip=_ip(request)))


async def _purpose(token: str) -> LinkPurpose:
    """Return what a link is for; INVITE where there is none, which is refused where invites are looked up."""
    link = await Link.get_or_none(token_hash=tokens.digest(token))
    return LinkPurpose.INVITE if link is None else link.purpose


def _invite(
    invite: InvitePreview, *, status: int = 200, sent: Form | None = None, wrong: Form | None = None
) -> Response:
    if invite.status in ANSWERED:
        return _say(ANSWERED[invite.status], invite)
    words = _worded(INVITES[invite.kind], invite)
    least = passwords.LEAST_CHARACTERS
    return _page("invite.html", status, invite=invite, words=words, least=least, sent=sent or {}, wrong=wrong or {})


def _worded(words: Words, invite: InvitePreview) -> Words:
    names = {"sender": invite.sender, "recipient": invite.recipient}
    return Words(
        words.heading.format(**names),
        words.meaning.format(**names),
        words.yes.format(**names),
        words.welcome.format(**names),
        words.founds,
    )


# ── the decision ──


async def _decide(request: Request) -> Response:
    form, token = await _form(request), request.cookies.get(COOKIE)
    if not form.get("challenge") or form.get("decision") not in _DECISIONS:
        return _say(NOT_FROM_THE_PAGE)
    if token is None:
        return _say(NOWHERE)
    return await _DECISIONS[form["decision"]](request, token, form)


async def _form(request: Request) -> Form:
    """Read a form; one that no browser sends reads as empty, and decides nothing."""
    sent = await guard.body(dict(request.scope["headers"]), request.receive, limit=FORM_LIMIT)
    try:
        fields = dict(parse_qsl(sent.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError:
        return {}
    return {} if any("\0" in text for text in fields.values()) else fields


async def _accept(request: Request, token: str, form: Form) -> Response:
    before = await invites.preview(token, ip=_ip(request))
    try:
        accepted = await invites.accept(
            token,
            form["challenge"],
            by=None,
            name=form.get("name") or None,
            password=form.get("password") or None,
            client_name=form.get("clientName") or None,
            account_name=form.get("accountName") or None,
            ip=_ip(request),
            user_agent=request.headers.get("user-agent"),
        )
    except errors.Refusal as refusal:
        if refusal.code is UserErrorCode.INVALID and refusal.field and refusal.field[0] in _FIELDS:
            return _invite(before, status=422, sent=form, wrong={refusal.field[0]: refusal.message})
        return await _too_late(request, token, refusal)
    welcome = _worded(INVITES[before.kind], before).welcome
    return _page("token.html", heading="Welcome", sentences=[welcome], signed_in=accepted.signed_in)


async def _decline(request: Request, token: str, form: Form) -> Response:
    try:
        await invites.decline(token, form["challenge"], comment=form.get("comment") or None, ip=_ip(request))
    except errors.Refusal as refusal:
        return await _too_late(request, token, refusal)
    return await _question(request, token)


async def _too_late(request: Request, token: str, refusal: errors.Refusal) -> Response:
    """Show an invite that was answered already as its page does: the same answer twice ends on the same page."""
    if refusal.code in {UserErrorCode.EXPIRED, UserErrorCode.WRONG_STATE}:
        invite = await invites.preview(token, ip=_ip(request))
        if invite.status in ANSWERED:
            return _say(ANSWERED[invite.status], invite)
    raise refusal


async def _sign_in(request: Request, token: str, form: Form) -> Response:
    signed_in = await identity.sign_in_with_link(
        token, form["challenge"], ip=_ip(request), user_agent=request.headers.get("user-agent")
    )
    return _page("token.html", heading="You are signed in", sentences=[], signed_in=signed_in)


_FIELDS: Final = frozenset({"name", "password", "clientName", "accountName"})
_DECISIONS: Final[Mapping[str, Callable[[Request, str, Form], Awaitable[Response]]]] = {
    "accept": _accept,
    "decline": _decline,
    "sign-in": _sign_in,
}


# ── answers ──


def _refused(refusal: errors.Refusal) -> Response:
    if refusal.code is UserErrorCode.NOT_FOUND:
        return _say(NOWHERE)
    if refusal.field == ["challenge"]:
        return _say(NOT_FROM_THE_PAGE)
    heading = TOO_OFTEN if refusal.code is UserErrorCode.RATE_LIMITED else NOT_POSSIBLE
    return _say(Said(STATUS.get(refusal.code, 409), heading, (refusal.message,)))


def _say(said: Said, invite: InvitePreview | None = None) -> Response:
    sentences = [each.format(sender=invite.sender) if invite else each for each in said.sentences]
    return _page("said.html", said.status, heading=said.heading, sentences=sentences)


def _page(template: str, status: int = 200, **values: object) -> Response:
    chosen = settings.load()
    written = _templates().get_template(template)
    text = written.render(vendor=chosen.vendor_name, support=chosen.support_address, **values)
    retry = {"retry-after": "2"} if status == AWAY.status else {}
    return HTMLResponse(text, status, headers=_HEADERS | retry)


def _ip(request: Request) -> str | None:
    return request.client and request.client.host


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415  a server starts without pages

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = letters.moment
    return environment
