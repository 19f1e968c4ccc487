"""Cursors of lists: the order's value and the id of a row. An altered one, or another list's, is refused."""

import binascii
import datetime as dt
from base64 import b64decode
from collections.abc import Callable, Mapping

from models.enums import ErrorCode
from resolvers.documents import refused


def cursor(order: int, value: object, row_id: str) -> str:
    """The cursor of a row. `order` names the list's order, so that a cursor of another order does not fit."""
    text = value.isoformat() if isinstance(value, dt.datetime) else value
    plain = f"{text}\0{row_id}".encode()
    return _text(plain + _checksum(plain, order))


def position(order: int, text: object, kind: str, argument: str = "after") -> tuple[object, str]:
    """The order's value and the id that a cursor holds; INVALID when it is none of this list.

    `kind` of the value: `text`, `number`, or `time` for a moment that the driver wants as one.
    """
    try:
        return _read(order, str(text), kind)
    except ValueError:
        raise refused(ErrorCode.INVALID, f"'{argument}' is not a cursor of this list.") from None


def _read(order: int, text: str, kind: str) -> tuple[object, str]:
    checked = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    plain = checked[:-4]
    if checked[-4:] != _checksum(plain, order) or _text(checked) != text:
        raise ValueError
    value, row_id = plain.decode().split("\0")
    return _READ[kind](value), row_id


def _text(checked: bytes) -> str:
    return binascii.b2a_base64(checked, newline=False).translate(_TO_URL).rstrip(b"=").decode()


def _number(text: str) -> int:
    """A number that columns hold: the checksum is no secret, and anybody can make a cursor with another."""
    number = int(text)
    if not -_TOO_BIG <= number < _TOO_BIG:
        raise ValueError
    return number


def _time(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment


def _checksum(plain: bytes, order: int) -> bytes:
    return binascii.crc32(plain, order).to_bytes(4, "big")


_TO_URL = bytes.maketrans(b"+/", b"-_")
_TOO_BIG = 2**31
_READ: Mapping[str, Callable[[str], object]] = {"text": str, "number": _number, "time": _time}
