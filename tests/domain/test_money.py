"""Money is exact: integers of the currency's minor units inside, decimals outside (mission 1.10)."""

import subprocess
import sys
from decimal import Decimal

import pytest

from domain import money
from domain.errors import Refusal
from models.enums import UserErrorCode


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.5", "EUR", 1250),
        ("12.50", "EUR", 1250),
        ("0.01", "EUR", 1),
        ("12", "JPY", 12),
        ("12.000", "JPY", 12),
        ("1.234", "BHD", 1234),
        ("-3.10", "CHF", -310),
        ("9999999999999999.99", "EUR", 999_999_999_999_999_999),
    ],
)
def test_an_amount_is_kept_in_minor_units(amount: str, currency: str, minor: int) -> None:
    assert money.minor_units(Decimal(amount), currency, "amount") == minor


@pytest.mark.parametrize(
    ("amount", "currency"), [("0.001", "EUR"), ("0.5", "JPY"), ("1.2345", "BHD"), ("10000000000000000", "EUR")]
)
def test_what_minor_units_cannot_hold_is_invalid(amount: str, currency: str) -> None:
    with pytest.raises(Refusal) as caught:
        money.minor_units(Decimal(amount), currency, "amount")
    assert (caught.value.code, caught.value.field) == (UserErrorCode.INVALID, ["amount"])


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(1250, "EUR", "12.50"), (1, "EUR", "0.01"), (0, "EUR", "0.00"), (12, "JPY", "12"), (-1234, "BHD", "-1.234")],
)
def test_minor_units_are_written_with_the_decimals_of_the_currency(minor: int, currency: str, text: str) -> None:
    assert money.decimal_of(minor, currency) == text


def test_no_amount_and_no_rate_are_null() -> None:
    assert (money.decimal_of(None, None), money.rate_of(None)) == (None, None)


@pytest.mark.parametrize(("given", "kept"), [("EUR", "EUR"), (" jpy ", "JPY"), ("chf", "CHF")])
def test_a_currency_is_kept_by_its_code(given: str, kept: str) -> None:
    assert money.currency(given, "currency") == kept


# The last four: gold, a test code, no currency at all, and one that was given up.
@pytest.mark.parametrize("given", ["", "EURO", "€", "ZZZ", "978", "Currency", "XAU", "XTS", "XXX", "DEM"])
def test_what_is_no_currency_with_minor_units_is_invalid(given: str) -> None:
    with pytest.raises(Refusal) as caught:
        money.currency(given, "currency")
    assert (caught.value.code, caught.value.field) == (UserErrorCode.INVALID, ["currency"])


@pytest.mark.parametrize(
    ("minor", "ppm", "earned"),
    [
        (10_000, 150_000, 1_500),
        # Half of a unit goes to the even neighbour, whichever way that is.
        (1, 500_000, 0),
        (3, 500_000, 2),
        (5, 500_000, 2),
        (7, 500_000, 4),
        # A millionth less, or more, than half.
        (1, 499_999, 0),
        (1, 500_001, 1),
        (999, 1_000_000, 999),
        (999, 0, 0),
        (999_999_999_999_999_999, 333_333, 333_333_000_000_000_000),
    ],
)
def test_1_10_a_share_is_half_even_to_the_minor_unit(minor: int, ppm: int, earned: int) -> None:
    assert money.share(minor, ppm) == earned


@pytest.mark.parametrize(
    ("given", "ppm", "text"),
    [
        ("0", 0, "0"),
        ("1", 1_000_000, "1"),
        ("1.0", 1_000_000, "1"),
        ("0.15", 150_000, "0.15"),
        ("0.000001", 1, "0.000001"),
    ],
)
def test_a_rate_is_kept_in_millionths(given: str, ppm: int, text: str) -> None:
    assert (money.rate(Decimal(given), "rate"), money.rate_of(ppm)) == (ppm, text)


@pytest.mark.parametrize("given", ["-0.1", "1.000001", "15", "0.0000001"])
def test_what_is_no_rate_is_invalid(given: str) -> None:
    with pytest.raises(Refusal) as caught:
        money.rate(Decimal(given), "revenueShare")
    assert (caught.value.code, caught.value.field) == (UserErrorCode.INVALID, ["revenueShare"])


def test_a_server_starts_without_the_tables_of_the_standards() -> None:
    command = "import sys, schema.roots; schema.roots.build(); print({'iso4217', 'iso3166'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, text=True).stdout == (
        "set()\n"
    )
