"""What an installation may choose, and the sentences for what it may not."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from settings import SECRET_KEY_FILE, Settings


def read(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(f"COUNTERSIGN_{name}", value)
    return Settings()


def test_an_embedded_database_makes_its_key_once_for_its_owner_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, second = read(monkeypatch, DATA_DIR=str(tmp_path / "new")), read(monkeypatch)
    path = tmp_path / "new" / SECRET_KEY_FILE
    assert first.secret_key == second.secret_key
    assert first.secret_key.get_secret_value() == path.read_text()
    assert len(path.read_text()) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_another_folder_has_another_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one, other = (read(monkeypatch, DATA_DIR=str(tmp_path / name)) for name in ("one", "other"))
    assert one.secret_key != other.secret_key


def test_a_shared_database_needs_a_key_of_its_own_and_makes_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ValidationError, match="COUNTERSIGN_SECRET_KEY is required beside COUNTERSIGN_DATABASE_URL"):
        read(monkeypatch, DATA_DIR=str(tmp_path), DATABASE_URL="postgres://localhost/x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "x" * 31),
        ("PUBLIC_URL", "example.com"),
        ("PORTAL_URL", "ftp://example.com"),
        ("OFFER_DAYS", "0"),
        ("INVITE_DAYS", "x"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "all"),
        ("SMTP_URL", "mail.example:25"),
        ("SMTP_URL", "http://mail.example"),
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "smtp://mail.example:0"),
        ("SMTP_URL", "smtp://mail.example:port"),
        ("SMTP_URL", "smtp://mail.example/?timeout=5"),
        ("SMTP_URL", "smtp://user:pass/word@mail.example"),
        ("SMTP_URL", "smtp://user:pass#word@mail.example"),
        ("SMTP_URL", "smtp://user:pass@word@mail.example"),
        ("SMTP_URL", "smtp://mail.example\r\n:25"),
    ],
)
def test_what_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        read(monkeypatch, DATA_DIR=str(tmp_path), **{name: value})


def test_links_lead_to_the_portal_where_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without = read(monkeypatch, DATA_DIR=str(tmp_path), PUBLIC_URL="https://partners.example/")
    beside = read(monkeypatch, PORTAL_URL="https://portal.example/app/")
    assert (without.links_url, beside.links_url) == ("https://partners.example", "https://portal.example/app")


@pytest.mark.parametrize(
    "url",
    [
        "smtp://mail.example",
        "smtp://mail.example:25/",
        "smtp://[::1]:2525",
        "smtps://portal%40example.com:p%40ss%2Fword@mail.example:465",
    ],
)
def test_a_mail_server_is_chosen_by_its_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> None:
    chosen = read(monkeypatch, DATA_DIR=str(tmp_path), SMTP_URL=url)
    assert chosen.smtp_url is not None
    assert chosen.smtp_url.get_secret_value() == url


def test_no_secret_is_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chosen = read(monkeypatch, DATA_DIR=str(tmp_path), SMTP_URL="smtp://user:the-word@mail.example")
    printed = f"{chosen!r} {chosen} {chosen.model_dump_json()}"
    assert chosen.secret_key.get_secret_value() not in printed
    assert "the-word" not in printed


def test_what_is_refused_is_not_printed_for_it_may_be_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as refused:
        read(monkeypatch, DATA_DIR=str(tmp_path), SMTP_URL="smtp://user:the/word@mail.example", SECRET_KEY="too-short")
    assert "COUNTERSIGN_SMTP_URL is smtp://" in str(refused.value)
    assert [word in str(refused.value) for word in ("the/word", "too-short")] == [False, False]


def test_the_readme_names_every_setting_with_its_default() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    rows = [
        f"| {name.upper()} | {_shown(field.default) if field.default_factory is None else ''} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    table = readme.partition("| setting | default | meaning |\n|---|---|---|\n")[2].partition("\n\n")[0]
    assert table.splitlines() == rows


def _shown(default: object) -> str:
    return "" if default is None else f"`{default}`"
