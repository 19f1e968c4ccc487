"""Tell whether the PostgreSQL to test with is there: `python -m tests.reachable` fails and says why if it is not."""

import asyncio
import os
import sys

import asyncpg

DEFAULT_URL = "postgres://postgres@127.0.0.1:5432/postgres"
PATIENCE_SECONDS = 5


def postgres_url() -> str:
    """Read from TEST_POSTGRES_URL which server to make databases on."""
    return os.environ.get("TEST_POSTGRES_URL", DEFAULT_URL)


async def obstacle() -> str | None:
    """Say what keeps us from making databases there; null when nothing does."""
    try:
        connection = await asyncpg.connect(postgres_url(), timeout=PATIENCE_SECONDS)
    except (OSError, asyncpg.PostgresError) as error:
        return f"{type(error).__name__}: {error}"
    try:
        may = await connection.fetchval("select rolcreatedb or rolsuper from pg_roles where rolname = current_user")
    finally:
        await connection.close()
    return None if may else "its user may not create databases"


if __name__ == "__main__":
    reason = asyncio.run(obstacle())
    if reason:
        sys.stdout.write(f"{reason}\n")
        sys.exit(1)
