"""One measured figure, beside its limit or peer."""

import os

import msgspec

QUICK = "SHOUWANG_BENCH_QUICK"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A measured figure and its reference, a limit or a value measured in the same run (None where there is none)."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    reference_name: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Value by reference."""
        return None if not self.reference else self.value / self.reference


def quick() -> bool:
    """Whether this run is the short one (``python -m bench quick``): smaller sizes, in which starts weigh more."""
    return os.environ.get(QUICK) == "1"
