"""Tell from few answers whether the 95th percentile of a page is below its limit."""

import math
from collections.abc import Sequence

import numpy as np

Z95 = 1.6449


def bound(times: Sequence[float]) -> float:
    """The ms that the p95 does not exceed, with 95 % confidence, where the logarithms of the times spread normally.

    A one-sided tolerance limit (NIST/SEMATECH e-Handbook of Statistical Methods, 7.2.6.3): mean and spread of the
    logarithms, with a factor that grows as the answers are fewer: 3.7 of 6, 3.1 of 8, 2.3 of 24. Infinite below 5.
    """
    n = len(times)
    if n < 5:
        return math.inf
    logs = np.log(times)
    a, b = 1 - Z95**2 / (2 * (n - 1)), Z95**2 - Z95**2 / n
    factor = (Z95 + math.sqrt(Z95**2 - a * b)) / a
    return float(np.exp(logs.mean() + factor * logs.std(ddof=1)))
