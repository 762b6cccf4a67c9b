"""``shouwang simulate month``: the simulated month as the files that ``shouwang alerting replay`` reads."""

import csv
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import typer
from rich.progress import track

from device_simulators.month.month import MonthOptions, ResidentMonth, simulate
from device_simulators.month.truth import Episode
from firmware_profiles.devices import MODELS

HEADER = ("time", "received", "resident", "device", "channel", "value")


def month(
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for readings.csv, residents.toml, truth.jsonl.")],
    residents: Annotated[int, typer.Option(min=1, help="How many.")] = 1,
    first: Annotated[int, typer.Option(min=0, help="Number of the first: kinds of episodes go by it.")] = 0,
    days: Annotated[int, typer.Option(min=8, max=400, help="How long.")] = 30,
    seed: Annotated[int, typer.Option(help="Which district.")] = 4,
    rate: Annotated[float, typer.Option(min=5, max=300, help="Seconds between two readings of a vital sign.")] = 60.0,
    ordinary: Annotated[bool, typer.Option(help="Without any episode.")] = False,
) -> None:
    """A simulated month as files, to try the replay: readings, residents, and what is true."""
    options = MonthOptions(seed=seed, days=days, rate_s=rate, ordinary=ordinary)
    out.mkdir(parents=True, exist_ok=True)
    truth: list[Episode] = []
    rows = 0
    with (out / "readings.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(HEADER)
        with (out / "residents.toml").open("w", encoding="utf-8") as toml:
            for number in track(range(first, first + residents), "residents"):
                found = simulate(number, options)
                rows += _readings(writer, found)
                toml.write(_resident(found))
                truth += found.truth
    (out / "truth.jsonl").write_bytes(b"".join(msgspec.json.encode(episode) + b"\n" for episode in truth))
    typer.echo(f"{rows:,} rows, {len(truth)} true episodes in {out}")


def _readings(writer: Any, found: ResidentMonth) -> int:
    code, rows = found.resident.code, 0
    for trace in found.traces:
        values = np.round(trace.value.astype(np.float64), 3)
        times = zip(trace.time_us.tolist(), trace.arrival_us.tolist(), values.tolist(), strict=True)
        writer.writerows((time, arrival, code, trace.device, trace.channel, value) for time, arrival, value in times)
        rows += len(values)
    beats = _heartbeats(found)
    writer.writerows((time, time, code, device, "reachable", 1) for device, time in beats)
    for moment in found.moments:
        values_ = msgspec.json.encode(moment.values).decode() if moment.values else ""
        writer.writerow((moment.time_us, moment.arrival_us, code, moment.device, moment.kind, values_))
    return rows + len(beats) + len(found.moments)


def _heartbeats(found: ResidentMonth) -> list[tuple[str, int]]:
    """(device, time) of what devices say as often as their model promises, whatever they measure."""
    period_us = {device.name: int(MODELS[device.model].heartbeat_s * 1e6) for device in found.devices}
    return [
        (contact.device, time_us)
        for contact in found.contacts
        if contact.device
        for time_us in range(contact.begin_us, contact.end_us, period_us[contact.device])
    ]


def _resident(found: ResidentMonth) -> str:
    lines = ["[[resident]]", f'code = "{found.resident.code}"']
    for device in found.devices:
        lines += [
            "[[resident.device]]",
            f'name = "{device.name}"',
            f'model = "{device.model}"',
            f'room = "{device.room}"',
        ]
    return "\n".join([*lines, "", ""])
