"""Logs: structured lines on stderr, readable on a terminal, JSON elsewhere. Never content, never tokens."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_DETAIL = re.compile(r"\nDETAIL: .*?(?=\n(?:HINT|CONTEXT): |\n\n(?:The above|During)|\Z)", re.DOTALL)


def _without_details(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave out what PostgreSQL says in detail of an error: it quotes the row, which may hold content."""
    for key, value in line.items():
        if isinstance(value, str) and "\nDETAIL: " in value:
            line[key] = _DETAIL.sub("", value)
    return line


def configure_logs(level: str) -> None:
    """Set up structlog and the libraries' loggers; called once by the command line."""
    number: int = getattr(logging, level.upper())
    steps: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Before the renderer of a terminal, whose own tracebacks show the values of variables.
    steps += [structlog.processors.format_exc_info, _without_details]
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*steps, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *steps],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    # Nothing below a warning, whatever our own level: websockets logs every frame, and uvicorn the query of a handshake,
    # which may hold a ticket.
    logging.basicConfig(handlers=[handler], level=max(logging.WARNING, number))
    # uvicorn warns of each request that is no HTTP or asks for an upgrade that it does not know: anyone could fill the log
    # without a token. psycopg's pool warns of each connection that broke.
    for name in ("uvicorn", "psycopg.pool"):
        logging.getLogger(name).setLevel(max(logging.ERROR, number))
