"""Write the log: text or JSON, times in UTC, journald's priority before each line, no rows of the database.

Texts of PostgreSQL's errors carry rows ("Failing row contains (…)", "Key (name)=(…)"): their DETAIL and CONTEXT lines
are cut off, in messages and in tracebacks. Tracebacks show no values of variables.
"""

import logging
import os
import re
import sys
import threading
import traceback
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from observability.settings import LogSettings

PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "exception": 3, "critical": 2}
"""sd-daemon(3), after syslog (RFC 5424, table 2)."""
_OF_ROWS = re.compile(
    r"^[ \t]*(?:DETAIL|CONTEXT|QUERY)(?::|\uff1a).*?(?=^[ \t]*HINT:|^(?:During handling|The above exception)|\Z)",
    re.MULTILINE | re.DOTALL,
)


def configure(settings: LogSettings, out: TextIO | None = None, journal: bool | None = None) -> None:
    """Send the log of this process to ``out`` (standard output). ``journal``: lines begin with journald's priority;
    None: where journald reads them (``JOURNAL_STREAM``, systemd.exec(5))."""
    stream = sys.stdout if out is None else out
    prefixed = reads_journald(stream) if journal is None else journal
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        without_rows,
    ]
    render: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=stream.isatty() and not prefixed,
            timestamp_key="time",
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    line = _prefixed(render) if prefixed else render
    level = getattr(logging, settings.level.upper())
    structlog.configure(
        processors=[*shared, line],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)  # of libraries: uvicorn, paho
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, line]
        )
    )
    logging.basicConfig(handlers=[handler], level=max(logging.WARNING, level), force=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda found: _uncaught(found.exc_type, found.exc_value, found.exc_traceback)


def traceback_without_rows(error: BaseException) -> str:
    """Write the traceback of an error that nobody caught: no values of variables, no rows of the database."""
    return _OF_ROWS.sub("", "".join(traceback.format_exception(error))).rstrip("\n") + "\n"


def reads_journald(stream: TextIO) -> bool:
    """Whether journald is at the other end of ``stream``."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def without_rows(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    """Cut what PostgreSQL says of rows out of every text of an entry."""
    return {key: _OF_ROWS.sub("", value).rstrip("\n") if isinstance(value, str) else value
            for key, value in entry.items()}  # fmt: skip


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is None or issubclass(kind, (KeyboardInterrupt, SystemExit)):
        sys.__excepthook__(kind, error or kind(), trace)
    else:
        sys.stderr.write(traceback_without_rows(error))


def _prefixed(render: Any) -> Any:
    def line(logger: WrappedLogger, method: str, entry: EventDict) -> str:
        mark = f"<{PRIORITY.get(entry.get('level', method), 6)}>"
        return "\n".join(mark + part for part in str(render(logger, method, entry)).splitlines())

    return line
