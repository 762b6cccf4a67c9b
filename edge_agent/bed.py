"""Turn a bed sensor's ``in_bed`` readings into the events of going to bed and getting up. The clock is passed in."""

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

EXIT_US, ENTER_US = 5_000_000, 30_000_000
"""Time that the new state must last: turning over lifts the body off a pad for a moment, and sitting down to dress is
not going to bed."""


class BedChange(msgspec.Struct, frozen=True):
    device: str
    kind: str
    """``bed_exit`` or ``bed_enter``."""
    time_us: int
    """Begin of the new state."""


class _Bed(msgspec.Struct):
    occupied: bool
    pending_us: int | None = None


class BedWatch:
    """All beds of one home."""

    def __init__(self) -> None:
        self._beds: dict[str, _Bed] = {}

    def readings(self, device: str, times_us: NDArray[np.int64], values: NDArray[np.float32]) -> Iterator[BedChange]:
        """Readings of channel ``in_bed`` (0 or 1), shapes [n] and [n], in order. The first one is no change."""
        for time_us, value in zip(times_us.tolist(), values.tolist(), strict=True):
            occupied = value >= 0.5
            bed = self._beds.setdefault(device, _Bed(occupied))
            yield from self._pass(device, bed, time_us)
            if occupied == bed.occupied:
                bed.pending_us = None
            elif bed.pending_us is None:
                bed.pending_us = time_us

    def advance(self, now_us: int) -> Iterator[BedChange]:
        """Changes that have lasted long enough by now. Sensors report only changes, so that time must be passed in."""
        for device, bed in self._beds.items():
            yield from self._pass(device, bed, now_us)

    def _pass(self, device: str, bed: _Bed, now_us: int) -> Iterator[BedChange]:
        if bed.pending_us is None or now_us - bed.pending_us < (EXIT_US if bed.occupied else ENTER_US):
            return
        yield BedChange(device, "bed_exit" if bed.occupied else "bed_enter", bed.pending_us)
        bed.occupied, bed.pending_us = not bed.occupied, None
