"""The kinds of proposals share a table: each row is of the type that its kind says, or of none."""

import pytest

from models.enums import ProposalKind
from models.proposal import PREFIXES
from resolvers import declarations
from resolvers.engine import Engine
from schema import roots
from tests.resolvers import asking
from tests.resolvers.conftest import Filled

SCHEMA = roots.executable()
KINDS = declarations.kinds_of(SCHEMA.type_map["Proposal"])
INBOX = "{ viewer { inbox(first: 100) { nodes { __typename kind } } } }"


def test_every_kind_has_its_type_and_its_prefix() -> None:
    assert KINDS is not None
    tables = {kind: declarations.table_of(SCHEMA.type_map[name]) for kind, name in KINDS.types.items()}
    assert {kind: table.prefix for kind, table in tables.items()} == dict(PREFIXES)
    assert set(KINDS.types) == set(ProposalKind)
    assert {table.only for table in tables.values()} == {f"{{t}}.kind = '{kind}'" for kind in ProposalKind}


async def test_a_list_of_several_kinds_gives_each_row_its_own_type(engine: Engine, filled: Filled) -> None:
    waiting = await asking.answer(engine, INBOX, filled.world.seats["account owner"])
    types = {node["kind"]: node["__typename"] for node in waiting["data"]["viewer"]["inbox"]["nodes"]}
    assert types == {
        "PARTNERSHIP_OFFER": "PartnershipOffer",
        "MODIFICATION": "Modification",
        "ACCESS_REQUEST": "AccessRequest",
        "PROJECT_APPROVAL": "ProjectApproval",
    }


async def test_a_kind_without_a_type_is_an_error_and_no_other_types_object(
    engine: Engine, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert KINDS is not None
    monkeypatch.delitem(KINDS.types, "MODIFICATION")
    with pytest.raises(LookupError, match="MODIFICATION"):
        await asking.answer(engine, INBOX, filled.world.seats["account owner"])
