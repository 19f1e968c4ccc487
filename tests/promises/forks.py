"""Processes that begin as forks of one that has imported the product and done nothing: starts that cost no imports."""

import multiprocessing
import os
import sys

import server

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        *("pytest", "server", "uvicorn", "uvloop", "asyncpg", "aiosqlite", "schema.roots", "outbox.worker"),
        *("resolvers.engine", "resolvers.stream", "web.backend", "web.graphql", "web.health", "web.history", "web.ide"),
        *("web.keys", "web.log", "web.pages", "web.requests", "web.sockets", "web.wires", "tests.promises.accepting"),
    ]
)


def command(arguments: list[str], environment: dict[str, str]) -> None:
    """Do in a fork what `python server.py …` does."""
    os.environ.update(environment)
    sys.argv = [server.__file__, *arguments]
    server.main()
