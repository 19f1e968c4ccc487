"""GraphiQL for browsers, from files of our own: it needs no internet, and a strict policy lets nothing else in."""

from pathlib import Path

from starlette.types import Scope

from web import answers
from web.guard import Headers

FILES = Path(__file__).parent / "graphiql"
MOUNTED_AT = "/graphiql"

_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src data:; "
    b"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = (FILES / "page.html").read_bytes()
_HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", _POLICY),
    (b"cache-control", b"no-cache"),
    *answers.OF_PAGES,
)


def is_asked_for(scope: Scope, headers: Headers) -> bool:
    """Whether it is a browser that opens the endpoint by GET, rather than a client that queries it so."""
    asked = b"text/html" in headers.get(b"accept", b"")
    return asked and not (b"query=" in scope["query_string"] or b"extensions=" in scope["query_string"])


def page() -> answers.Reply:
    """GraphiQL's page."""
    return answers.Reply(200, _PAGE, _HEADERS)
