"""One measured figure and what it is held against."""

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure, the reference measured in the same run (None where there is none), and the command that shows it."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    reference_name: str = ""
    command: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return None if not self.reference else self.value / self.reference
