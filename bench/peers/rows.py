"""The rows that every program of the comparison stores, and the three forms in which they travel.

``GATEWAYS`` × ``FRAMES`` frames of ten series (two devices with five channels each) × 60 readings, a second apart. Ours
get them as frames. Node-RED gets one JSON message a frame, with the numbers of the series in it: it need not look them
up, nor check them. collectd reads one text message for one moment of one device (``time:value:value…``, its own format
of MQTT; a type with five sources is the largest piece that it can take); the number of the device's first series is in
the topic.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

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

Message = tuple[str, bytes]


class Piece(msgspec.Struct, frozen=True):
    """What one frame carries: ``values`` of shape [devices, channels, readings], ``first_ids`` the number of each
    device's first series."""

    gateway: str
    number: int
    base_us: int
    values: NDArray[np.float32]
    first_ids: list[int]


def register(conn: psycopg.Connection[Any]) -> list[list[int]]:
    """Make the gateways, devices and series; the number of the first series by gateway and device. A device's series
    have consecutive numbers, in the order of ``CHANNEL_CODES``."""
    conn.execute("INSERT INTO area (path, level, name_zh, name_en) VALUES ('bench', 'district', 'bench', 'bench')")
    conn.execute(
        "INSERT INTO household (code, area_id, address_zh, address_en) SELECT 'bench', id, 'b', 'b' FROM area LIMIT 1"
    )
    firsts = []
    for name in names():
        firsts.append([_device(conn, name, device) for device in DEVICES])
    return firsts


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
    ids = [row[0] for row in made]
    if ids != list(range(ids[0], ids[0] + len(ids))):
        raise RuntimeError(f"the series of {gateway}/{device} are not numbered one after the other: {ids}")
    return ids[0]


def names() -> list[str]:
    return [f"gw-bench-{n:03d}" for n in range(GATEWAYS)]


def pieces(firsts: list[list[int]]) -> Iterator[Piece]:
    """The same rows at each call within a process, gateway by gateway; the last readings are of now."""
    rng = np.random.default_rng(1)
    middle = np.array([[[(CHANNELS[code].low + CHANNELS[code].high) / 3] for code in CHANNEL_CODES]])
    shape = (len(DEVICES), len(CHANNEL_CODES), READINGS)
    for gateway, ids in zip(names(), firsts, strict=True):
        for number in range(FRAMES):
            # two decimals: what a JSON of a real gateway would hold
            values = rng.normal(middle, 1, shape).round(2).astype(np.float32)
            yield Piece(gateway, number, BEGIN_US + number * READINGS * 1_000_000, values, ids)


BEGIN_US = (time.time_ns() // 1_000_000_000 - FRAMES * READINGS) * 1_000_000


def as_frames(piece: Piece) -> Iterator[Message]:
    """For our ingest."""
    times = piece.base_us + np.arange(READINGS, dtype=np.int64) * 1_000_000
    series = [
        wire.make_series(device, code, piece.base_us, times, piece.values[d, c])
        for d, device in enumerate(DEVICES)
        for c, code in enumerate(CHANNEL_CODES)
    ]
    frame = wire.Frame(1, piece.gateway, 1, 1, "live", piece.number + 1, piece.base_us, series)
    yield wire.topic(piece.gateway, "readings"), wire.encode(frame)


def as_json(piece: Piece) -> Iterator[Message]:
    """For Node-RED."""
    series = [
        {
            "id": piece.first_ids[d] + c,
            "offsets": list(range(0, READINGS * 1000, 1000)),
            "values": [round(float(value), 2) for value in piece.values[d, c]],
        }
        for d in range(len(DEVICES))
        for c in range(len(CHANNEL_CODES))
    ]
    content = {"base": piece.base_us // 1000, "series": series}
    yield f"{JSON_TOPIC}/{piece.gateway}", json.dumps(content, separators=(",", ":")).encode()


def as_collectd_text(piece: Piece) -> Iterator[Message]:
    """For collectd: topic <prefix>/<host>/<plugin>-<instance>/<type>, text <time>:<value>…"""
    for moment in range(READINGS):
        seconds = piece.base_us // 1_000_000 + moment
        for d in range(len(DEVICES)):
            values = ":".join(f"{value:.2f}" for value in piece.values[d, :, moment])
            topic = f"{TEXT_TOPIC}/{piece.gateway}/vitals-{piece.first_ids[d]}/vitals"
            yield topic, f"{seconds}:{values}".encode()


Sums = dict[int, tuple[int, int, int]]
"""By series: how many readings, the sum of their times (s) and of their values (hundredths)."""


def sums(conn: psycopg.Connection[Any]) -> Sums:
    """Of what is stored."""
    found = conn.execute(
        """
        SELECT series_id, count(*), sum(extract(epoch FROM time)::bigint)::bigint,
            sum(round(value::float8 * 100)::bigint)::bigint
        FROM reading GROUP BY 1
        """
    )
    return {row[0]: row[1:] for row in found}


def expected_sums(firsts: list[list[int]]) -> Sums:
    """Of what is sent."""
    found: Sums = {}
    for piece in pieces(firsts):
        times = READINGS * (piece.base_us // 1_000_000) + READINGS * (READINGS - 1) // 2
        hundredths = np.round(piece.values.astype(np.float64) * 100).astype(np.int64).sum(axis=2)
        for d, first in enumerate(piece.first_ids):
            for c in range(len(CHANNEL_CODES)):
                count, at, total = found.get(first + c, (0, 0, 0))
                found[first + c] = (count + READINGS, at + times, total + int(hundredths[d, c]))
    return found


Form = Callable[[Piece], Iterator[Message]]
