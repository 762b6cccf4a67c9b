"""Units of other systems become those of the channels exactly, or not at all."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.intake.units import _TO, UnitError, convert, glucose_mg, glucose_mmol, plain
from firmware_profiles.channels import CHANNELS

NUMBERS = st.decimals(min_value=-1000, max_value=1000, places=2).map(lambda one: Fraction(str(one)))


@pytest.mark.parametrize(
    ("channel", "value", "unit", "expected"),
    [
        ("systolic_bp", "16", "kPa", 120.0102008670737),  # 16 / 0.133322
        ("body_temperature", "98.6", "[degF]", 37.0),
        ("body_temperature", "310.15", "K", 37.0),
        ("weight", "150", "[lb_av]", 68.0388555),
        ("heart_rate", "72", "{beats}/min", 72.0),
        ("heart_rate", "1.2", "Hz", 72.0),
        ("spo2", "0.97", "1", 97.0),
        ("glucose", "5.5", "mmol/L", 5.5),
    ],
)
def test_known_conversions(channel: str, value: str, unit: str, expected: float) -> None:
    assert convert(channel, Fraction(value), unit) == expected


@pytest.mark.parametrize(
    ("channel", "unit"),
    [("glucose", "mg/dL"), ("heart_rate", "/h"), ("systolic_bp", ""), ("weight", "Cel"), ("spo2", "kPa")],
)
def test_what_is_not_exact_is_refused(channel: str, unit: str) -> None:
    with pytest.raises(UnitError):
        convert(channel, Fraction(1), unit)
    with pytest.raises(UnitError):
        convert(channel, Fraction(1), CHANNELS[channel].unit, "http://example.org/units")


@given(st.sampled_from([(own, unit) for own, units in _TO.items() for unit in units]), NUMBERS, NUMBERS)
def test_a_conversion_keeps_the_order_and_can_be_taken_back(
    pair: tuple[str, str], one: Fraction, two: Fraction
) -> None:
    own, unit = pair
    factor, added = _TO[own][unit]
    assert ((one * factor + added) - added) / factor == one
    channel = next(code for code, known in CHANNELS.items() if known.unit == own)
    assert (convert(channel, one, unit) < convert(channel, two, unit)) == (one < two) or one == two


@given(st.integers(20, 1000))
def test_glucose_there_and_back_is_the_same_number(mg: int) -> None:
    assert glucose_mg(glucose_mmol(Fraction(mg))) == mg


def test_annotations_mean_nothing() -> None:
    assert [plain(unit) for unit in ("{beats}/min", "1/min", "/min", "mm[Hg]")] == ["/min", "/min", "/min", "mm[Hg]"]
