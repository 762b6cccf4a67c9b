"""Resample a signal to the common rate and find its impacts: streaming, with the same result for any chunks."""

import numpy as np
from numpy.typing import NDArray

from edge_agent.fall.features import EARLY_AFTER, RATE_HZ

TRIGGER_G = 1.35
"""An impact is a maximum of the averaged magnitude at least this high. Soft falls of the training subjects (fainting on
a chair) begin at 1.5 g at 20 Hz; a quiet walk stays below it."""
BLOCK = 2
"""Rows at the common rate that are made at once: a tenth of a second."""
_ROUNDING = 1e-9
"""Tolerance in samples, so that a rate that is no round number does not lack one at the end."""


def resample(acc_g: NDArray[np.floating], rate_hz: float) -> NDArray[np.float64]:
    """The mean acceleration of each 1/20 s of ``acc_g`` (shape [n, 3], at ``rate_hz``); samples left over are dropped.

    Each sample counts for the share of its time that lies in the twentieth of a second: no rate needs a special case.
    """
    per_row = rate_hz / RATE_HZ
    rows = int((len(acc_g) + _ROUNDING) / per_row)
    return _mean_between(np.asarray(acc_g, np.float64), np.arange(rows + 1) * per_row)


class Resampler:
    """:func:`resample` for a stream."""

    def __init__(self, rate_hz: float) -> None:
        self._per_row = rate_hz / RATE_HZ
        self._rest = np.empty((0, 3), np.float64)
        self._first = 0  # number of the stream's sample that _rest begins with
        self.rows = 0
        """Rows made so far."""

    def push(self, acc_g: NDArray[np.floating]) -> None:
        """Add samples, shape [n, 3]."""
        self._rest = np.concatenate((self._rest, acc_g))

    def pull(self) -> NDArray[np.float64] | None:
        """The next BLOCK rows, or None where more samples are needed."""
        edges = (self.rows + np.arange(BLOCK + 1)) * self._per_row
        begin, end = int(edges[0]), int(np.ceil(edges[-1] - _ROUNDING))
        if end - self._first > len(self._rest):
            return None
        rows = _mean_between(self._rest[begin - self._first : end - self._first], edges - begin)
        self.rows += BLOCK
        keep = int(edges[-1])
        self._rest = self._rest[keep - self._first :]
        self._first = keep
        return rows

    @property
    def samples_used(self) -> int:
        """Samples of the stream that the rows so far have taken up."""
        return self._first


class ImpactFinder:
    """Finds the impacts in a stream of magnitudes at the common rate: the highest of a tumble, 0.75 s after it."""

    def __init__(self) -> None:
        self._age: int | None = None
        self._height = 0.0

    def push(self, magnitude_g: float) -> bool:
        """Take the next magnitude; True: the row EARLY_AFTER before this one was an impact."""
        if self._age is not None:
            self._age += 1
        if magnitude_g >= TRIGGER_G and (self._age is None or magnitude_g > self._height):
            self._age, self._height = 0, magnitude_g
        if self._age == EARLY_AFTER:
            self._age = None
            return True
        return False


def _mean_between(samples: NDArray[np.float64], edges: NDArray[np.floating]) -> NDArray[np.float64]:
    """Means of piecewise constant ``samples`` ([n, 3]; sample i lasts from i to i + 1) between successive edges."""
    total = np.zeros((len(samples) + 1, 3))
    np.cumsum(samples, axis=0, out=total[1:])
    whole = np.minimum(edges.astype(np.int64), len(samples))
    part = (edges - whole)[:, None]
    at_edges = total[whole] + part * samples[np.minimum(whole, len(samples) - 1)] if len(samples) else total[whole]
    means: NDArray[np.float64] = np.diff(at_edges, axis=0) / np.diff(edges)[:, None]
    return means
