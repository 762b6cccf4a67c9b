"""Rights on the tables of the ability assessment."""

from database.rights.conditions import STAFF, by, person
from database.rights.form import Part, Rights

_TABLES = "assessment assessment_event care_proposal"

PART = Part(
    grants={"console": Rights(select=_TABLES, insert=_TABLES, update="assessment care_proposal")},
    rows={
        "assessment": {"ALL": f"{STAFF} AND {person('assessment.resident_id')}"},
        "assessment_event": {"ALL": by("assessment_event", "assessment", "anchor.id = {table}.assessment_id")},
        "care_proposal": {"ALL": f"{STAFF} AND {person('care_proposal.resident_id')}"},
    },
    decisions={
        "staff, by the person it is about": "assessment care_proposal",
        "by the assessment it belongs to": "assessment_event",
    },
)
