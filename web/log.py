"""The log, for people or for machines. It says what was asked and how it ended, never with which values."""

import logging
import sys
import traceback
from collections.abc import Callable
from typing import TextIO

import orjson
import structlog
from structlog.typing import ExcInfo, Processor

from settings import LogFormat, LogLevel


def configure(log_format: LogFormat, level: LogLevel = LogLevel.INFO) -> None:
    """Write everything from a level on, libraries' words included, to standard error in one form."""
    least = logging.getLevelNamesMapping()[level.name]
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendered = _RENDERERS[log_format]()
    structlog.configure(
        processors=[*before, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("uvicorn.error").setLevel(least)  # where it listens, when it stops


def _for_people() -> list[Processor]:
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_write_traceback)]


def _for_machines() -> list[Processor]:
    return [structlog.processors.ExceptionRenderer(without_values), structlog.processors.JSONRenderer(_json)]


_RENDERERS: dict[LogFormat, Callable[[], list[Processor]]] = {
    LogFormat.CONSOLE: _for_people,
    LogFormat.JSON: _for_machines,
}


def _json(event: object, **_: object) -> str:
    return orjson.dumps(event, default=str).decode()


def _write_traceback(out: TextIO, exc_info: ExcInfo) -> None:
    out.write("\n" + without_values(exc_info))


def without_values(exc_info: ExcInfo) -> str:
    """Return a traceback without local variables and, of messages, the first line: databases put rows into the next."""
    chunks = traceback.TracebackException(*exc_info, capture_locals=False).format()
    return "".join(chunk if chunk.startswith((" ", "\n", "Traceback")) else _first_line(chunk) for chunk in chunks)


def _first_line(chunk: str) -> str:
    return chunk.partition("\n")[0] + "\n"
