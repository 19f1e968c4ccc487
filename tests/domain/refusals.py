"""What tests compare whole: rows, and what every refusal leaves as it was."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tortoise import Model
from tortoise.connection import get_connection

import models
from domain.errors import Refusal
from models.enums import UserErrorCode
from models.sql import Dialect

TABLES = [table._meta.db_table for table in models.TABLES]
# PostgreSQL is asked once, as most of what a question takes there is the way to it and back.
ALL_AT_ONCE = f"select {', '.join(f'array(select each from {name} each order by id) as {name}' for name in TABLES)}"


async def everything() -> dict[str, list[dict[str, object]]]:
    """Read all rows of all tables."""
    connection = get_connection("default")
    if connection.capabilities.dialect == Dialect.POSTGRES:
        [tables] = await connection.execute_query_dict(ALL_AT_ONCE)
        return {table: [dict(row) for row in rows] for table, rows in tables.items()}
    return {table: await connection.execute_query_dict(f"select * from {table} order by id") for table in TABLES}


def columns(row: Model) -> dict[str, object]:
    """Read all columns of one row."""
    return {name: getattr(row, name) for name in row._meta.fields_db_projection}


@asynccontextmanager
async def refused(code: UserErrorCode, *field: str) -> AsyncIterator[None]:
    """Hold the block to be refused, with that code at that input, and to leave every row as it was."""
    before = await everything()
    with pytest.raises(Refusal) as caught:
        yield
    assert (caught.value.code, caught.value.field) == (code, list(field) or None), caught.value.message
    assert await everything() == before
