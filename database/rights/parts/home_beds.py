"""Rights on the tables of home care beds, equipment and grants."""

from database.rights.conditions import ALL, SERVING, by, may, person
from database.rights.form import Part, Rights

_BED = "anchor.id = {table}.bed_id"
_HISTORIES = "home_bed_step home_bed_contract home_bed_check equipment_step grant_step grant_payment grant_correction"
"""Lines that no service changes or takes away."""
_CHANGED = (
    "home_bed home_bed_survey home_bed_device home_bed_service equipment_item equipment_loan grant_application"
    " grant_pause"
)

PART = Part(
    grants={
        "console": Rights(
            select=f"{_CHANGED} {_HISTORIES} home_bed_reminder", insert=f"{_CHANGED} {_HISTORIES}", update=_CHANGED,
        ),
        # the rounds write the reminders of contracts that end
        "orders": Rights(select="home_bed home_bed_reminder", insert="home_bed_reminder"),
    },
    rows={
        "home_bed": {"ALL": person("home_bed.resident_id")},
        **{
            table: {"ALL": by(table, "home_bed", _BED)}
            for table in (
                "home_bed_step", "home_bed_survey", "home_bed_device", "home_bed_contract", "home_bed_check",
                "home_bed_service", "home_bed_reminder",
            )
        },
        "equipment_item": {"ALL": f"({ALL} OR organisation_id {SERVING})"},
        "equipment_loan": {"ALL": person("equipment_loan.resident_id")},
        "equipment_step": {"ALL": by("equipment_step", "equipment_item", "anchor.id = {table}.item_id")},
        "grant_application": {"ALL": person("grant_application.resident_id")},
        "grant_step": {"ALL": by("grant_step", "grant_application", "anchor.id = {table}.application_id")},
        "grant_payment": {
            "SELECT": person("grant_payment.resident_id"),
            "INSERT": f"{may('approve_beds')} AND {person('grant_payment.resident_id')}",
        },
        "grant_pause": {"ALL": by("grant_pause", "grant_application", "anchor.id = {table}.application_id")},
        "grant_correction": {
            "SELECT": person("grant_correction.resident_id"),
            "INSERT": f"{may('approve_beds')} AND {person('grant_correction.resident_id')}",
        },
    },
    decisions={
        "by the person it is about": "home_bed equipment_loan grant_application grant_payment grant_correction",
        "by the home care bed it belongs to": "home_bed_step home_bed_survey home_bed_device home_bed_contract"
        " home_bed_check home_bed_service home_bed_reminder",
        "by the organisation that owns it: of the area, or around it and serving it": "equipment_item",
        "by the piece of equipment it is about": "equipment_step",
        "by the application it belongs to": "grant_step grant_pause",
    },
    roles_that={"approve_beds": ("admin", "manager")},
)  # fmt: skip
