"""Rights on the tables of consents, copies, erasure and research."""

from database.rights.conditions import person
from database.rights.form import Part, Rights

PART = Part(
    grants={
        "console": Rights(select="consent_event", insert="consent_event"),
        "links": Rights(select="consent_event"),
    },
    rows={
        "consent_event": {"SELECT": person("consent_event.resident_id"), "INSERT": person("consent_event.resident_id")}
    },
    decisions={"by the person it is about": "consent_event"},
)
