"""From files to a recording, and from alerts to files."""

import csv
from collections import defaultdict
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.context import Happened
from alerting.replay.alerts import Alert, Difference
from alerting.replay.recording import Contact, Recorder, Recording, contacts_in
from alerting.replay.residents import ResidentsFile, district_of, gateway_of, key_of
from alerting.replay.rows import Reject, Rows

OFTEN_S = 60
"""A device that says something this often tells by it whether its home is in contact."""


def recording_of(rows: Rows, file: ResidentsFile) -> tuple[Recording, dict[str, int], list[str]]:
    """(what to replay, readings that no detector looks at by reason, devices that the residents file does not name).

    Raises ValueError where there is nothing to replay.
    """
    seen = dict.fromkeys((batch.resident, batch.device) for batch in rows.batches)
    seen |= dict.fromkeys((event.resident, event.device) for event in rows.events)
    district = district_of(file, seen)
    entries = {entry.code: entry for entry in file.resident}
    named = {(entry.code, device.name) for entry in file.resident for device in entry.device}
    recorder = Recorder(district)
    times: dict[tuple[str, str], list[NDArray[np.int64]]] = defaultdict(list)
    for batch in _joined(rows):
        where = gateway_of(entries[batch[0]]), key_of(batch[0], batch[1])
        recorder.readings(district.sources[where], batch[2], *batch[3:])
        times[where].append(batch[5])
    for event in rows.events:
        where = gateway_of(entries[event.resident]), key_of(event.resident, event.device)
        happened = Happened(district.sources[where], event.kind, event.time_us, event.values)
        recorder.event(happened, event.received_us)
        times[where].append(np.array([event.received_us]))
    if not times:
        raise ValueError("there is nothing to replay: no row was good")
    heard = {where: np.sort(np.concatenate(parts)) for where, parts in times.items()}
    begin_us = min(int(t[0]) for t in heard.values())
    end_us = max(int(t[-1]) for t in heard.values())
    contacts = []
    for gateway in district.gateways:
        mine = [where for where in heard if where[0] == gateway]
        if any(district.sources[where].heartbeat_s <= OFTEN_S for where in mine):
            all_times = np.sort(np.concatenate([heard[where] for where in mine]))
            contacts += contacts_in(district, gateway, None, all_times, begin_us, end_us)
        else:
            contacts.append(Contact(gateway, None, begin_us, end_us))
    nothing = np.empty(0, np.int64)
    for gateway, device in district.sources:
        contacts += contacts_in(district, gateway, device, heard.get((gateway, device), nothing), begin_us, end_us)
    strangers = [f"{code} {name}" for code, name in seen if (code, name) not in named]
    return recorder.recording(begin_us, end_us, contacts), recorder.unused, strangers


Series = tuple[str, str, str, NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]


def _joined(rows: Rows) -> list[Series]:
    """The batches of one series as one."""
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
    """One alert a line, JSON, by the time they were told. Readable by its owner only."""
    _write(file, [msgspec.json.encode(alert) for alert in alerts])


def write_difference(file: Path, difference: Difference) -> None:
    """One alert a line, JSON: ``change`` is 'came', 'gone' or 'changed' (then with ``before``)."""
    lines: list[dict[str, object]] = [{"change": "gone", "alert": alert} for alert in difference.gone]
    lines += [{"change": "came", "alert": alert} for alert in difference.came]
    lines += [{"change": "changed", "before": before, "alert": after} for before, after in difference.changed]
    _write(file, [msgspec.json.encode(line) for line in lines])


def write_rejects(file: Path, rejects: list[Reject]) -> None:
    """CSV: line, why, row."""
    _private(file)
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(("line", "why", "row"))
        writer.writerows((reject.line, reject.why, reject.row) for reject in rejects)


def _write(file: Path, lines: list[bytes]) -> None:
    _private(file)
    file.write_bytes(b"".join(line + b"\n" for line in lines))


def _private(file: Path) -> None:
    """It holds what is known of people's bodies and days."""
    file.touch(mode=0o600)
    file.chmod(0o600)
