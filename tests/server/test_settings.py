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
    ],
)
def test_what_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        read(monkeypatch, DATA_DIR=str(tmp_path), **{name: value})


def test_links_lead_to_the_portal_where_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without = read(monkeypatch, DATA_DIR=str(tmp_path), PUBLIC_URL="https://partners.example/")
    beside = read(monkeypatch, PORTAL_URL="https://portal.example/app/")
    assert (without.links_url, beside.links_url) == ("https://partners.example", "https://portal.example/app")


def test_no_secret_is_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chosen = read(monkeypatch, DATA_DIR=str(tmp_path))
    assert chosen.secret_key.get_secret_value() not in f"{chosen!r} {chosen} {chosen.model_dump_json()}"


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
