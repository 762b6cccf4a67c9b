"""Gives every device a seat among those that measure the same of one person, for as long as it is there.

State arrays have a place for each seat, so a seat outlives changes of the district and restarts. Where there are more
devices than seats, the newest one takes the place of the least trusted.
"""

import zlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.kit.columns import Array, grown
from alerting.detection.kit.context import COLUMNS, MEASURED, NO_PULSE, SEATS, District, Source
from alerting.detection.kit.intake import place_of

CONTACTLESS = 1
"""Rank of devices that nobody wears, or uses by hand: a radar, a mat."""
CLINICAL = 3
"""Rank of devices that measure by contact, as a clinic's do: an oximeter on the finger, electrodes."""
_PULSE = MEASURED.index("heart_rate")


def _zeros(dtype: type) -> Array:
    return np.zeros((0, COLUMNS, SEATS), dtype)


class SeatedDevices(msgspec.Struct):
    """Shapes [people, channels, seats]: the device's number (0: free); its rank of trust, negative where it measures
    all the time."""

    device: Array = msgspec.field(default_factory=lambda: _zeros(np.uint32))
    rank: Array = msgspec.field(default_factory=lambda: _zeros(np.int8))

    def trust(self, series: NDArray[np.integer]) -> NDArray[np.int8]:
        """Ranks of trust of the devices of these series, shape [n, seats]."""
        return np.asarray(np.abs(self.rank.reshape(-1, SEATS).take(series, axis=0)), np.int8)

    def trust_of(self, seat: tuple[int, int, int]) -> int:
        """Rank of trust of the device on one seat: (row, column, seat); 0: none is there."""
        return abs(int(self.rank[seat]))

    def continuous(self, source: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether these sources measure all the time, shape [n]."""
        return np.asarray(self.rank.take(source) < 0, np.bool_)


class Seats:
    """The seats of a district's devices."""

    def __init__(self, state: SeatedDevices | None = None) -> None:
        self.state = state or SeatedDevices()
        self.learned = 0
        """How often what :meth:`lane` said of an unchanged device may have become wrong."""
        self._lanes: dict[tuple[str, str, str], tuple[Source, tuple[int, int] | None]] = {}
        self._crowded = False
        """Whether a device has lost its seat to another since."""

    def learn(self, district: District) -> None:
        """Take a changed district."""
        people, state = len(district.people), self.state
        state.device, state.rank = grown(state.device, people), grown(state.rank, people)
        if self._crowded:
            self._crowded = False
            self.forget()

    def forget(self) -> None:
        """Look for every device's seat anew, as after the state was replaced."""
        self._lanes.clear()
        self.learned += 1

    def lane(self, source: Source, channel: str) -> tuple[int, int] | None:
        """(row of the person, lane) of a device's channel; None where detectors have no use for it."""
        key = source.gateway, source.name, channel
        known = self._lanes.get(key)
        if known is None or known[0] is not source:  # it may belong to another person now, or have a better model
            place = place_of(source, channel)
            lane = None if place is None else (place[0], place[1] * SEATS + self._seat(source, *place))
            known = self._lanes[key] = source, lane
        return known[1]

    def of(self, source: Source, row: int, column: int) -> int | None:
        """The seat of a device that was heard; None for another."""
        found = np.flatnonzero(self.state.device[row, column] == number_of(source))
        return int(found[0]) if len(found) else None

    def _seat(self, source: Source, row: int, column: int) -> int:
        state, number = self.state, number_of(source)
        if row >= len(state.device):
            raise IndexError(f"no person of row {row}: the district has {len(state.device)}")
        mine = self.of(source, row, column)
        if mine is None:
            free = np.flatnonzero(state.device[row, column] == 0)
            mine = int(free[0]) if len(free) else int(np.abs(state.rank[row, column]).argmin())
            self._crowded |= not len(free)
        for of in (column, NO_PULSE) if column == _PULSE else (column,):
            state.device[row, of, mine] = number
            state.rank[row, of, mine] = -source.trust if source.continuous else source.trust
        return mine


def number_of(source: Source) -> int:
    """A device's number: the same in every process, and not 0."""
    return zlib.crc32(f"{source.gateway}/{source.name}".encode()) | 1
