"""Compare shares honestly: with their number of cases, and the interval in which the true share may lie. Pure."""

import math

import msgspec

Z = 1.959963984540054
"""Of the normal distribution, for an interval that holds the true share 95 times of 100."""
FEW = 20
"""Below so many cases a share says little: it is greyed, and the words say so."""
FEWEST = 5
"""Below so many cases no percentile is shown: it would be the time of a single one."""


BELOW = 0.025
"""Of a share that is as wanted, so rarely as few cases come."""


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


def surely_below(of: Share, wanted: float) -> bool:
    """Whether so few of the cases would hardly come (25 times of 1,000) if the true share were what is wanted.

    By the binomial distribution itself, and not by an interval: near 1 that of few cases is too short.
    """
    failed, expected = of.whole - of.part, of.whole * (1 - wanted)
    if failed <= expected or not 0 < wanted < 1:
        return bool(of.whole) and wanted >= 1 and failed > 0
    if failed > expected + 20 + 10 * math.sqrt(expected):
        return True
    log_p, log_q = math.log(wanted), math.log1p(-wanted)
    fewer = sum(
        math.exp(
            math.lgamma(of.whole + 1)
            - math.lgamma(k + 1)
            - math.lgamma(of.whole - k + 1)
            + k * log_q
            + (of.whole - k) * log_p
        )
        for k in range(failed)
    )
    return 1 - fewer < BELOW


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
