"""Run the weekly test of the alarm buttons.

JGJ/T 484-2019, 10.3.1, item 3: the alarm buttons that elderly people use are checked once a week, their function is
proved, and a broken one is replaced at once.

A test must never swallow a call for help. So a press is a test only where one was announced for that very button in the
last two minutes, and only the first press: the second one is an alarm again, and so is every press after a restart.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import structlog

from edge_agent.files import write_durably
from edge_agent.timekeeping.clock import EARLIEST_US
from firmware_profiles.devices import DeviceModel
from firmware_profiles.driver import DeviceConfig
from vocabulary.times import DAY_US

log = structlog.get_logger(__name__)

PRESSED, TESTED, DUE = "sos_pressed", "button_test", "button_test_due"
PERIOD_US = 7 * DAY_US
WINDOW_US = 120_000_000
COPY_US = 500_000
"""A press this soon after the tested one is its second copy (zigbee2mqtt#32015); nobody presses so fast on purpose."""


class ButtonRecord(msgspec.Struct, frozen=True):
    """The record of one button, µs since 1970: when it was first seen or last proved, and last reminded of."""

    proved_us: int
    reminded_us: int = 0


class Reminder(msgspec.Struct, frozen=True):
    """A due test, to be sent as the event ``button_test_due``."""

    device: str
    days: int
    """Since the button was last proved to work."""
    reason: str


Records = dict[str, ButtonRecord]


def has_button(model: DeviceModel) -> bool:
    """Whether a device of this model can call for help."""
    return any(PRESSED in table.values() for table in model.events.values())


def remind(records: Records, buttons: frozenset[str], now_us: int) -> tuple[Records, list[Reminder]]:
    """New records, and the buttons to remind of: not proved for seven days, and not reminded of for a day.

    A button seen for the first time starts its period; records of buttons that are gone are dropped; a time in the
    future (the clock was set back) counts as now. Nothing is decided by a clock that cannot be right.
    """
    if now_us < EARLIEST_US:
        return records, []
    updated: Records = {}
    due: list[Reminder] = []
    for device in sorted(buttons):
        record = records.get(device, ButtonRecord(now_us))
        record = ButtonRecord(min(record.proved_us, now_us), min(record.reminded_us, now_us))
        unproved = now_us - record.proved_us
        if unproved >= PERIOD_US and now_us - record.reminded_us >= DAY_US:
            due.append(Reminder(device, unproved // DAY_US, "not tested for a week"))
            record = ButtonRecord(record.proved_us, now_us)
        updated[device] = record
    return updated, due


class ButtonTests:
    """Announced tests and the records of one home; ``file`` keeps the records. Times in µs, as the caller's clock says.

    A record file that cannot be read begins anew: the reminder then comes at most a week late, and that is logged.
    """

    def __init__(self, file: Path, devices: list[DeviceConfig], models: Mapping[str, DeviceModel]) -> None:
        self._file = file
        self._buttons = frozenset(one.name for one in devices if has_button(models[one.model]))
        self._open: dict[str, tuple[int, float]] = {}  # device: wall clock of the announcement, monotonic end
        self._tested_us: dict[str, int] = {}  # device: its last press that was a test
        self._records = self._read()

    def announce(self, device: str, now_us: int, monotonic_s: float) -> str:
        """Make the next press of ``device`` within two minutes a test. Raises ValueError where it has no button."""
        if device not in self._buttons:
            raise ValueError(f"{device!r} has no alarm button; there are: {', '.join(sorted(self._buttons)) or 'none'}")
        self._open[device] = (now_us, monotonic_s + WINDOW_US / 1e6)
        log.info("button test announced", device=device)
        return f"press {device} once within {WINDOW_US // 1_000_000} s; any further press is an alarm"

    def judge(self, device: str, kind: str, time_us: int, now_us: int, monotonic_s: float) -> str:
        """The kind under which an event is stored: ``button_test`` for the first press of an announced test."""
        if kind != PRESSED or device not in self._buttons:
            return kind
        if 0 <= time_us - self._tested_us.get(device, time_us - COPY_US) < COPY_US:
            return TESTED  # the same press, told twice
        announced_us, until_s = self._open.pop(device, (math.inf, -math.inf))
        # a press made before the announcement and delivered late is a call for help
        if monotonic_s <= until_s and time_us >= announced_us:
            kind = TESTED
            self._tested_us[device] = time_us
            log.info("button test passed", device=device)
        if now_us >= EARLIEST_US:
            self._keep(self._records | {device: ButtonRecord(now_us)})
        return kind

    def look(self, now_us: int, monotonic_s: float) -> Iterator[Reminder]:
        """Reminders of tests that nobody pressed for and of buttons that are due; call this every few seconds."""
        for device in [device for device, (_, until_s) in self._open.items() if monotonic_s > until_s]:
            del self._open[device]
            days = (now_us - self._records.get(device, ButtonRecord(now_us)).proved_us) // DAY_US
            yield Reminder(device, max(0, days), "a test was announced and no press was heard")
        records, due = remind(self._records, self._buttons, now_us)
        self._keep(records)
        yield from due

    def _keep(self, records: Records) -> None:
        if records == self._records:
            return
        self._records = records
        try:
            write_durably(self._file, msgspec.json.encode(records))
        except OSError as error:  # a full disk must not stop a call for help
            log.error("button records cannot be stored", file=str(self._file), reason=str(error))

    def _read(self) -> Records:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Records)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.error("button records cannot be read; the week begins anew", file=str(self._file), reason=str(error))
            return {}
