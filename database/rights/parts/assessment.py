"""Rights on the tables of the ability assessment."""

from database.rights.conditions import STAFF, by, person
from database.rights.form import Part, Rights

_TABLES = "assessment assessment_event care_proposal"
_GRADE = "ladder_grade"
"""Whose ladder goes by the ability grade; who raises alerts reads it (database/rights/grants.py)."""

PART = Part(
    grants={
        "console": Rights(
            select=f"{_TABLES} {_GRADE}", insert=f"{_TABLES} {_GRADE}", update="assessment care_proposal",
            functions="assessment_told(integer)",
        ),
        "orders": Rights(columns=(("SELECT", "assessment", "id, resident_id, current, due_on"),)),
    },
    rows={
        "assessment": {"ALL": f"{STAFF} AND {person('assessment.resident_id')}"},
        "assessment_event": {"ALL": by("assessment_event", "assessment", "anchor.id = {table}.assessment_id")},
        "care_proposal": {"ALL": f"{STAFF} AND {person('care_proposal.resident_id')}"},
        "ladder_grade": {
            "SELECT": person("ladder_grade.resident_id"),
            "INSERT": f"{STAFF} AND {person('ladder_grade.resident_id')}",
            "UPDATE": "false",
            "DELETE": "false",
        },
    },
    decisions={
        "staff, by the person it is about": "assessment care_proposal",
        "by the person it is about": "ladder_grade",
        "by the assessment it belongs to": "assessment_event",
    },
)  # fmt: skip
