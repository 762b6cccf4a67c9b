"""Make the rows that every program of the comparison stores, in the forms in which they travel.

Two shapes of messages. *frames*: one message holds ten series (two devices with five channels each) × 60 readings, a
second apart, as our gateways send them. *moments*: one message holds the five values that one device has at one moment.
collectd reads moments alone (``time:value:value…`` is its format over MQTT; a type with five sources is the largest
piece it can take). Ours get both as frames of the wire format, Node-RED as JSON. The peers find the numbers of the
series in the message or its topic: they need not look them up, nor check anything.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec
import numpy as np
import psycopg
from numpy.typing import NDArray

from firmware_profiles import wire
from firmware_profiles.channels import CHANNELS

GATEWAYS = 20
FRAMES = 50
"""Per gateway."""
CHANNEL_CODES = ("heart_rate", "respiration_rate", "spo2", "systolic_bp", "diastolic_bp")
DEVICES = ("radar", "oximeter")
READINGS = 60
TOTAL = GATEWAYS * FRAMES * len(DEVICES) * len(CHANNEL_CODES) * READINGS
JSON_TOPIC, TEXT_TOPIC = "peers/json", "peers/collectd"

Shape = Literal["frames", "moments"]
SHAPES: dict[Shape, int] = {
    "frames": len(DEVICES) * len(CHANNEL_CODES) * READINGS,
    "moments": len(CHANNEL_CODES),
}
"""Shapes of messages, with the number of readings in each."""
BEGIN_US = (time.time_ns() // 1_000_000_000 - FRAMES * READINGS) * 1_000_000


class Device(msgspec.Struct, frozen=True):
    """A device's part of a message: the number of its first series, ``values`` of shape [channels, readings]."""

    name: str
    first_id: int
    values: NDArray[np.float32]


class Part(msgspec.Struct, frozen=True):
    """Contents of one message; readings are a second apart."""

    gateway: str
    number: int
    base_us: int
    devices: list[Device]


Form = Callable[[Part], tuple[str, bytes]]
"""Topic and payload."""


def register(conn: psycopg.Connection[Any]) -> list[list[int]]:
    """Make the gateways, devices and series; returns the number of the first series by gateway and device.

    A device's series have consecutive numbers, in the order of ``CHANNEL_CODES``.
    """
    conn.execute("INSERT INTO area (path, level, name_zh, name_en) VALUES ('bench', 'district', 'bench', 'bench')")
    conn.execute(
        "INSERT INTO household (code, area_id, address_zh, address_en) SELECT 'bench', id, 'b', 'b' FROM area LIMIT 1"
    )
    return [[_device(conn, name, device) for device in DEVICES] for name in names()]


def _device(conn: psycopg.Connection[Any], gateway: str, device: str) -> int:
    conn.execute(
        "INSERT INTO gateway (name, household_id) SELECT %s, id FROM household LIMIT 1 ON CONFLICT DO NOTHING",
        (gateway,),
    )
    made = conn.execute(
        """
        WITH device AS (INSERT INTO device (gateway_id, name, model) SELECT id, %s, 'gateway' FROM gateway
                        WHERE name = %s RETURNING id)
        INSERT INTO series (device_id, channel) SELECT device.id, code
        FROM device, unnest(%s::text[]) WITH ORDINALITY AS one (code, place) ORDER BY place RETURNING id
        """,
        (device, gateway, list(CHANNEL_CODES)),
    ).fetchall()
    ids = [int(row[0]) for row in made]
    if ids != list(range(ids[0], ids[0] + len(ids))):
        raise RuntimeError(f"the series of {gateway}/{device} are not numbered one after the other: {ids}")
    return ids[0]


def names() -> list[str]:
    return [f"gw-bench-{n:03d}" for n in range(GATEWAYS)]


