"""Remembers the last five minutes of every source as bits: which steps had a reading, and in which a condition held.

A condition counts when it held in most readings of the last minutes, so that one good reading does not reset an hour of
bad ones; a further bad reading can only raise that share.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.kit.columns import STEP_US, Array, firsts, grown
from vocabulary.times import MINUTE_US

Bits = NDArray[np.uint64]
"""One bit for each step, the newest lowest."""

WINDOW_STEPS = 5 * MINUTE_US // STEP_US
SHARE = 0.8
"""Share of the readings in which a condition must hold. Our own choice."""
_ROUNDS = 6
"""Doublings that reach back over 64 steps."""


class Window(msgspec.Struct):
    """``bits`` [masks, people * series]: readings, then one mask for each condition; ``step``: of the newest reading,
    shape [people * series]. 12 bytes and 8 for each condition a series."""

    bits: Array
    step: Array

    @classmethod
    def of(cls, conditions: int) -> "Window":
        """An empty memory for so many conditions."""
        return cls(np.zeros((conditions + 1, 0), np.uint64), np.zeros(0, np.int32))

    def grow(self, series: int) -> None:
        """Make room for more series."""
        more = series - len(self.step)
        if more > 0:
            self.bits = np.concatenate((self.bits, np.zeros((len(self.bits), more), np.uint64)), axis=1)
            self.step = grown(self.step, series)

    def add(self, series: NDArray[np.int64], step: NDArray[np.int64], holds: NDArray[np.bool_]) -> Bits:
        """Remember readings, sorted by series and step; ``holds`` [conditions, n]. The masks at each reading, itself
        included, shape [conditions + 1, n]."""
        first = firsts(series)
        own = np.concatenate((np.ones((1, len(series)), np.uint64), holds.astype(np.uint64)))
        ago = step - self.step[series]
        near = (ago > 0) & (ago < 64)  # a clock that was ahead may have been set back
        old = np.where(near, self.bits[:, series] << np.clip(ago, 0, 63).astype(np.uint64), np.uint64(0))
        if not first.all():
            own = _accumulated(own, step, first)
        masks: Bits = own | old
        last = np.append(first[1:], True)
        self.bits[:, series[last]], self.step[series[last]] = masks[:, last], step[last]
        return masks


def _accumulated(own: Bits, step: NDArray[np.int64], first: NDArray[np.bool_]) -> Bits:
    """Let every reading see the bits of those before it in its series: of 1, 2, 4 … readings, then of twice as many."""
    at = np.arange(len(step))
    begin = np.maximum.accumulate(np.where(first, at, 0))
    for nth in range(_ROUNDS):
        back = 1 << nth
        later = np.flatnonzero(at - back >= begin)
        if not len(later):
            break
        ago = step[later] - step[later - back]
        seen = np.where(ago < 64, own[:, later - back] << np.minimum(ago, 63).astype(np.uint64), np.uint64(0))
        own = own.copy()
        own[:, later] |= seen
    return own


def within(bits: Bits, steps: Any) -> Bits:
    """The bits of the last ``steps`` steps (a number or shape [n])."""
    mask: Bits = bits & ((np.uint64(1) << np.asarray(steps, np.uint64)) - np.uint64(1))
    return mask


def share_holds(seen: Bits, holding: Bits, steps: Any) -> NDArray[np.bool_]:
    """Whether the condition held in :data:`SHARE` of the readings of the last ``steps`` (a number or shape [n])."""
    n, bad = np.bitwise_count(within(seen, steps)), np.bitwise_count(within(holding, steps))
    return (bad > 0) & (bad >= np.ceil(SHARE * n - 1e-6))


def age(bits: Bits) -> NDArray[np.int64]:
    """Steps since the oldest bit within the window, shape [n]; 0 where it is the newest, or there is none."""
    _, exponent = np.frexp(
        within(bits, WINDOW_STEPS).astype(np.float64)
    )  # 60 bits may round up to the next power of two
    exponent = np.minimum(exponent, WINDOW_STEPS).astype(np.int64)
    return np.asarray(np.maximum(exponent - 1, 0), np.int64)


def established(seen: Bits, readings: int, hold_steps: Any) -> NDArray[np.bool_]:
    """Whether a continuous source has spoken for ``hold_steps`` and with this number of readings, lately."""
    enough = np.bitwise_count(within(seen, WINDOW_STEPS)) >= readings
    return np.asarray(enough & (age(seen) >= hold_steps), np.bool_)
