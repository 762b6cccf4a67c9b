"""Rights on the tables of quality control and complaints."""

from database.rights.conditions import ALL, AREA, LIVE, ME, PROVIDER, STAFF, by, may, person
from database.rights.form import Part, Rights

_COMPLAINTS = "complaint complaint_author complaint_event"
_QUALITY = "quality_plan quality_check quality_result quality_finding quality_event"
_HERE = f"({ALL} OR {STAFF} AND area_path <@ {AREA})"
_OURS = f"({_HERE} OR organisation_id = {PROVIDER})"
_COMPLAINT = f"({ALL} OR {STAFF} AND area_path <@ {AREA} OR code = ANY ((SELECT complaints_mine())::text[]))"
_OF_COMPLAINT = "anchor.code = {table}.complaint"
_AUTHOR = (
    f"(account_id = {ME} OR recorded_by = {ME} OR"
    f" {by('complaint_author', 'complaint', _OF_COMPLAINT)} AND (told OR {may('answer_complaints')}"
    " AND NOT complaint_about_me(complaint_author.complaint)))"
)

PART = Part(
    grants={
        "console": Rights(
            select=f"{_COMPLAINTS} {_QUALITY}",
            insert=f"{_COMPLAINTS} {_QUALITY}",
            update="complaint quality_check quality_finding",
            functions="complaint_mine(text) complaints_mine() complaint_about_me(text)",
        )
    },
    rows={
        "complaint": {
            "SELECT": f"({_COMPLAINT} OR organisation_id = {PROVIDER})",
            "INSERT": f"({STAFF} AND area_path <@ {AREA} OR {person('complaint.resident_id')})",
            "UPDATE": _COMPLAINT,
        },
        "complaint_author": {"SELECT": _AUTHOR, "INSERT": LIVE},
        "complaint_event": {"ALL": by("complaint_event", "complaint", _OF_COMPLAINT)},
        "quality_plan": {"ALL": _HERE},
        "quality_check": {"ALL": _OURS},
        "quality_result": {"ALL": by("quality_result", "quality_check", "anchor.id = {table}.check_id")},
        "quality_finding": {"ALL": _OURS},
        "quality_event": {"ALL": by("quality_event", "quality_finding", "anchor.id = {table}.finding_id")},
    },
    told_by_families=_COMPLAINTS,
    written_by_providers="quality_finding quality_event",
    decisions={
        "by the area it belongs to; a family its own complaints; people of a provider those about it":
            "complaint complaint_event",
        "who complained: themself, who wrote it down, and who answers complaints of the area, unless it is about them":
            "complaint_author",
        "by the area of what is checked": "quality_plan",
        "by the area of what is checked; people of a provider their own": "quality_check quality_finding",
        "by the check": "quality_result",
        "by the finding": "quality_event",
    },
    roles_that={"answer_complaints": ("lead", "manager", "station")},
)  # fmt: skip