def parts(firsts: list[list[int]], shape: Shape) -> Iterator[Part]:
    """Yield the same rows at each call within a process, gateway by gateway; the last readings are of now."""
    rng = np.random.default_rng(1)
    middle = np.array([[[(CHANNELS[code].low + CHANNELS[code].high) / 3] for code in CHANNEL_CODES]])
    for gateway, ids in zip(names(), firsts, strict=True):
        for number in range(FRAMES):
            # Two decimals, as in the JSON of a real gateway.
            values = rng.normal(middle, 1, (len(DEVICES), len(CHANNEL_CODES), READINGS)).round(2).astype(np.float32)
            base_us = BEGIN_US + number * READINGS * 1_000_000
            devices = [Device(*one) for one in zip(DEVICES, ids, values, strict=True)]
            if shape == "frames":
                yield Part(gateway, number + 1, base_us, devices)
            else:
                yield from _moments(gateway, number, base_us, devices)


def _moments(gateway: str, number: int, base_us: int, devices: list[Device]) -> Iterator[Part]:
    for moment in range(READINGS):
        for place, one in enumerate(devices):
            now = Device(one.name, one.first_id, one.values[:, moment : moment + 1])
            seq = (number * READINGS + moment) * len(devices) + place + 1
            yield Part(gateway, seq, base_us + moment * 1_000_000, [now])


def as_frame(part: Part) -> tuple[str, bytes]:
    """Encode for our ingest."""
    series = []
    for one in part.devices:
        times = part.base_us + np.arange(one.values.shape[1], dtype=np.int64) * 1_000_000
        for code, values in zip(CHANNEL_CODES, one.values, strict=True):
            series.append(wire.make_series(one.name, code, part.base_us, times, values))
    # An epoch for each shape, or the second would be taken for a repetition of the first.
    frame = wire.Frame(1, part.gateway, 1 + len(part.devices), 1, "live", part.number, part.base_us, series)
    return wire.topic(part.gateway, "readings"), wire.encode(frame)


def as_json(part: Part) -> tuple[str, bytes]:
    """Encode for Node-RED."""
    series = [
        {
            "id": one.first_id + place,
            "offsets": list(range(0, len(values) * 1000, 1000)),
            "values": [round(float(value), 2) for value in values],
        }
        for one in part.devices
        for place, values in enumerate(one.values)
    ]
    content = {"base": part.base_us // 1000, "series": series}
    return f"{JSON_TOPIC}/{part.gateway}", json.dumps(content, separators=(",", ":")).encode()


def as_collectd_text(part: Part) -> tuple[str, bytes]:
    """Encode for collectd: topic <prefix>/<host>/<plugin>-<instance>/<type>, text <time>:<value>…"""
    (one,) = part.devices
    values = ":".join(f"{value:.2f}" for value in one.values[:, 0])
    topic = f"{TEXT_TOPIC}/{part.gateway}/vitals-{one.first_id}/vitals"
    return topic, f"{part.base_us // 1_000_000}:{values}".encode()


Sums = dict[int, tuple[int, int, int]]
"""By series: number of readings, sum of their times (s) and of their values (hundredths)."""


def sums(conn: psycopg.Connection[Any]) -> Sums:
    """Add up the stored rows."""
    found = conn.execute(
        """
        SELECT series_id, count(*), sum(extract(epoch FROM time)::bigint)::bigint,
            sum(round(value::float8 * 100)::bigint)::bigint
        FROM reading_row GROUP BY 1
        """
    )
    return {row[0]: row[1:] for row in found}


def expected_sums(firsts: list[list[int]]) -> Sums:
    """Add up the rows that are sent."""
    found: Sums = {}
    for part in parts(firsts, "frames"):
        times = READINGS * (part.base_us // 1_000_000) + READINGS * (READINGS - 1) // 2
        for one in part.devices:
            hundredths = np.round(one.values.astype(np.float64) * 100).astype(np.int64).sum(axis=1)
            for place, total in enumerate(hundredths):
                before = found.get(one.first_id + place, (0, 0, 0))
                found[one.first_id + place] = (before[0] + READINGS, before[1] + times, before[2] + int(total))
    return found
