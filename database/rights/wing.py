"""Gather what each part of care and services adds to rights, policies and decisions."""

from database.rights.form import Part
from database.rights.parts import (
    assessment,
    core,
    home_beds,
    home_services,
    library,
    meals,
    privacy,
    quality,
    registers,
    reporting,
    time_bank,
    workforce,
)

PARTS: tuple[Part, ...] = (
    core.PART,
    assessment.PART,
    home_beds.PART,
    home_services.PART,
    meals.PART,
    quality.PART,
    time_bank.PART,
    workforce.PART,
    library.PART,
    registers.PART,
    reporting.PART,
    privacy.PART,
)
