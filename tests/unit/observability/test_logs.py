"""The log: JSON or text, times in UTC, journald's priorities, no rows of the database."""

import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from observability.logs import PRIORITY, configure, reads_journald
from observability.settings import LogSettings

ROW = (
    'null value in column "name_zh"\nDETAIL:  Failing row contains (3, 张秀英,\n0755-12345678).\nCONTEXT:  COPY\n'
    "HINT:  ask"
)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    hooks = sys.excepthook, threading.excepthook
    yield
    sys.excepthook, threading.excepthook = hooks
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level


def written(format: Any, journal: bool = False) -> list[str]:
    out = io.StringIO()
    configure(LogSettings(format=format), out, journal)
    log = structlog.get_logger("test")
    log.info("stored", readings=3, where="海山街道")
    try:
        raise ValueError(ROW)
    except ValueError as error:
        log.exception("the database refuses", error=str(error))
    logging.getLogger("uvicorn.error").warning("a line of %s", "a library")
    log.debug("nobody reads this")
    return out.getvalue().splitlines()


def test_each_json_line_is_an_entry_with_its_time_in_utc_and_its_level() -> None:
    entries = [json.loads(line) for line in written("json")]
    assert [entry["level"] for entry in entries] == ["info", "error", "warning"]
    assert entries[0]["event"] == "stored"
    assert entries[0]["where"] == "海山街道"
    assert all(entry["time"].endswith("Z") for entry in entries)
    assert entries[2]["event"] == "a line of a library"


@pytest.mark.parametrize("format", ["json", "text"])
def test_no_row_of_the_database_is_written(format: str) -> None:
    text = "\n".join(written(format))
    assert "张秀英" not in text
    assert "0755-12345678" not in text
    assert "null value in column" in text
    assert "HINT:  ask" in text


@pytest.mark.parametrize("format", ["json", "text"])
def test_every_line_for_journald_begins_with_its_priority(format: str) -> None:
    lines = written(format, journal=True)
    assert lines[0].startswith(f"<{PRIORITY['info']}>")
    assert lines[-1].startswith(f"<{PRIORITY['warning']}>")
    assert {line[:3] for line in lines[1:-1]} == {f"<{PRIORITY['error']}>"}


def test_journald_is_known_by_the_file_that_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "log").open("w") as out:
        assert not reads_journald(out)
        found = os.fstat(out.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        assert reads_journald(out)
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino + 1}")
        assert not reads_journald(out)
    assert not reads_journald(io.StringIO())


SERVICE = """
import threading
from observability.logs import configure
from observability.settings import LogSettings
configure(LogSettings())
def fail():
    name = "张秀英"
    raise ValueError(ROW)
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""
COMMAND = """
import sys
from shouwang.cli import main
@main.app.command()
def broken():
    name = "张秀英"
    raise KeyError from ValueError(ROW)
sys.argv = ["shouwang", "broken"]
main.main()
"""


@pytest.mark.parametrize(("program", "times"), [(SERVICE, 2), (COMMAND, 1)], ids=["service", "command"])
def test_an_error_that_nobody_caught_shows_its_place_and_no_row(program: str, times: int) -> None:
    program = f"ROW = {ROW!r}\n{program}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("null value in column") == times
    assert "Traceback" in done.stderr
    assert "0755-12345678" not in done.stderr
    assert "张秀英" not in done.stderr
    assert not set("│╭❱") & set(done.stderr), "no frame with source around the place"
