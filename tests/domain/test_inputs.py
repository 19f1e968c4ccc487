import pytest

from domain import inputs
from domain.errors import Refusal
from models.enums import UserErrorCode


@pytest.mark.parametrize(
    ("given", "kept"), [(None, None), ("", None), (" \t ", None), (" a  b ", "a  b"), ("é" * 200, "é" * 200)]
)
def test_a_line_is_trimmed_and_blank_is_null(given: str | None, kept: str | None) -> None:
    assert inputs.line(given) == kept


@pytest.mark.parametrize("given", ["a\nb", "a\rb", "a\0b", "a\x85b", "a\u2028b", "a\ud800b", "x" * 201])
def test_what_no_mail_header_holds_is_no_line(given: str) -> None:
    with pytest.raises(Refusal) as caught:
        inputs.line(given, "terms", "title")
    assert (caught.value.code, caught.value.field) == (UserErrorCode.INVALID, ["terms", "title"])


@pytest.mark.parametrize("given", ["invoice_\u202egpj.exe", "\u2067abc\u2069", "Harbour\u202d Foods"])
def test_no_line_looks_like_another_by_the_order_of_its_letters(given: str) -> None:
    with pytest.raises(Refusal) as caught:
        inputs.line(given, "name")
    assert (caught.value.code, caught.value.field) == (UserErrorCode.INVALID, ["name"])


def test_a_line_may_be_written_from_right_to_left() -> None:
    assert inputs.line("\u05e9\u05dc\u05d5\u05dd\u200f 24") == "\u05e9\u05dc\u05d5\u05dd\u200f 24"


@pytest.mark.parametrize(("given", "kept"), [(None, None), ("\n", None), ("a\r\nb\n\tc\n", "a\nb\n\tc")])
def test_a_text_has_lines(given: str | None, kept: str | None) -> None:
    assert inputs.text(given) == kept


@pytest.mark.parametrize("given", ["a\0b", "a\x1bb", "a\ud800b", "x" * 10_001])
def test_a_text_holds_what_can_be_shown(given: str) -> None:
    with pytest.raises(Refusal):
        inputs.text(given, "message")


@pytest.mark.parametrize(
    ("given", "kept"), [("NorthWind.Example", "northwind.example"), ("xn--mller-kva.de", "müller.de")]
)
def test_a_domain_is_kept_in_one_form(given: str, kept: str) -> None:
    assert inputs.domain(given) == kept


def test_ids_come_in_order_each_once() -> None:
    assert inputs.ids(["b", "a", "b"]) == ["a", "b"]
    assert inputs.ids(None) == []
