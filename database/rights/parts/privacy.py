"""Rights on the tables of consents, copies, erasure and research."""

from database.rights.conditions import may, person
from database.rights.form import Part, Rights

_KEEP = may("manage_privacy")
_SEEN = f"({_KEEP} OR {may('approve_erasure')})"
_COPY = f"{_KEEP} AND {person('person_copy.resident_id')}"
_ERASURE = f"{_SEEN} AND {person('erasure.resident_id')}"

PART = Part(
    grants={
        "console": Rights(
            select="consent_event person_copy person_copy_part erasure erasure_vote erasure_rule",
            insert="consent_event person_copy erasure erasure_vote",
            columns=(("UPDATE", "erasure", "state"), ("UPDATE", "person_copy", "state")),
            functions="person_counts(integer)",
        ),
        "links": Rights(select="consent_event"),
        "maintain": Rights(
            select="person_copy person_copy_part erasure",
            insert="person_copy_part",
            delete="person_copy_part",
            columns=(
                ("INSERT", "audit", "at, account_id, action, resident_id, detail, origin"),
                (
                    "UPDATE",
                    "person_copy",
                    "state, done, total, held, bytes, sha256, problem_zh, problem_en, made_at, expires_at",
                ),
            ),
            functions="person_rows(bigint,text) copied_series(bigint) end_person_copies() erase_person(bigint)",
        ),
    },
    rows={
        "consent_event": {
            "SELECT": person("consent_event.resident_id"),
            "INSERT": person("consent_event.resident_id"),
        },
        "person_copy": {"ALL": _COPY},
        "person_copy_part": {
            "SELECT": "EXISTS (SELECT FROM person_copy anchor WHERE anchor.id = person_copy_part.copy_id)"
        },
        "erasure": {"ALL": _ERASURE},
        "erasure_vote": {"ALL": "EXISTS (SELECT FROM erasure anchor WHERE anchor.id = erasure_vote.erasure_id)"},
    },
    nobodys="erasure_rule",
    decisions={
        "by the person it is about": "consent_event",
        "by the person it is about, to who manages privacy or approves": "person_copy person_copy_part erasure"
        " erasure_vote",
        "read only, without a policy: counts, states of programs and devices, numbers of rows, and nobody's name,"
        " address or words": "erasure_rule",
    },
    roles_that={"manage_privacy": ("admin",), "approve_erasure": ("admin", "manager")},
)
