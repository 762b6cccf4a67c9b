"""Separates values that no living body gives: the medical detectors do not see them; they raise a technical alert.

The bounds are much wider than healthy ones, so that an extreme body is never taken for a fault, and narrower than the
physically possible (channels.toml). A pulse of 0 is no rate but the word of a sensor that finds none: it gets a column
of its own, and :mod:`alerting.detection.detectors.breathing` judges it. A breathing rate of 0 may be a pause, and
counts. The numbers are our own choice.
"""

import msgspec
import numpy as np

from alerting.detection.kit.columns import Bins, VitalColumns
from alerting.detection.kit.context import COLUMN, MEASURED, NO_PULSE, SEATS

PLAUSIBLE: dict[str, tuple[float, float]] = {
    "heart_rate": (15, 260),
    "respiration_rate": (0, 80),
    "spo2": (35, 100),
    "systolic_bp": (40, 300),
    "diastolic_bp": (15, 200),
    "body_temperature": (25, 45),
    "weight": (15, 300),
    "glucose": (0.5, 55),
    "room_temperature": (-30, 60),
}
"""Lowest and highest value by channel, in its unit."""
_BOUNDS = [PLAUSIBLE.get(code, (-np.inf, np.inf)) for code in (*MEASURED, "")]
_LOW, _HIGH = (np.array(side, np.float32) for side in zip(*_BOUNDS, strict=True))


def impossible(bins: Bins) -> bool:
    """Whether any reading in the bins is one that no body gives."""
    return bool(((bins.low < _LOW[bins.column]) | (bins.high > _HIGH[bins.column])).any())


def split(readings: VitalColumns) -> tuple[VitalColumns, VitalColumns]:
    """(readings that a body can give, readings that none can)."""
    column = readings.column
    no_pulse = (column == COLUMN["heart_rate"]) & (readings.value == 0)
    if no_pulse.any():
        column = np.where(no_pulse, np.int16(NO_PULSE), column)
        readings = msgspec.structs.replace(readings, lane=column * np.int16(SEATS) + readings.seat)
    bad = (readings.value < _LOW[column]) | (readings.value > _HIGH[column])
    return readings.take(np.flatnonzero(~bad)), readings.take(np.flatnonzero(bad))
