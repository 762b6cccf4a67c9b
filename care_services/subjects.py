"""The subjects of rules of all parts, for the pages and commands that show and set them."""

from collections.abc import Mapping

from care_services.core.rules import Subject
from care_services.grants import kinds as grant_kinds
from care_services.home_services.catalogue import subsidy
from care_services.home_services.visits import waiting

_SUBJECTS: tuple[Subject, ...] = (subsidy.SUBJECT, waiting.SUBJECT, *grant_kinds.SUBJECTS)
SUBJECTS: Mapping[str, Subject] = {subject.code: subject for subject in _SUBJECTS}
"""By code. A part adds its own to the tuple above."""
