"""What people type: trimmed, bounded, and free of what no name, title or message holds."""

import unicodedata
from collections.abc import Collection, Mapping
from typing import Final

from pydantic import HttpUrl, TypeAdapter, ValidationError

from domain import errors, identity

LONGEST_LINE: Final = 200
LONGEST_TEXT: Final = 10_000
MOST_IDS: Final = 100

# What shows letters in another order than theirs: a name with it looks like another's, and a file's ends otherwise
# (Unicode TR 36, bidirectional text spoofing). The marks that Arabic and Hebrew need are none of these.
_REORDERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

DETAILS: Final = ("street", "city", "state", "postal_code", "country", "phone", "fax", "email", "website")

_url = TypeAdapter(HttpUrl)


def line(given: str | None, *path: str) -> str | None:
    """Return one line of text; blank is null. Refuses INVALID a longer one, and control characters (no mail header)."""
    text = _trimmed(given, LONGEST_LINE, *path)
    if text is None:
        return None
    if any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in text):
        raise errors.invalid("This must be one line of text.", *path)
    if not _REORDERING.isdisjoint(text):
        raise errors.invalid("This holds characters that show the others in another order.", *path)
    return text


def required_line(given: str | None, *path: str) -> str:
    """Return one line of text, as `line` does; refuses INVALID a blank one."""
    text = line(given, *path)
    if text is None:
        raise errors.invalid("This must not be empty.", *path)
    return text


def text(given: str | None, *path: str) -> str | None:
    """Return text of several lines; blank is null. Refuses INVALID a longer one, and other control characters."""
    lines = _trimmed(given and given.replace("\r\n", "\n"), LONGEST_TEXT, *path)
    if lines is not None and any(
        unicodedata.category(letter) in {"Cc", "Cs"} for letter in lines if letter not in "\n\t"
    ):
        raise errors.invalid("This holds characters that cannot be shown.", *path)
    return lines


def required_text(given: str | None, *path: str) -> str:
    """Return text of several lines, as `text` does; refuses INVALID a blank one."""
    lines = text(given, *path)
    if lines is None:
        raise errors.invalid("This must not be empty.", *path)
    return lines


def address(given: str | None, *path: str) -> str | None:
    """Return an e-mail address as it is kept; blank is null. Refuses INVALID what is none."""
    trimmed = line(given, *path)
    return trimmed and identity.address(trimmed, *path)


def required_address(given: str | None, *path: str) -> str:
    """Return an e-mail address as it is kept; refuses INVALID what is none."""
    return identity.address(required_line(given, *path), *path)


def domain(given: str, *path: str) -> str:
    """Return a domain as it is kept and compared; refuses INVALID what is none."""
    return domain_of(identity.address(f"postmaster@{required_line(given, *path)}", *path))


def domain_of(kept_address: str) -> str:
    """Return the domain of an address as it is kept: compared whole, so that no sub-domain or look-alike passes."""
    return kept_address.rpartition("@")[2]


def ids(given: Collection[str] | None, *path: str) -> list[str]:
    """Return ids in order, each once; refuses INVALID more than a hundred."""
    if given is not None and len(given) > MOST_IDS:
        raise errors.invalid(f"At most {MOST_IDS} at once.", *path)
    return sorted(set(given or ()))


def details(given: Mapping[str, str | None] | None, *path: str) -> dict[str, str | None]:
    """Return the columns of a company's details that were given, blank ones as null; refuses INVALID at their names."""
    columns = given or {}
    kept = {name: line(columns[name], *path, _camel(name)) for name in DETAILS if name in columns}
    if kept.get("email") is not None:
        kept["email"] = address(kept["email"], *path, "email")
    if kept.get("website") is not None:
        kept["website"] = _web_address(kept["website"] or "", *path, "website")
    return kept


def _trimmed(given: str | None, longest: int, *path: str) -> str | None:
    trimmed = (given or "").strip()
    if len(trimmed) > longest:
        raise errors.invalid(f"This must not be longer than {longest} characters.", *path)
    return trimmed or None


def _web_address(given: str, *path: str) -> str:
    try:
        return str(_url.validate_python(given))
    except ValidationError:
        raise errors.invalid("This must be an address that begins with http:// or https://.", *path) from None


def _camel(column: str) -> str:
    first, *rest = column.split("_")
    return first + "".join(word.capitalize() for word in rest)
