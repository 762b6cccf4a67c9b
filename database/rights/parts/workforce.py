"""Rights on the tables of professionals: profiles, earlier employers, reminders of certificates that end."""

from database.rights.conditions import worker
from database.rights.form import Part, Rights

_TABLES = "staff_profile staff_employment staff_profile_change certificate_reminder"
PART = Part(
    grants={
        "console": Rights(
            select=_TABLES,
            insert=_TABLES,
            update="staff_profile certificate_reminder",
            delete="staff_employment",
        ),
        # the rounds write reminders beside the sweeper of work orders
        "orders": Rights(
            select="certificate_reminder",
            insert="certificate_reminder",
            columns=(("UPDATE", "certificate_reminder", "sent_at"),),
        ),
    },
    rows={table: {"ALL": worker(f"{table}.staff_id")} for table in _TABLES.split()},
    decisions={
        "by the organisation: of the area, or around it and serving it; or the person works, or within 90 days went,"
        " to homes there; a family: who comes to its home": _TABLES,
    },
)
