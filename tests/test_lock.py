"""The locked files hold what pyproject.toml asks for, for everybody who installs from the public index."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUNS = PROJECT["dependencies"]
LOCKS = [("requirements.txt", RUNS), ("requirements-dev.txt", RUNS + PROJECT["optional-dependencies"]["dev"])]


def pins(lock: str) -> dict[str, str]:
    """Read each package's version, and see that nothing but pins with hashes is there."""
    entries = (ROOT / lock).read_text().replace(" \\\n", "").splitlines()
    found: dict[str, str] = {}
    for entry in entries:
        if not entry.startswith("#"):
            match = re.fullmatch(r"([\w.-]+)==([\w.]+)((?: ;[^#]+?)?)((?:\s+--hash=sha256:[0-9a-f]{64})+)", entry)
            assert match, f"{lock}: {entry[:80]}"
            found[canonicalize_name(match[1])] = match[2]
    return found


@pytest.mark.parametrize(("lock", "wanted"), LOCKS)
def test_every_dependency_is_locked_at_a_version_that_it_allows(lock: str, wanted: list[str]) -> None:
    locked = pins(lock)
    requirements = [Requirement(line) for line in wanted]
    wrong = [
        str(requirement)
        for requirement in requirements
        if not requirement.specifier.contains(locked.get(canonicalize_name(requirement.name), "0"))
    ]
    assert wrong == []


def test_tests_run_with_what_is_run() -> None:
    runs, develops = pins("requirements.txt"), pins("requirements-dev.txt")
    assert runs.items() <= develops.items()


def test_what_we_patch_is_pinned_exactly() -> None:
    exact = {Requirement(line).name for line in RUNS if re.search(r"==[\d.]+$", line)}
    assert exact == {"strawberry-graphql", "graphql-core", "tortoise-orm"}
