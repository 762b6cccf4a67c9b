"""Convert values to the unit of a channel, by UCUM and only where that is exact. Pure.

Fractions, not floats: a conversion there and back gives the same number.
"""

import re
from collections.abc import Mapping
from fractions import Fraction

from exchange.fhir.codes import UCUM
from firmware_profiles.channels import CHANNELS

_ANNOTATION = re.compile(r"\{[^{}]*\}")
Conversion = tuple[Fraction, Fraction]
"""(factor, what is added afterwards)."""
_AS_IT_IS: Conversion = (Fraction(1), Fraction(0))
_TO: Mapping[str, Mapping[str, Conversion]] = {
    # UCUM 2.1, table 4: m[Hg] is 133.3220 kPa
    "mm[Hg]": {
        "kPa": (Fraction(1_000_000, 133_322), Fraction(0)),
        "Pa": (Fraction(1_000, 133_322), Fraction(0)),
        "cm[Hg]": (Fraction(10), Fraction(0)),
    },
    "Cel": {
        "[degF]": (Fraction(5, 9), Fraction(-160, 9)),
        "K": (Fraction(1), Fraction(-27_315, 100)),
    },
    "kg": {
        "g": (Fraction(1, 1_000), Fraction(0)),
        "[lb_av]": (Fraction(45_359_237, 100_000_000), Fraction(0)),  # by definition
    },
    "/min": {"/s": (Fraction(60), Fraction(0)), "Hz": (Fraction(60), Fraction(0))},
    "%": {"1": (Fraction(100), Fraction(0))},
    "mmol/L": {"umol/L": (Fraction(1, 1_000), Fraction(0)), "mmol/dL": (Fraction(10), Fraction(0))},
    "ms": {"s": (Fraction(1_000), Fraction(0)), "us": (Fraction(1, 1_000), Fraction(0))},
}
"""By the channel's unit, and the unit that comes. mg/dL of glucose is not there: to UCUM mass is no amount."""

MG_PER_DL = Fraction(180_182, 10_000)
"""mg/dL of glucose in one mmol/L, as Nightscout and the makers of meters have it (molar mass 180.182 g/mol)."""


class UnitError(ValueError):
    """The unit does not measure the channel, or not exactly."""


def plain(unit: str) -> str:
    """The unit without annotations, which mean nothing in UCUM: ``{beats}/min`` is ``/min``, ``1/min`` as well."""
    bare = _ANNOTATION.sub("", unit).strip()
    return bare[1:] if bare.startswith("1/") else bare


def convert(channel: str, value: Fraction, unit: str, system: str = UCUM) -> float:
    """The value in the channel's unit. Raises UnitError."""
    own = CHANNELS[channel].unit
    bare = plain(unit)
    factor, added = _AS_IT_IS if bare == own else _TO.get(own, {}).get(bare, (Fraction(0), Fraction(0)))
    if not factor or system not in (UCUM, ""):
        known = ", ".join((own, *_TO.get(own, ())))
        raise UnitError(f"{unit[:40]!r} does not measure {channel} exactly; send one of {known} (UCUM)")
    return float(value * factor + added)


def glucose_mmol(mg_per_dl: Fraction) -> float:
    """mg/dL of glucose as mmol/L."""
    return float(mg_per_dl / MG_PER_DL)


def glucose_mg(mmol: float) -> int:
    """mmol/L of glucose as whole mg/dL, as meters show it."""
    return round(Fraction(mmol) * MG_PER_DL)
