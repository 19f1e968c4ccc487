"""The log says what was asked and how it ended, in one form, and holds no values."""

import json
import logging
from collections.abc import Iterator

import httpx2
import pytest
import structlog
from structlog.testing import capture_logs

from settings import LogFormat
from web import log


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Put back what `configure` changes for the whole process."""
    handlers, level, configured = logging.root.handlers[:], logging.root.level, structlog.get_config()
    yield
    structlog.configure(**configured)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.getLogger("uvicorn.error").setLevel(logging.NOTSET)


class RowError(Exception):
    """As drivers write them: the second line holds the row."""

    def __str__(self) -> str:
        return "duplicate key value\nDETAIL:  Key (email)=(ada@example.com) already exists."


PASSWORD = "correct horse battery"


def fail(password: str) -> None:
    raise LookupError("could not write") from RowError(len(password))


@pytest.mark.parametrize("log_format", LogFormat)
def test_a_fault_is_logged_without_local_variables_and_rows(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure(log_format)
    try:
        fail(PASSWORD)
    except LookupError:
        structlog.get_logger("test").exception("failed", request_id="r1")
    written = capsys.readouterr().err
    assert "could not write" in written
    assert "RowError: duplicate key value" in written
    assert "r1" in written
    assert PASSWORD not in written
    assert "ada@example.com" not in written


def test_machines_read_one_object_a_line_whoever_wrote_it(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(LogFormat.JSON)
    structlog.get_logger("test").info("answered", status=200)
    logging.getLogger("somebody.else").warning("slow: %s", "disk")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [{name: line[name] for name in line if name != "timestamp"} for line in lines] == [
        {"event": "answered", "status": 200, "level": "info"},
        {"event": "slow: disk", "level": "warning"},
    ]


async def test_a_requests_line_names_route_operation_status_and_id_and_no_variable(asked: httpx2.AsyncClient) -> None:
    sent = {"query": "query Mine($x: Boolean!) { __typename @include(if: $x) }", "variables": {"x": True}}
    headers = {"authorization": "Bearer this-is-a-secret", "x-request-id": "r2"}
    with capture_logs() as lines:
        await asked.post("/graphql", json=sent)
        await asked.post("/graphql", json=sent | {"operationName": "Mine"}, headers={"x-request-id": "r3"})
        await asked.post("/graphql", json=sent | {"operationName": "Other"}, headers={"x-request-id": "r4"})
        await asked.post("/graphql", json=sent, headers=headers)
        await asked.get("/nowhere/this-is-a-secret?and=this-is-a-secret")
    logged = [(each["method"], each["path"], each["operation"], each["status"]) for each in lines]
    assert logged == [
        ("POST", "/graphql", "query Mine", 200),
        ("POST", "/graphql", "Mine", 200),
        ("POST", "/graphql", None, 200),
        ("POST", "/graphql", None, 401),
        ("GET", None, None, 404),
    ]
    assert [each["request_id"] for each in lines][1:4] == ["r3", "r4", "r2"]
    assert "this-is-a-secret" not in str(lines)


async def test_a_fault_of_ours_is_masked_and_carries_the_requests_id(
    asked: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        fail(PASSWORD)

    monkeypatch.setattr("resolvers.engine.Engine.execute", broken)
    with capture_logs() as lines:
        answer = await asked.post("/graphql", json={"query": "{ __typename }"}, headers={"x-request-id": "r5"})
    assert (answer.status_code, answer.json()) == (
        500,
        {
            "errors": [
                {
                    "message": "Something went wrong on our side.",
                    "extensions": {"code": "INTERNAL", "requestId": "r5"},
                }
            ]
        },
    )
    assert [(line["event"], line["log_level"], line["request_id"]) for line in lines] == [("failed", "error", "r5")]
