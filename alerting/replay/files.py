"""Builds a recording from files, and writes alerts to files."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.kit.columns import STEP_US
from alerting.detection.kit.context import District, Happened
from alerting.detection.kit.sources.window import PAUSE_STEPS, SENSED
from alerting.detection.kit.switches import BINARY
from alerting.replay.alerts import Alert, Difference
from alerting.replay.recording import Contact, Recorder, Recording, contacts_in
from alerting.replay.residents import ResidentsFile, district_of, gateway_of, key_of
from alerting.replay.rows import Reject, Rows
from firmware_profiles.channels import EVENTS
from vocabulary.times import HOUR_US

OFTEN_S = 60
"""Longest heartbeat of a device whose messages show whether its home is in contact."""
SELDOM = BINARY | EVENTS.keys()


RUN_ON_US = 3 * HOUR_US
"""Time that the clock runs on after the last row, so that a stop of the data shows."""

PACED_READINGS, PACED_SHARE = 20, 0.95
"""Readings, and the share of short intervals between them, of a device of no known model that measures by itself."""


class FileRecording(msgspec.Struct, frozen=True):
    """A recording of a file; numbers of readings that no detector uses, by reason; residents and devices that the
    residents file does not name; the time of the last row."""

    recording: Recording
    unused: dict[str, int]
    residents: list[str]
    devices: list[str]
    last_us: int


def recording_of(rows: Rows, file: ResidentsFile, until_us: int | None = None) -> FileRecording:
    """Build the recording of a file. ``until_us``: when the clock stops; None: ``RUN_ON_US`` after the last row.

    Raises ValueError where there is nothing to replay.
    """
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    for batch in rows.batches:
        said[batch.resident, batch.device].add(batch.channel)
    for event in rows.events:
        said[event.resident, event.device].add(event.kind)
    district = district_of(file, said, _paced(rows))
    home_of = {person.code: f"gw-{person.code}" for person in district.people}
    home_of |= {entry.code: gateway_of(entry) for entry in file.resident}
    recorder = Recorder(district)
    times: dict[tuple[str, str], list[NDArray[np.int64]]] = defaultdict(list)
    for code, name, channel, time_us, value, received_us in _joined(rows):
        where = home_of[code], key_of(code, name)
        recorder.readings(district.sources[where], channel, time_us, value, received_us)
        times[where].append(received_us)
    for event in rows.events:
        where = home_of[event.resident], key_of(event.resident, event.device)
        happened = Happened(district.sources[where], event.kind, event.time_us, event.values)
        recorder.event(happened, event.received_us)
        times[where].append(np.array([event.received_us]))
    if not times:
        raise ValueError("there is nothing to replay: no row was good")
    heard = {where: np.sort(np.concatenate(parts)) for where, parts in times.items()}
    begin_us = min(int(t[0]) for t in heard.values())
    last_us = max(int(t[-1]) for t in heard.values())
    end_us = max(last_us, until_us or last_us + RUN_ON_US)
    quiet = {(home_of[code], key_of(code, name)) for (code, name), kinds in said.items() if kinds <= SELDOM}
    contacts = [_lasting(contact, last_us, end_us) for contact in _contacts(district, heard, quiet, begin_us, last_us)]
    known = {entry.code for entry in file.resident}
    named = {(entry.code, device.name) for entry in file.resident for device in entry.device}
    return FileRecording(
        recorder.recording(begin_us, end_us, contacts),
        recorder.unused,
        list(dict.fromkeys(code for code, _ in said if code not in known)),
        [f"{code} {name}" for code, name in said if (code, name) not in named],
        last_us,
    )


def _paced(rows: Rows) -> set[tuple[str, str]]:
    """The (resident, device) that measure by themselves, as far as their rows show: ever so many, and nearly always at
    short intervals."""
    found = set()
    for code, name, channel, time_us, _, _ in _joined(rows):
        if channel in SENSED and len(time_us) >= PACED_READINGS:
            gaps = np.diff(np.sort(time_us))
            if np.mean(gaps <= PAUSE_STEPS * STEP_US) >= PACED_SHARE:
                found.add((code, name))
    return found


def _contacts(
    district: District,
    heard: dict[tuple[str, str], NDArray[np.int64]],
    quiet: set[tuple[str, str]],
    begin_us: int,
    end_us: int,
) -> Iterator[Contact]:
    """The contacts of all gateways and devices. ``heard``: times of their rows; ``quiet``: devices that send events
    only, whose silence means nothing."""
    for gateway in district.gateways:
        mine = [where for where in heard if where[0] == gateway]
        if any(district.sources[where].heartbeat_s <= OFTEN_S for where in mine):
            all_times = np.sort(np.concatenate([heard[where] for where in mine]))
            yield from contacts_in(district, gateway, None, all_times, begin_us, end_us)
        else:
            yield Contact(gateway, None, begin_us, end_us)
    nothing = np.empty(0, np.int64)
    for gateway, device in district.sources:
        if (gateway, device) in quiet:
            yield Contact(gateway, device, begin_us, end_us)
        else:
            at = heard.get((gateway, device), nothing)
            yield from contacts_in(district, gateway, device, at, begin_us, end_us)


def _lasting(contact: Contact, last_us: int, end_us: int) -> Contact:
    """Extend a contact that lasted to the last row for as long as the clock runs on."""
    return msgspec.structs.replace(contact, end_us=end_us) if contact.end_us >= last_us else contact


JoinedSeries = tuple[str, str, str, NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]


def _joined(rows: Rows) -> list[JoinedSeries]:
    """Join the batches of each series."""
    parts: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for number, batch in enumerate(rows.batches):
        parts[batch.resident, batch.device, batch.channel].append(number)
    return [
        (
            *key,
            np.concatenate([rows.batches[i].time_us for i in numbers]),
            np.concatenate([rows.batches[i].value for i in numbers]),
            np.concatenate([rows.batches[i].received_us for i in numbers]),
        )
        for key, numbers in parts.items()
    ]


def write_alerts(file: Path, alerts: list[Alert]) -> None:
    """Write one alert a line, JSON. Readable by the owner only."""
    _write(file, [msgspec.json.encode(alert) for alert in alerts])


def write_difference(file: Path, difference: Difference) -> None:
    """Write one alert a line, JSON: ``change`` is 'came', 'gone' or 'changed' (then with ``before``)."""
    lines: list[dict[str, object]] = [{"change": "gone", "alert": alert} for alert in difference.gone]
    lines += [{"change": "came", "alert": alert} for alert in difference.came]
    lines += [{"change": "changed", "before": before, "alert": after} for before, after in difference.changed]
    _write(file, [msgspec.json.encode(line) for line in lines])


def write_rejects(file: Path, rejects: list[Reject]) -> None:
    """Write CSV: line, why, row."""
    _private(file)
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(("line", "why", "row"))
        writer.writerows((reject.line, reject.why, reject.row) for reject in rejects)


def _write(file: Path, lines: list[bytes]) -> None:
    _private(file)
    file.write_bytes(b"".join(line + b"\n" for line in lines))


def _private(file: Path) -> None:
    """Make the file readable by the owner only: it holds people's health data."""
    file.touch(mode=0o600)
    file.chmod(0o600)
