"""Packed roll-ups: the COPY data equals a plain aggregation of the readings."""

import struct
from collections import defaultdict

import numpy as np
import pytest

from database import packs
from vocabulary.times import DAY_US, HOUR_US, MINUTE_US

SIZES = {21: ">h", 23: ">i", 700: ">f"}


def unpacked(data: bytes) -> dict[tuple[int, int], list[tuple[float, ...]]]:
    """(series, µs since 2000) → (slot, n, mean, low, high) of each bucket, read field by field."""
    found, at = {}, 0

    def take(kind: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(kind, data, at)
        at += struct.calcsize(kind)
        return int(value) if kind != ">f" else value

    while at < len(data):
        assert take(">h") == 7
        assert take(">i") == 4
        series = take(">i")
        assert take(">i") == 8
        time = take(">q")
        arrays = []
        for _ in range(5):
            end = take(">i") + at
            assert (take(">i"), take(">i")) == (1, 0)
            kind = SIZES[take(">i")]
            length = take(">i")
            assert take(">i") == 1
            values = []
            for _ in range(length):
                assert take(">i") == struct.calcsize(kind)
                values.append(take(kind))
            assert at == end
            arrays.append(values)
        found[series, time] = list(zip(*arrays, strict=True))
    return found


@pytest.mark.parametrize(("slot_us", "pack_us"), [(MINUTE_US, HOUR_US), (HOUR_US, DAY_US)])
def test_packed_rows_are_the_aggregation(slot_us: int, pack_us: int) -> None:
    rng = np.random.default_rng(1)
    series = np.sort(rng.integers(1, 4, 3000)).astype(np.int32)
    times = 1_790_000_000_000_000 + rng.integers(0, 40 * HOUR_US, 3000)
    order = np.lexsort((times, series))
    series, times, values = series[order], times[order], rng.normal(70, 9, 3000).astype(np.float32)
    wanted: dict[tuple[int, int], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one, time, value in zip(series.tolist(), times.tolist(), values.tolist(), strict=True):
        wanted[one, time // pack_us * pack_us - 946_684_800_000_000][time % pack_us // slot_us].append(value)
    buckets = packs.minutes(series, times, values)
    if slot_us == HOUR_US:
        buckets = packs.hours(buckets)
    found = unpacked(b"".join(packs.copy_rows(buckets, slot_us, pack_us)))
    assert found.keys() == wanted.keys()
    for key, slots in wanted.items():
        assert [row[0] for row in found[key]] == sorted(slots)
        for slot, n, mean, low, high in found[key]:
            own = slots[int(slot)]
            assert (n, low, high) == (len(own), min(own), max(own))
            assert mean == pytest.approx(sum(own) / len(own), rel=1e-6)
