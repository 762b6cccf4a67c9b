"""The subjects of rules of all parts, for the pages and commands that show and set them."""

from collections.abc import Mapping

from care_services.assessment import due
from care_services.complaints.handling import COMPLAINT_DEADLINE
from care_services.core.rules import Subject
from care_services.grants import kinds
from care_services.grants.ending import SUBJECT as GRANT_ENDING
from care_services.home_services.catalogue import subsidy
from care_services.home_services.visits import waiting
from care_services.meals.subsidies import MEAL_SUBSIDY
from care_services.one_tap import answering
from care_services.registers import following
from care_services.time_bank import limits

_SUBJECTS: tuple[Subject, ...] = (
    MEAL_SUBSIDY,
    COMPLAINT_DEADLINE,
    due.SUBJECT,
    subsidy.SUBJECT,
    waiting.SUBJECT,
    answering.SUBJECT,
    *kinds.SUBJECTS,
    GRANT_ENDING,
    limits.SUBJECT,
    following.SUBJECT,
)
SUBJECTS: Mapping[str, Subject] = {subject.code: subject for subject in _SUBJECTS}
"""By code. A part adds its own to the tuple above."""
