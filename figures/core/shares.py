"""Compare shares honestly: with their number of cases, and the interval in which the true share may lie. Pure."""

import math

import msgspec

Z = 1.959963984540054
"""Of the normal distribution, for an interval that holds the true share 95 times of 100."""
FEW = 20
"""Below so many cases a share says little: it is greyed, and the words say so."""
FEWEST = 5
"""Below so many cases no percentile is shown: it would be the time of a single one."""


class Share(msgspec.Struct, frozen=True):
    """``part`` of ``whole`` cases."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """0 to 1; None: there is no case."""
        return self.part / self.whole if self.whole else None

    @property
    def few(self) -> bool:
        """Whether there are too few cases to compare it."""
        return self.whole < FEW

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval by Wilson (1927), which holds for few cases and for shares near 0 and 1, too."""
        return wilson(self.part, self.whole) if self.whole else None


def wilson(part: int, whole: int, z: float = Z) -> tuple[float, float]:
    """The score interval of a binomial share: E. B. Wilson, JASA 22 (1927), formula 1; R. G. Newcombe, Statistics in
    Medicine 17 (1998), method 3. Raises ValueError where ``part`` is not within 0 to ``whole``, or there is no case."""
    if not 0 <= part <= whole or whole == 0:
        raise ValueError(f"{part} of {whole} is no share")
    share = part / whole
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z / (1 + z * z / whole) * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    low, high = middle - half, middle + half
    return (0.0 if part == 0 else max(0.0, low)), (1.0 if part == whole else min(1.0, high))
