"""Rights on the tables of documents, products and courses."""

from database.rights.conditions import ACCOUNTS, ME, STAFF, may, worker, written
from database.rights.form import Part, Rights

_OWN = f"account_id = {ME}"
_OWN_OR_MANAGED = f"({_OWN} OR {may('manage_library')} AND account_id {ACCOUNTS})"
_OWN_OR_COLLEAGUES = f"({_OWN} OR {STAFF} AND account_id {ACCOUNTS})"
PART = Part(
    grants={
        "console": Rights(
            select="library_document library_version library_search library_read library_change"
            " course course_version course_attempt"
            " course_certificate course_approval",
            insert="library_document library_version library_search library_read library_change"
            " course course_version course_attempt"
            " course_certificate course_approval",
            update="library_document course",
            columns=(
                ("UPDATE", "course_attempt", "submitted_at, answers, correct, passed"),
                ("UPDATE", "course_certificate", "revoked_at, revoked_by, revoked_why"),
                ("UPDATE", "course_approval", "state, decided_at, decided_by, decided_name, reason"),
            ),
            functions="course_certificate_of(text) devices_in_use(ltree,text)"
            " devices_counted(ltree,integer)",
        ),
        # the rounds remind of what is unread or ends, and read files anew
        "orders": Rights(
            select="library_document library_version library_search library_read course course_certificate",
            insert="library_search",
        ),
    },
    rows={
        "library_document": written(may("manage_library")),
        "library_version": written(may("manage_library")),
        "library_search": written(may("manage_library")),
        "library_change": {"SELECT": STAFF, "INSERT": may("manage_library")},
        "library_read": {"SELECT": _OWN_OR_COLLEAGUES, "INSERT": _OWN},
        "course": written(may("manage_library")),
        "course_version": written(may("manage_library")),
        "course_attempt": {"SELECT": _OWN_OR_MANAGED, "INSERT": _OWN, "UPDATE": _OWN},
        "course_certificate": {"SELECT": _OWN_OR_COLLEAGUES, "INSERT": _OWN, "UPDATE": may("manage_library")},
        "course_approval": {
            "SELECT": worker("course_approval.staff_id"),
            "INSERT": worker("course_approval.staff_id"),
            "UPDATE": f"{may('manage_staff')} AND {worker('course_approval.staff_id')}",
        },
    },
    written_by_all="course_attempt course_certificate",
    decisions={
        "read without a session: documents and courses, nobody's data; written by the role that may":
            "library_document library_version library_search course course_version",
        "by staff; written by the role that may": "library_change",
        "one's own, and of the accounts of one's area": "library_read course_certificate",
        "one's own; who keeps the library, of the accounts of their area": "course_attempt",
        "by the member of staff": "course_approval",
    },
    roles_that={
        "manage_library": ("admin", "manager"),
        "manage_staff": ("admin", "dispatcher", "lead", "manager", "station"),
    },
)  # fmt: skip
