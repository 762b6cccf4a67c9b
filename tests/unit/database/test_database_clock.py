"""The database's clock in a process: believed over the host's where they differ, and carried on by the steady clock."""

from typing import Any

import pytest

from alerting.core.finding import Finding
from alerting.service.storing.record import Record, dated_by_database
from database.clock import TOLERANCE_US, DatabaseClock

S = 1_000_000
DATABASE = 1_800_000_000 * S


class Clocks:
    """A machine and a database whose clocks the test sets."""

    def __init__(self) -> None:
        self.host, self.steady, self.database = DATABASE, 5 * S, DATABASE

    def execute(self, _: str) -> Any:
        return self

    def fetchone(self) -> tuple[int]:
        return (self.database,)

    def go(self, seconds: float) -> None:
        for name in ("host", "steady", "database"):
            setattr(self, name, getattr(self, name) + round(seconds * S))


def clock_of(clocks: Clocks) -> DatabaseClock:
    return DatabaseClock(lambda: clocks.host, lambda: clocks.steady)


@pytest.mark.parametrize("off_us", [0, TOLERANCE_US, -TOLERANCE_US, TOLERANCE_US + 1, 7200 * S, -7200 * S])
def test_a_host_that_is_off_by_more_than_seconds_is_not_believed(off_us: int) -> None:
    clocks = Clocks()
    clocks.host += off_us
    clock = clock_of(clocks)
    assert (clock.now_us(), clock.host_ahead_us) == (clocks.host, 0), "nothing else is known yet"
    clock.look(clocks)  # type: ignore[arg-type]
    believed = abs(off_us) <= TOLERANCE_US
    assert clock.now_us() == (clocks.host if believed else DATABASE)
    assert clock.host_ahead_us == (0 if believed else off_us)


def test_a_clock_that_is_set_between_two_looks_moves_nothing() -> None:
    clocks = Clocks()
    clock = clock_of(clocks)
    clock.look(clocks)  # type: ignore[arg-type]
    clocks.go(3600)
    clocks.host += 9000 * S
    assert clock.now_us() == clocks.database
    clocks.host -= 9000 * S
    clocks.go(86_400)  # the database away: the host's own clock is the better one, within what a crystal may be off
    clocks.host += 4 * S
    assert clock.now_us() == clocks.host


def record(raised_us: int, steady_us: int, boot: str = "now") -> Record:
    finding = Finding(
        action="open", rule="sos", rule_version=1, severity="emergency", subject="resident:R0001", household_id=1,
        resident_id=1, onset_us=DATABASE, sensed_us=DATABASE, reason_zh="", reason_en="",
    )  # fmt: skip
    return Record(finding, raised_us - 1000, raised_us, steady_us, boot)


@pytest.mark.parametrize("off_us", [7200 * S, -7200 * S])
def test_a_record_of_a_wrong_clock_gets_the_time_at_which_it_was_raised(off_us: int) -> None:
    waited_s = 40
    written = dated_by_database(record(DATABASE + off_us, 5 * S), DATABASE + waited_s * S, (5 + waited_s) * S, "now")
    assert (written.received_us, written.raised_us) == (DATABASE - 1000, DATABASE)
    right = record(DATABASE, 5 * S)
    assert dated_by_database(right, DATABASE + waited_s * S, (5 + waited_s) * S, "now") is right


def test_of_another_run_of_the_machine_only_the_future_is_wrong() -> None:
    old = record(DATABASE - 3600 * S, 900 * S, "before")
    assert dated_by_database(old, DATABASE, 5 * S, "now") is old
    future = record(DATABASE + 3600 * S, 900 * S, "before")
    assert dated_by_database(future, DATABASE, 5 * S, "now").raised_us == DATABASE
