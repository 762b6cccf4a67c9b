"""Codes of FHIR for what is measured: LOINC and UCUM by ``channels.toml``, and which channels are given out."""

from collections.abc import Iterable, Mapping
from typing import Any

from firmware_profiles.channels import CHANNELS

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
OWN_CHANNEL = "urn:shouwang:channel"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

BP_PANEL = ("85354-9", "Blood pressure panel with all children optional")
VITAL_PANEL = ("85353-1", "Vital signs, weight, height, head circumference, oxygen saturation and BMI panel")
OXYGEN = ("2708-6", "Oxygen saturation in Arterial blood")
"""The profile's magic code beside that of the pulse oximeter (hl7.org/fhir/R4/oxygensat.html)."""
SYSTOLIC, DIASTOLIC = "systolic_bp", "diastolic_bp"

GIVEN = frozenset(code for code, one in CHANNELS.items() if one.kind == "vital") | {"step_count"}
"""Signs of the body. Motion, doors and beds tell how a person lives and stay within the platform."""
_CATEGORIES: Mapping[str, str] = {"glucose": "laboratory", "step_count": "activity"}
_PROFILES: Mapping[str, str] = {
    "heart_rate": "heartrate", "respiration_rate": "resprate", "spo2": "oxygensat", "body_temperature": "bodytemp",
    "weight": "bodyweight", SYSTOLIC: "bp", DIASTOLIC: "bp",
}  # fmt: skip


def concept(channel: str) -> dict[str, Any]:
    """The CodeableConcept of a channel: LOINC where it has a code, and the platform's own."""
    known = CHANNELS[channel]
    coding = [] if known.loinc is None else [{"system": LOINC, "code": known.loinc, "display": known.en}]
    if channel == "spo2":
        coding.insert(0, {"system": LOINC, "code": OXYGEN[0], "display": OXYGEN[1]})
    return {"coding": [*coding, {"system": OWN_CHANNEL, "code": channel, "display": known.zh}], "text": known.en}


def panel(code: tuple[str, str]) -> dict[str, Any]:
    """The CodeableConcept of a panel."""
    return {"coding": [{"system": LOINC, "code": code[0], "display": code[1]}], "text": code[1]}


def category(channel: str) -> list[dict[str, Any]]:
    """The category of a channel's observations."""
    return [{"coding": [{"system": CATEGORY, "code": category_code(channel)}]}]


def category_code(channel: str) -> str:
    """The code of that category."""
    return _CATEGORIES.get(channel, "vital-signs")


def profile(channel: str) -> str | None:
    """The profile of R4 that the observations of a channel keep."""
    name = _PROFILES.get(channel)
    return None if name is None else f"http://hl7.org/fhir/StructureDefinition/{name}"


def quantity(channel: str, value: float) -> dict[str, Any]:
    """A value with its unit. It is shown as finely as the channel is measured: float32 has no digits beyond that."""
    known = CHANNELS[channel]
    return {"value": rounded(channel, value), "unit": known.unit, "system": UCUM, "code": known.unit}


def decimals(channel: str) -> int:
    """Digits after the point of a channel's values."""
    text = f"{CHANNELS[channel].resolution:f}".rstrip("0")
    return max(1, len(text.partition(".")[2])) if "." in text and text.partition(".")[2] else 1


def rounded(channel: str, value: float) -> float | int:
    """The value with as many digits as the channel has, one more for what was converted on its way in."""
    number = round(float(value), decimals(channel) + 1)
    return int(number) if number.is_integer() else number


def channels_of(codes: Iterable[str]) -> frozenset[str]:
    """The channels that a search by ``code`` means: ``8867-4``, ``http://loinc.org|8867-4`` or ``…|heart_rate``."""
    found: set[str] = set()
    for text in codes:
        system, bar, code = text.rpartition("|")
        if not bar or system in (LOINC, ""):
            found |= {name for name in GIVEN if CHANNELS[name].loinc == code}
            if code == BP_PANEL[0]:
                found |= {SYSTOLIC, DIASTOLIC}
            if code == OXYGEN[0]:
                found.add("spo2")
        if (not bar or system in (OWN_CHANNEL, "")) and code in GIVEN:
            found.add(code)
    if found & {SYSTOLIC, DIASTOLIC}:
        found |= {SYSTOLIC, DIASTOLIC}
    return frozenset(found)
