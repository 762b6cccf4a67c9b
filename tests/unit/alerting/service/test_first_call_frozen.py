"""A program that stood still gives its writer time again before it calls: another may have told everybody."""

import datetime as dt
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from alerting.core.finding import Finding
from alerting.service import first_call as module
from alerting.service.first_call import FirstCall
from alerting.service.storing.record import Record
from tests.support.services import wait_for

PATIENCE_S = 0.5
AT = 1_764_000_000_000_000
SOS = Finding(
    action="open", rule="sos", rule_version=1, severity="emergency", subject="resident:R0001", household_id=1,
    resident_id=1, onset_us=AT, sensed_us=AT, reason_zh="求助", reason_en="SOS",
)  # fmt: skip


def test_nobody_is_called_for_the_time_that_the_program_stood_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept_s = [0.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + slept_s[0]))
    asked: list[float] = []

    def first_step(_record: Record, _now: dt.datetime) -> NoReturn:
        asked.append(time.monotonic())
        raise ValueError("nobody is on duty")

    stop = threading.Event()
    found = FirstCall(tmp_path / "first-calls.jsonl", None, first_step, patience_s=PATIENCE_S)
    thread = threading.Thread(target=found.run, args=(stop,))
    thread.start()
    try:
        with found._lock:  # amid a turn of the loop
            found.raised(Record(SOS, AT, AT))
            woke_at = time.monotonic()
            slept_s[0] = 20.0
        wait_for(lambda: bool(asked), 20, lambda: "nobody is called, though the database is away")
    finally:
        stop.set()
        thread.join(10)
    assert asked[0] - woke_at >= PATIENCE_S
