"""The latest value of every vital sign of every resident: a struct of arrays."""

import numpy as np
from numpy.typing import NDArray

from alerting.detection.context import VITALS, VitalColumns


class VitalState:
    """``value`` and ``time_us`` have shape [residents, channels]; time 0: never measured."""

    def __init__(self, residents: int) -> None:
        self.value: NDArray[np.float32] = np.zeros((residents, len(VITALS)), np.float32)
        self.time_us: NDArray[np.int64] = np.zeros((residents, len(VITALS)), np.int64)

    def grow(self, residents: int) -> None:
        """Make room for more residents; what is known stays."""
        more = residents - len(self.value)
        if more > 0:
            self.value = np.vstack((self.value, np.zeros((more, len(VITALS)), np.float32)))
            self.time_us = np.vstack((self.time_us, np.zeros((more, len(VITALS)), np.int64)))

    def update(self, columns: VitalColumns) -> VitalColumns:
        """Take readings sorted by time; returns those that were newer than what was known."""
        newer = columns.take(columns.time_us > self.time_us[columns.row, columns.column])
        # with repeated indices numpy keeps the last one, and the last one is the newest
        self.value[newer.row, newer.column] = newer.value
        self.time_us[newer.row, newer.column] = newer.time_us
        return newer
