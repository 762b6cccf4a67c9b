"""The subjects of rules of all parts, for the pages and commands that show and set them."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from psycopg import Connection

from care_services.assessment import due
from care_services.complaints.handling import COMPLAINT_DEADLINE
from care_services.core.rules import RuleSet, Subject
from care_services.grants import kinds
from care_services.grants.ending import SUBJECT as GRANT_ENDING
from care_services.home_services.catalogue import subsidy
from care_services.home_services.visits import waiting
from care_services.meals.subsidies import MEAL_SUBSIDY
from care_services.one_tap import answering
from care_services.registers import following
from care_services.time_bank import limits, trying

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

Trying = Callable[[Connection[Any], RuleSet, RuleSet, dt.date], list[tuple[str, str]]]
TRIALS: Mapping[str, Trying] = {limits.SUBJECT.code: trying.try_rules}
"""Of subjects that do not decide about residents: what new rules would do, in words (Chinese, English), from the rules
of today, the new ones, and the first day."""
