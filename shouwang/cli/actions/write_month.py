"""``shouwang simulate month``: the simulated month as the files that ``shouwang alerting replay`` reads."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.progress import track

from device_simulators.month.devices import owner
from device_simulators.month.month import MonthOptions, ResidentMonth, simulate
from device_simulators.month.truth import Episode
from firmware_profiles.devices import MODELS

HEADER = ("time", "received", "resident", "device", "channel", "value")


def write_month(out: Path, numbers: Sequence[int], options: MonthOptions) -> tuple[int, int]:
    """Write readings.csv, residents.toml and truth.jsonl of the residents of these numbers; (rows, true episodes)."""
    out.mkdir(parents=True, exist_ok=True)
    truth: list[Episode] = []
    rows = 0
    with (out / "readings.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(HEADER)
        with (out / "residents.toml").open("w", encoding="utf-8") as toml:
            for number in track(numbers, "residents"):
                found = simulate(number, options)
                rows += _readings(writer, found)
                toml.write(_resident(found))
                truth += found.truth
    (out / "truth.jsonl").write_bytes(b"".join(msgspec.json.encode(episode) + b"\n" for episode in truth))
    return rows, len(truth)


def _readings(writer: Any, found: ResidentMonth) -> int:
    rows = 0

    def whose(device: str) -> str:
        return owner(found.resident, device) or found.resident.code

    for trace in found.traces:
        code = whose(trace.device)
        values = np.round(trace.value.astype(np.float64), 3)
        times = zip(trace.time_us.tolist(), trace.arrival_us.tolist(), values.tolist(), strict=True)
        writer.writerows((time, arrival, code, trace.device, trace.channel, value) for time, arrival, value in times)
        rows += len(values)
    beats = _heartbeats(found)
    writer.writerows((time, time, whose(device), device, "reachable", 1) for device, time in beats)
    for moment in found.moments:
        values_ = msgspec.json.encode(moment.values).decode() if moment.values else ""
        writer.writerow((moment.time_us, moment.arrival_us, whose(moment.device), moment.device, moment.kind, values_))
    return rows + len(beats) + len(found.moments)


def _heartbeats(found: ResidentMonth) -> list[tuple[str, int]]:
    """List (device, time) of the heartbeats that each device's model promises."""
    period_us = {
        device.name: int(MODELS[device.model].heartbeat_s * 1e6) for device in found.devices if device.model in MODELS
    }
    return [
        (contact.device, time_us)
        for contact in found.contacts
        if contact.device in period_us
        for time_us in range(contact.begin_us, contact.end_us, period_us[contact.device])
    ]


def _resident(found: ResidentMonth) -> str:
    resident = found.resident
    lines: list[str] = []
    for code in filter(None, (resident.code, resident.spouse)):
        lines += ["[[resident]]", f'code = "{code}"']
        lines += [f'household = "home-{resident.code}"'] if resident.spouse else []
        lines += [f"spo2_scale = {resident.spo2_scale}"] if resident.spo2_scale != 1 else []
        for device in found.devices:
            whose = owner(resident, device.name)
            if (whose or resident.code) != code:
                continue
            lines += [
                "[[resident.device]]",
                f'name = "{device.name}"',
                f'model = "{device.model}"',
                f'room = "{device.room}"',
                *(() if whose else ("shared = true",)),
            ]
    return "\n".join([*lines, "", ""])
