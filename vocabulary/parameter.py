"""Parameters: numbers that people may set, each declared beside the code that uses it."""

from typing import ClassVar

import msgspec


class Parameter(msgspec.Struct, frozen=True):
    """The default and limits of a parameter, its UCUM unit (``x``: times), and its meaning in Chinese and English.

    Written as a row of a table, in this order; the source of the default is cited where it is declared.
    """

    district_only: ClassVar[bool] = False
    """Whether it can be set only for the district as a whole."""
    resident_only: ClassVar[bool] = False
    """Whether it can be set only for one resident."""

    default: float
    low: float
    high: float
    unit: str
    zh: str
    en: str


class DistrictParameter(Parameter, frozen=True):
    """A parameter that is the same for the whole district."""

    district_only: ClassVar[bool] = True


class ResidentParameter(Parameter, frozen=True):
    """A parameter that only one resident can have."""

    resident_only: ClassVar[bool] = True
