"""Tell by the minute whether each pendant moves: the district has to know that it is worn, and gets no raw signal."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vocabulary.times import MINUTE_US, SECOND_US

SWING_G = 0.15
"""A second in which an axis changes by more is one of movement. Our own choice: a slow turn in bed changes it by 0.2 g
and more, the noise of such sensors by less than 0.05 g."""
MOVED_S = 2
"""A minute with fewer seconds of movement is one of rest: somebody knocked against the table."""


@dataclass
class _Minute:
    minute: int
    second: int
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    moved_s: int = 0

    def end_second(self) -> None:
        self.moved_s += bool((self.high - self.low).max() >= SWING_G)


class Movement:
    """The minutes of all pendants of a home. Signals may come in pieces of any length up to seconds."""

    def __init__(self) -> None:
        self._minutes: dict[str, _Minute] = {}

    def feed(self, device: str, t_us: int, acc_g: NDArray[np.float32]) -> tuple[int, bool] | None:
        """Take a piece of signal, shape [n, 3] in g, that begins at ``t_us``. Returns the minute before (its begin in
        µs, whether it moved) where this piece begins another; None otherwise, and for what is no signal."""
        if acc_g.ndim != 2 or not acc_g.size or not np.isfinite(acc_g).all():
            return None
        low, high = acc_g.min(axis=0), acc_g.max(axis=0)
        second, minute = t_us // SECOND_US, t_us // MINUTE_US
        known = self._minutes.get(device)
        if known is not None and known.second == second:
            known.low, known.high = np.minimum(known.low, low), np.maximum(known.high, high)
            return None
        if known is not None:
            known.end_second()
            if known.minute == minute:
                known.second, known.low, known.high = second, low, high
                return None
        self._minutes[device] = _Minute(minute, second, low, high)
        return None if known is None else (known.minute * MINUTE_US, known.moved_s >= MOVED_S)
