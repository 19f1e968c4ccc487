from pathlib import Path

import pytest

from domain import moves, policy, tables

README = f"# Title\n\n{tables.BEGIN}\nstale words\n{tables.END}\n\nmore\n"


@pytest.fixture
def readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "README.md"
    path.write_text(README)
    monkeypatch.setattr(tables, "README", path)
    return path


def test_the_readme_says_what_the_tables_say() -> None:
    assert tables.main(["--check"]) == 0


def test_a_stale_readme_is_told_and_left_alone(readme: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tables.main(["--check"]) == 1
    assert "python -m domain.tables" in capsys.readouterr().err
    assert readme.read_text() == README


def test_writing_makes_it_current_and_touches_nothing_else(readme: Path) -> None:
    assert tables.main([]) == 0
    assert tables.main(["--check"]) == 0
    text = readme.read_text()
    assert text.startswith(f"# Title\n\n{tables.BEGIN}\n")
    assert text.endswith(f"{tables.END}\n\nmore\n")
    assert "stale words" not in text


def test_a_readme_without_the_marks_is_a_fault(readme: Path) -> None:
    readme.write_text("# Title\n")
    with pytest.raises(LookupError, match="generated: policy"):
        tables.main(["--check"])


def test_every_permission_and_every_move_is_printed() -> None:
    printed = tables.printed()
    for permission in policy.Permission:
        assert printed.count(f"| `{permission}` |") == 1
    for rows in moves.PROPOSAL.values():
        for row in rows:
            assert f"{row.target}: {row.verb} ({row.party})" in printed
    for move in moves.PARTNERSHIP:
        assert f"{move.target}: {move.verb} ({move.party})" in printed
