"""What a database itself says of its form."""

import re
from dataclasses import dataclass

from tortoise.backends.base.client import BaseDBAsyncClient

from models.sql import Dialect

TABLE_OF_THE_ORM = "tortoise_migrations"


@dataclass(frozen=True, order=True)
class Index:
    table: str
    columns: str
    unique: bool = False
    partial: bool = False


async def indexes(connection: BaseDBAsyncClient, dialect: Dialect) -> list[Index]:
    """List what every index is on, those behind primary keys and uniques included."""
    rows = await connection.execute_query_dict(INDEXES[dialect])
    return sorted(
        Index(row["tbl"], row["columns"], unique=bool(row["uniq"]), partial=bool(row["partial"]))
        for row in rows
        if row["tbl"] != TABLE_OF_THE_ORM
    )


async def checks(connection: BaseDBAsyncClient, dialect: Dialect) -> set[str]:
    """Tell the names of the checks."""
    rows = await connection.execute_query_dict(CHECKS[dialect])
    return {name for row in rows for name in re.findall(r'CONSTRAINT "?(\w+)"? CHECK', row["sql"])}


async def references(connection: BaseDBAsyncClient, dialect: Dialect) -> set[tuple[str, str]]:
    """Tell table and column of every foreign key."""
    return {(row["tbl"], row["col"]) for row in await connection.execute_query_dict(REFERENCES[dialect])}


INDEXES = {
    Dialect.SQLITE: """
        select t.name as tbl, i."unique" as uniq, i.partial,
               (select group_concat(c.name) from (select name from pragma_index_info(i.name) order by seqno) c)
               as columns
        from sqlite_master t, pragma_index_list(t.name) i where t.type = 'table'
    """,
    Dialect.POSTGRES: """
        select c.relname as tbl, i.indisunique as uniq, i.indpred is not null as partial,
               (select string_agg(a.attname, ',' order by k.n) from unnest(i.indkey) with ordinality k (attnum, n)
                join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum) as columns
        from pg_index i join pg_class c on c.oid = i.indrelid
        where c.relnamespace = 'public'::regnamespace
    """,
}
CHECKS = {
    Dialect.SQLITE: "select sql from sqlite_master where type = 'table'",
    Dialect.POSTGRES: """
        select 'CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(oid) as sql
        from pg_constraint where contype = 'c' and connamespace = 'public'::regnamespace
    """,
}
REFERENCES = {
    Dialect.SQLITE: """
        select t.name as tbl, f."from" as col from sqlite_master t, pragma_foreign_key_list(t.name) f
        where t.type = 'table'
    """,
    Dialect.POSTGRES: """
        select c.relname as tbl, a.attname as col
        from pg_constraint k join pg_class c on c.oid = k.conrelid
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
        where k.contype = 'f' and k.connamespace = 'public'::regnamespace
    """,
}
