"""Play a recording as a bad device would send it: deterministic by seed."""

import itertools
from collections.abc import Iterator
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from device_simulators.recordings import SISFALL_HZ, Motion

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Faults of a pendant; the defaults are a faultless pendant."""

    drop_out: Share = 0.0
    """Share of the pieces that never arrive."""
    jitter_ms: NotNegative = 0.0
    """Standard deviation of the time stamps' error."""
    saturation_g: Annotated[float, msgspec.Meta(gt=0)] = 16.0
    """The range of a cheaper sensor."""
    noise_g: NotNegative = 0.0
    offset_g: NotNegative = 0.0
    """Length of a constant error, in a random direction."""
    turned: bool = False
    """Mounted in some other direction."""
    battery_dies_at_s: NotNegative = 0.0
    """The signal ends there; 0: it does not."""
    every: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    """Only each n-th sample: a slower sensor."""


class Piece(msgspec.Struct, frozen=True):
    """A message of the device; times in µs since the recording's first sample."""

    due_us: int
    """Time of the last sample: the piece cannot come earlier."""
    t_us: int
    """The time stamp of the first sample, as the device believes."""
    rate_hz: float
    acc_g: NDArray[np.float32]
    gyro_dps: NDArray[np.float32]


def replay(motion: Motion, faults: Faults, seed: int, piece_s: float = 0.1) -> Iterator[Piece]:
    """The pieces of a 200 Hz recording, with these faults."""
    rng = np.random.default_rng(seed)
    acc, gyro = (column[:: faults.every].astype(np.float64) for column in motion)
    rate = SISFALL_HZ / faults.every
    if faults.turned:
        turn = _random_rotation(rng)
        acc, gyro = acc @ turn.T, gyro @ turn.T
    direction = rng.normal(size=3)
    acc = acc + faults.offset_g * direction / np.linalg.norm(direction) + faults.noise_g * rng.normal(size=acc.shape)
    acc = acc.clip(-faults.saturation_g, faults.saturation_g)
    if faults.battery_dies_at_s:
        acc = acc[: round(faults.battery_dies_at_s * rate)]
    size = max(1, round(piece_s * rate))
    for begin in range(0, len(acc), size):
        lost, late = rng.random() < faults.drop_out, rng.normal(0, faults.jitter_ms * 1000)
        if not lost:
            chunk = slice(begin, begin + size)
            samples = acc[chunk].astype(np.float32), gyro[: len(acc)][chunk].astype(np.float32)
            due = round((begin + len(samples[0])) * 1e6 / rate)
            yield Piece(due, max(0, round(begin * 1e6 / rate + late)), rate, *samples)


def one_after_the_other(pieces: Iterator[Iterator[Piece]], pause_us: int = 0) -> Iterator[Piece]:
    """Several recordings as one signal without a break (or with ``pause_us`` between them)."""
    start_us = 0
    for recording in pieces:
        end_us = start_us
        for piece in recording:
            end_us = start_us + piece.due_us
            yield msgspec.structs.replace(piece, due_us=end_us, t_us=start_us + piece.t_us)
        start_us = end_us + pause_us


def endless(motions: list[Motion], faults: Faults, seed: int) -> Iterator[Piece]:
    """The recordings again and again, each time with other random faults."""
    turns = itertools.count()
    return one_after_the_other(replay(motion, faults, seed + next(turns)) for motion in itertools.cycle(motions))


def _random_rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    """A rotation matrix, uniform over all (Stewart, SIAM J. Numer. Anal. 1980, 17:403: QR of a normal matrix)."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    rotation: NDArray[np.float64] = q * np.sign(np.linalg.det(q))
    return rotation
