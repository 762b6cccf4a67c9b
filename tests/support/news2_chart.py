"""NEWS2 read off the printed chart: an implementation for tests that shares no code with the product.

Source: Royal College of Physicians, National Early Warning Score (NEWS) 2, 2017, chart 1 (the scoring system) and
table 2 (thresholds and triggers). The chart is below as it is printed; a value is looked up in its row.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

CHART = """
                 |   3   |   2    |     1     |     0     |     1     |    2    |  3
respiration_rate | ≤8    |        | 9–11      | 12–20     |           | 21–24   | ≥25
spo2 scale 1     | ≤91   | 92–93  | 94–95     | ≥96       |           |         |
spo2 scale 2 air | ≤83   | 84–85  | 86–87     | ≥88       |           |         |
spo2 scale 2 O2  | ≤83   | 84–85  | 86–87     | 88–92     | 93–94     | 95–96   | ≥97
systolic_bp      | ≤90   | 91–100 | 101–110   | 111–219   |           |         | ≥220
heart_rate       | ≤40   |        | 41–50     | 51–90     | 91–110    | 111–130 | ≥131
consciousness    |       |        |           | 0         |           |         | ≥1
body_temperature | ≤35.0 |        | 35.1–36.0 | 36.1–38.0 | 38.1–39.0 | ≥39.1   |
"""
OBSERVED = ("respiration_rate", "spo2", "systolic_bp", "heart_rate", "consciousness", "body_temperature")
"""The six parameters that are observed; the seventh, air or oxygen, is known of the patient."""
ON_OXYGEN = 2
Cells = list[tuple[Fraction, Fraction, int]]


def _rows() -> dict[str, Cells]:
    head, *lines = CHART.strip("\n").splitlines()
    points = [int(cell) for cell in head.split("|")[1:]]
    rows = {}
    for line in lines:
        name, *cells = (cell.strip() for cell in line.split("|"))
        rows[name] = [(*_bounds(cell), score) for cell, score in zip(cells, points, strict=True) if cell]
    return rows


def _bounds(cell: str) -> tuple[Fraction, Fraction]:
    if cell[0] == "≤":
        return Fraction(-1000), Fraction(cell[1:])
    if cell[0] == "≥":
        return Fraction(cell[1:]), Fraction(1000)
    low, _, high = cell.partition("–")
    return Fraction(low), Fraction(high or low)


ROWS = _rows()


def written(parameter: str, value: Fraction) -> Fraction:
    """The value as a nurse writes it down: halves go up, to tenths of a degree and whole numbers of the rest."""
    steps = 10 if parameter == "body_temperature" else 1
    return Fraction((value * steps + Fraction(1, 2)).__floor__(), steps)


def look_up(parameter: str, value: Fraction, scale: int = 1, oxygen: bool = False) -> int:
    """The points at the head of the column in which the value stands."""
    row = parameter
    if parameter == "spo2":
        row = "spo2 scale 1" if scale == 1 else "spo2 scale 2 O2" if oxygen else "spo2 scale 2 air"
    found = [points for low, high, points in ROWS[row] if low <= written(parameter, value) <= high]
    (points,) = found
    return points


@dataclass(frozen=True)
class Observation:
    """A value that was observed, time in s."""

    at_s: int
    parameter: str
    value: Fraction


@dataclass(frozen=True)
class Total:
    """A score at a time in s; ``parts``: (parameter, state, value, points) of all six, oxygen as the seventh."""

    at_s: int
    parts: tuple[tuple[str, str, Fraction | None, int], ...]

    @property
    def points(self) -> int:
        return sum(part[3] for part in self.parts)

    @property
    def highest(self) -> int:
        return max(part[3] for part in self.parts)

    @property
    def complete(self) -> bool:
        return all(state == "fresh" for _, state, _, _ in self.parts)

    @property
    def response(self) -> str:
        """Table 2: the clinical risk."""
        by_total = "high" if self.points >= 7 else "medium" if self.points >= 5 else ""
        return by_total or ("low-medium" if self.highest == 3 else "low" if self.points else "none")


@dataclass
class Patient:
    """Somebody whose newest observations are scored as long as they are fresh (``fresh_s`` by parameter)."""

    fresh_s: Mapping[str, float]
    scale: int = 1
    oxygen: bool = False
    newest: dict[str, Observation] = field(default_factory=dict)

    def scores(self, observations: Iterable[Observation]) -> Iterator[Total]:
        """The score after each set of observations of one time."""
        sets: dict[int, list[Observation]] = {}
        for observation in observations:
            sets.setdefault(observation.at_s, []).append(observation)
        for at_s in sorted(sets):
            self.newest |= {observation.parameter: observation for observation in sets[at_s]}
            yield self.score(at_s)

    def score(self, at_s: int) -> Total:
        """The score at a time, from the newest observations."""
        parts: list[tuple[str, str, Fraction | None, int]] = []
        for parameter in OBSERVED:
            seen = self.newest.get(parameter)
            if seen is None:
                parts.append((parameter, "missing", None, 0))
            elif at_s - seen.at_s > self.fresh_s[parameter]:
                parts.append((parameter, "stale", seen.value, 0))
            else:
                parts.append((parameter, "fresh", seen.value, look_up(parameter, seen.value, self.scale, self.oxygen)))
        if self.oxygen:
            parts.append(("supplemental_oxygen", "fresh", Fraction(1), ON_OXYGEN))
        return Total(at_s, tuple(parts))
