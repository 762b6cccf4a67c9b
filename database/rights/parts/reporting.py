"""Rights on the tables of packages and pushes to other levels."""

from database.rights.conditions import AREA, may, person, seen
from database.rights.form import Part, Rights

_REPORTS = may("report_up")
_SILENT = "id, code, name_zh, name_en, active, url, held_at, alarm_days, alarm"
_TABLES = "report_receiver report_package report_attempt report_person report_schedule"

PART = Part(
    grants={
        # a service of its own makes packages, sends them and fetches registers: it alone opens identity numbers
        "reports": Rights(
            select=f"alembic_version storage area household resident resident_trait resident_leaving exchange_consent"
            f" identity_document care_round {_TABLES}",
            insert="report_attempt report_package report_person care_round",
            update="care_round",
            columns=(
                ("SELECT", "account", "id, login, name_zh, name_en, role, area_path, language, active, one_time_until"),
                ("SELECT", "alert", "household_id, severity, state, onset"),  # counted by street
                ("INSERT", "audit", "at, account_id, action, resident_id, detail, origin"),
                ("UPDATE", "report_receiver", "next_at, failures, held_at, held_for"),
                ("UPDATE", "report_schedule", "next_at, failures, fault, made_until"),
                ("UPDATE", "report_package", "state, delivered_at, counter_signed_at, counter_signature, ended_for"),
                ("UPDATE", "report_attempt", "ended_at, status, outcome, error"),
            ),
        ),
        # the rounds raise an alarm where a receiver takes nothing, and open no package
        "orders": Rights(
            columns=(
                ("SELECT", "report_receiver", _SILENT),
                ("SELECT", "report_package", "id, receiver_id, state, made_at, delivered_at"),
                ("UPDATE", "report_receiver", "alarm"),
                ("INSERT", "household", "code, area_id, address_zh, address_en"),  # the platform's own, for its alerts
            ),
        ),
        "console": Rights(
            select=_TABLES,
            insert=_TABLES,
            update="report_receiver report_schedule",
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
        "report_schedule": {"ALL": f"{_REPORTS} AND area_path <@ {AREA}"},
        "report_attempt": {"ALL": seen("report_package", "anchor.id = report_attempt.package_id")},
        "report_person": {
            "ALL": f"{seen('report_package', 'anchor.id = report_person.package_id')}"
            f" AND {person('report_person.resident_id')}",
        },
    },
    decisions={
        "whoever reports to other levels": "report_receiver",
        "whoever reports to other levels, by the area that the package is about": (
            "report_package report_attempt report_person report_schedule"
        ),
    },
    roles_that={"report_up": ("admin",)},
)  # fmt: skip
