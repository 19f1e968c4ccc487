"""Processes that begin as forks of one that has imported the product and made its schema: starts that cost neither."""

import multiprocessing
import os
import sys

import server

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        *("pytest", "server", "uvicorn", "uvloop", "asyncpg", "aiosqlite", "schema.roots", "outbox.worker"),
        *("resolvers.engine", "resolvers.stream", "web.backend", "web.graphql", "web.health", "web.history", "web.ide"),
        *("web.keys", "web.log", "web.pages", "web.requests", "web.sockets", "web.wires", "web.account_sessions"),
        *("models.migrations", "uvicorn.lifespan.on", "starlette.applications", "tests.promises.accepting"),
        "tests.promises.warm",
    ]
)


def command(arguments: list[str], environment: dict[str, str]) -> None:
    """Do in a fork what `python server.py …` does."""
    os.environ.update(environment)
    sys.argv = [server.__file__, *arguments]
    server.main()
