"""Money, exactly: integers of a currency's minor units inside, decimals outside. Rates are parts per million."""

import functools
from decimal import Decimal
from typing import Final

from domain import errors

MOST_DIGITS: Final = 18
WHOLE: Final = 1_000_000
_RATE_DIGITS: Final = 6


def currency(given: str, *path: str) -> str:
    """Return a currency's code as it is kept, after ISO 4217; refuses INVALID what is none in use with minor units."""
    code = given.strip().upper()
    if _exponent(code) is None:
        raise errors.invalid("This must be a currency of ISO 4217: EUR.", *path)
    return code


def minor_units(amount: Decimal, code: str, *path: str) -> int:
    """Return an amount in minor units of a kept currency.

    Refuses INVALID what is finer than they are, and what has more than 18 digits of them.
    """
    digits = _digits(code)
    whole = amount.scaleb(digits)
    if whole != whole.to_integral_value():
        raise errors.invalid(f"{code} has {digits} decimals." if digits else f"{code} has no decimals.", *path)
    if abs(whole) >= 10**MOST_DIGITS:
        raise errors.invalid("This is more money than can be kept.", *path)
    return int(whole)


def decimal_of(minor: int | None, code: str | None) -> str | None:
    """Write minor units of a kept currency as a decimal, with as many decimals as it has; null where there are none."""
    if minor is None or code is None:
        return None
    return format(Decimal(minor).scaleb(-_digits(code)), "f")


def share(minor: int, ppm: int) -> int:
    """Return a share of an amount, half-even to the minor unit (mission 1.10)."""
    quotient, rest = divmod(minor * ppm, WHOLE)
    is_up = 2 * rest > WHOLE or (2 * rest == WHOLE and quotient % 2 == 1)
    return quotient + is_up


def rate(given: Decimal, *path: str) -> int:
    """Return a share of each payment as parts per million; refuses INVALID what is not 0 to 1, or is finer."""
    ppm = given.scaleb(_RATE_DIGITS)
    if not 0 <= given <= 1 or ppm != ppm.to_integral_value():
        raise errors.invalid(f"This must be 0 to 1, with at most {_RATE_DIGITS} decimals: 0.15.", *path)
    return int(ppm)


def rate_of(ppm: int | None) -> str | None:
    """Write parts per million as a decimal from 0 to 1, as short as it is exact; null where there are none."""
    return None if ppm is None else format(Decimal(ppm).scaleb(-_RATE_DIGITS).normalize(), "f")


def _digits(code: str) -> int:
    digits = _exponent(code)
    if digits is None:
        raise LookupError(code)
    return digits


@functools.cache
def _exponent(code: str) -> int | None:
    """Tell how many decimals a currency has; null: it is none, or has no minor units (gold, test codes)."""
    from iso4217 import Currency  # noqa: PLC0415  reads the standard's table: a server starts without it

    known = Currency.__members__.values()
    return next((entry.exponent for entry in known if entry.code == code), None)
