"""Rights on the tables of packages and pushes to other levels."""

from database.rights.conditions import AREA, may, person, seen
from database.rights.form import Part, Rights

_REPORTS = may("report_up")
_TABLES = "report_receiver report_package report_attempt report_person"

PART = Part(
    grants={
        "orders": Rights(  # the rounds send
            select=f"{_TABLES} exchange_consent",
            insert="report_attempt",
            columns=(
                ("UPDATE", "report_receiver", "next_at, failures, held_at, held_for"),
                ("UPDATE", "report_package", "state, delivered_at, counter_signed_at, counter_signature, ended_for"),
                ("UPDATE", "report_attempt", "ended_at, status, outcome, error"),
            ),
        ),
        "console": Rights(
            select=_TABLES,
            insert=_TABLES,
            update="report_receiver",
            columns=(
                (
                    "UPDATE", "report_package", "state, delivered_at, counter_signed_at, counter_signature, ended_by,"
                    " ended_for",
                ),
                ("UPDATE", "report_attempt", "ended_at, status, outcome, error"),
            ),
        ),
    },
    rows={
        "report_receiver": {"ALL": _REPORTS},
        "report_package": {"ALL": f"{_REPORTS} AND area_path <@ {AREA}"},
        "report_attempt": {"ALL": seen("report_package", "anchor.id = report_attempt.package_id")},
        "report_person": {
            "ALL": f"{seen('report_package', 'anchor.id = report_person.package_id')}"
            f" AND {person('report_person.resident_id')}",
        },
    },
    decisions={
        "whoever reports to other levels": "report_receiver",
        "whoever reports to other levels, by the area that the package is about": (
            "report_package report_attempt report_person"
        ),
    },
    roles_that={"report_up": ("admin",)},
)  # fmt: skip
