"""Score vital signs by NEWS2 one value at a time, as a nurse reads the chart: the plain measure of the detector.

Source: Royal College of Physicians, National Early Warning Score (NEWS) 2, 2017, chart 1 and tables 1 and 2. It shares
nothing with :mod:`alerting.detection.kit.news2_score`, whose arrays it checks.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

import msgspec

State = Literal["fresh", "stale", "missing"]

RESOLUTION = {"body_temperature": Decimal("0.1")}
"""The chart has tenths of a degree; of everything else whole numbers."""
PARAMETERS = ("respiration_rate", "spo2", "systolic_bp", "heart_rate", "consciousness", "body_temperature")
"""The scored channels in the order of the chart; air or oxygen is told apart by the resident's record."""
OXYGEN = "supplemental_oxygen"


class Part(msgspec.Struct, frozen=True):
    """One parameter of a score; ``value`` as charted, None where it is missing; ``points`` 0 unless it is fresh."""

    channel: str
    state: State
    value: float | None = None
    points: int = 0


class Score(msgspec.Struct, frozen=True):
    """A score at one moment. ``complete``: all six parameters are fresh."""

    parts: tuple[Part, ...]
    total: int
    highest: int
    complete: bool

    @property
    def level(self) -> str:
        """The clinical risk, RCP 2017, table 2."""
        if self.total >= 7:
            return "high"
        if self.total >= 5:
            return "medium"
        if self.highest == 3:
            return "low-medium"
        return "none" if self.total == 0 else "low"


def charted(channel: str, value: float) -> Decimal:
    """The value as it is written on the chart: rounded half up to the chart's resolution."""
    exact = Decimal(f"{value:.4f}")  # a sensor's 32-bit number is no more exact than that
    return exact.quantize(RESOLUTION.get(channel, Decimal(1)), ROUND_HALF_UP)


def points(channel: str, value: float, scale: int = 1, oxygen: bool = False) -> int:
    """Points of one value. ``scale``: of SpO2, 1 or 2. Raises KeyError for a channel that NEWS2 does not score."""
    at = charted(channel, value)
    if channel == "spo2":
        return _scale_2(at, oxygen) if scale == 2 else _scale_1(at)
    return _CHART[channel](at)


def score(
    values: Mapping[str, tuple[int, float]], at_us: int, fresh_us: Mapping[str, int], scale: int, oxygen: bool
) -> Score:
    """Score the newest (time, value) of each channel at a moment.

    ``fresh_us``: the longest age that counts, by channel. Oxygen that is given adds its 2 points always.
    """
    parts = []
    for channel in PARAMETERS:
        if channel not in values:
            parts.append(Part(channel, "missing"))
            continue
        time_us, value = values[channel]
        if at_us - time_us > fresh_us[channel]:
            parts.append(Part(channel, "stale", value))
        else:
            parts.append(Part(channel, "fresh", value, points(channel, value, scale, oxygen)))
    complete = all(part.state == "fresh" for part in parts)
    if oxygen:
        parts.append(Part(OXYGEN, "fresh", 1, 2))
    total = sum(part.points for part in parts)
    highest = max(part.points for part in parts)
    return Score(tuple(parts), total, highest, complete)


def _respiration(per_min: Decimal) -> int:
    if per_min <= 8 or per_min >= 25:
        return 3
    if per_min >= 21:
        return 2
    return 1 if per_min <= 11 else 0


def _scale_1(percent: Decimal) -> int:
    if percent >= 96:
        return 0
    if percent >= 94:
        return 1
    return 2 if percent >= 92 else 3


def _scale_2(percent: Decimal, oxygen: bool) -> int:
    if percent <= 83:
        return 3
    if percent <= 85:
        return 2
    if percent <= 87:
        return 1
    if percent <= 92 or not oxygen:
        return 0
    if percent <= 94:
        return 1
    return 2 if percent <= 96 else 3


def _systolic(mm_hg: Decimal) -> int:
    if mm_hg <= 90 or mm_hg >= 220:
        return 3
    if mm_hg <= 100:
        return 2
    return 1 if mm_hg <= 110 else 0


def _pulse(per_min: Decimal) -> int:
    if per_min <= 40 or per_min >= 131:
        return 3
    if per_min >= 111:
        return 2
    return 1 if per_min <= 50 or per_min >= 91 else 0


def _consciousness(code: Decimal) -> int:
    return 0 if code == 0 else 3


def _temperature(celsius: Decimal) -> int:
    if celsius <= Decimal("35.0"):
        return 3
    if celsius >= Decimal("39.1"):
        return 2
    return 1 if celsius <= Decimal("36.0") or celsius >= Decimal("38.1") else 0


_CHART = {
    "respiration_rate": _respiration,
    "systolic_bp": _systolic,
    "heart_rate": _pulse,
    "consciousness": _consciousness,
    "body_temperature": _temperature,
}
