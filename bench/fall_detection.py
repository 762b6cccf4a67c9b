"""Measure fall detection on the gateway: processor time of one 200 Hz pendant, as a share of one core."""

import itertools
import time
import tracemalloc

import numpy as np

from bench.figures import Figure
from device_simulators.recordings import SISFALL_HZ, extract
from edge_agent.fall import FallDetector

MINUTES = 10
CHUNK = 20


def run() -> list[Figure]:
    """Measure the share of a core over ten minutes of falls, jogging and quiet, and the growth of memory."""
    recordings = [extract()[name] for name in sorted(extract())]
    wanted = round(MINUTES * 60 * SISFALL_HZ)
    acc = np.concatenate(list(itertools.islice(itertools.cycle([a for a, _ in recordings]), 200)))[:wanted]
    gyro = np.concatenate(list(itertools.islice(itertools.cycle([g for _, g in recordings]), 200)))[:wanted]
    acc, gyro = acc.astype(np.float32), gyro.astype(np.float32)
    detector = FallDetector(SISFALL_HZ)
    feed(detector, acc[: wanted // 20], gyro, 0)  # the model is loaded, numpy is warm
    begin = time.process_time()
    feed(detector, acc, gyro, wanted)
    spent = time.process_time() - begin
    tracemalloc.start()
    feed(detector, acc[: wanted // 2], gyro, 3 * wanted)
    half = tracemalloc.get_traced_memory()[0]
    feed(detector, acc[: wanted // 2], gyro, 3 * wanted + wanted // 2)
    growth = tracemalloc.get_traced_memory()[0] - half
    tracemalloc.stop()
    return [
        Figure(
            name="fall detection of one 200 Hz pendant, share of a core",
            value=100 * spent / (wanted / SISFALL_HZ),
            unit="%",
            reference=2.0,
            reference_name="limit",
            note=f"{MINUTES} min of falls, jogging, walking and rest in pieces of 0.1 s",
        ),
        Figure(
            name="fall detection, memory grown by in five minutes",
            value=growth / 1024,
            unit="KiB",
            note="allocations that Python and numpy still hold",
        ),
    ]


def feed(detector: FallDetector, acc: np.ndarray, gyro: np.ndarray, first: int) -> None:
    """Feed the samples to the detector in chunks; ``first``: number of the first sample."""
    for at in range(0, len(acc), CHUNK):
        piece = slice(at, at + CHUNK)
        detector.feed(round((first + at) * 1e6 / SISFALL_HZ), acc[piece], gyro[piece])
