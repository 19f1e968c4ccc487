"""What our own scalars take, and what they refuse."""

from decimal import Decimal

import pytest
from graphql import GraphQLError, GraphQLScalarType

from schema import roots

DECIMAL = roots.executable().type_map["Decimal"]


def parsed(value: object) -> object:
    assert isinstance(DECIMAL, GraphQLScalarType)
    return DECIMAL.parse_value(value)


@pytest.mark.parametrize("given", ["0", "12", "12.50", "-0.000001", "007", "999999999999999999", "0.99999999999999999"])
def test_a_decimal_is_exact(given: str) -> None:
    assert (parsed(given), str(parsed(given))) == (Decimal(given), str(Decimal(given)))


@pytest.mark.parametrize(
    "given",
    [
        *(1, 12.5, True, None, [], {}),
        *("", " 1", "1 ", "+1", ".5", "1.", "1,5", "1_000", "1e3", "1E-3", "NaN", "sNaN", "Infinity", "-inf", "0x10"),
        *("１２", "١٢", "1\n"),  # noqa: RUF001  digits that are none of ours
        *("1000000000000000000", "0.000000000000000001", "1" * 5_000),
    ],
)
def test_what_is_no_decimal_is_invalid(given: object) -> None:
    with pytest.raises(GraphQLError) as caught:
        parsed(given)
    assert caught.value.extensions == {"code": "INVALID"}
