"""The connections that reads use: what they keep of a statement, and for how long."""

from typing import cast

import pytest

from models import database as databases
from models.sql import Dialect
from resolvers import reads


async def test_a_migration_may_change_what_was_read_before(blank: str) -> None:
    """A server keeps its statements prepared, and a migration does not wait for it to stop."""
    async with databases.connected(blank) as context:
        await context.db().execute_script("create table thing (id int); insert into thing values (1)")
        async with reads.opened(blank) as opened:
            found = [[tuple(row) for row in await opened.rows("select * from thing", ())]]
            for change in ("add column name text", "rename column id to number", "drop column name"):
                await context.db().execute_script(f"alter table thing {change}")
                found.append([tuple(row) for row in await opened.rows("select * from thing", ())])
    assert found == [[(1,)], [(1, None)], [(1, None)], [(1,)]]


async def test_a_connection_keeps_a_bounded_number_of_statements(
    blank: str, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dialect is Dialect.SQLITE:
        pytest.skip("the driver bounds its own")
    monkeypatch.setattr(reads, "STATEMENTS", 10)
    kept: list[int] = []
    async with reads.opened(blank) as opened:
        for number in range(35):
            assert [tuple(row) for row in await opened.rows(f"select {number}", ())] == [(number,)]
            [[count]] = await opened.rows("select count(*) from pg_prepared_statements", ())
            kept.append(cast("int", count))
    assert max(kept) == 10
