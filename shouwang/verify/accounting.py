"""Compare sent with stored readings, one by one. Pure."""

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray


class Balance(msgspec.Struct, frozen=True):
    """Counts of readings (or events): ``missing`` were sent and are not stored, ``doubled`` are stored more than once,
    ``altered`` have another value, ``invented`` were never sent."""

    sent: int = 0
    stored: int = 0
    missing: int = 0
    doubled: int = 0
    altered: int = 0
    invented: int = 0

    @property
    def exact(self) -> bool:
        return not (self.missing or self.doubled or self.altered or self.invented)

    def __add__(self, other: "Balance") -> "Balance":
        return Balance(
            *(a + b for a, b in zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True))
        )


def account(
    sent_us: NDArray[np.int64],
    sent: NDArray[np.float32],
    stored_us: NDArray[np.int64],
    stored: NDArray[np.float32],
) -> Balance:
    """Balance one series: times (µs, each sent time once) and values, shapes [n] and [m] in any order."""
    order = np.argsort(stored_us, kind="stable")
    stored_us, stored = stored_us[order], stored[order]
    times, first = np.unique(stored_us, return_index=True)
    expected = np.isin(times, sent_us)
    sent_order = np.argsort(sent_us)
    found = np.isin(sent_us[sent_order], times)
    same = sent[sent_order][found] == stored[first][expected]
    return Balance(
        sent=len(sent_us),
        stored=len(stored_us),
        missing=int((~found).sum()),
        doubled=len(stored_us) - len(times),
        altered=int((~same).sum()),
        invented=int((~expected).sum()),
    )


def total(accounts: Iterable[Balance]) -> Balance:
    return sum(accounts, Balance())
