"""Rights on the tables of consents, copies, erasure and research."""

from database.rights.conditions import AREA, may, person
from database.rights.form import Part, Rights

_KEEP = may("manage_privacy")
_SEEN = f"({_KEEP} OR {may('approve_erasure')})"
_COPY = f"{_KEEP} AND {person('person_copy.resident_id')}"
_PROJECT = (
    "id, title, purpose, recipient, area_path, columns, k, l, planned_by, planned_at, state, decided_by, decided_at"
)
_LOOK = may("view_privacy")
_HELD = f"(resident_id IS NULL OR {person('legal_hold.resident_id')})"
_HOLDING = f"{may('approve_erasure')} AND {_HELD} AND area_path <@ {AREA}"
_ERASURE = f"{_SEEN} AND {person('erasure.resident_id')}"

PART = Part(
    grants={
        "console": Rights(
            select="consent_event person_copy person_copy_part erasure erasure_vote erasure_rule research_export"
            " privacy_breach silenced research_member person_copy_fetch legal_hold retention_rule retention_run",
            insert="consent_event person_copy erasure erasure_vote research_export privacy_breach person_copy_fetch"
            " legal_hold",
            update="privacy_breach",
            columns=(
                ("UPDATE", "erasure", "state"),
                ("UPDATE", "legal_hold", "lifted_at, lifted_by, lifted_for"),
                ("UPDATE", "person_copy", "state"),
                ("SELECT", "research_project", f"{_PROJECT}, expires_on"),
                (
                    "INSERT",
                    "research_project",
                    "title, purpose, recipient, area_path, columns, k, l, planned_by, planned_at, expires_on",
                ),
                ("UPDATE", "research_project", "state, decided_by, decided_at"),
                ("UPDATE", "research_export", "fetched_at"),
            ),
            functions="person_counts(integer) erasure_counts(integer) handed_out(integer)"
            " research_withdrawn_since(timestamptz) research_gone(bigint) erasure_held(integer) held_residents()"
            " table_held(text)",
        ),
        "links": Rights(select="consent_event exchange_consent", insert="consent_event"),
        "ingest": Rights(select="silenced"),
        "maintain": Rights(
            select="person_copy person_copy_part erasure research_project research_export research_member"
            " retention_rule retention_run",
            insert="person_copy_part research_member",
            delete="person_copy_part",
            columns=(
                (
                    "UPDATE",
                    "research_export",
                    "state, agreed, released, suppressed, groups, smallest, withheld, diversity, made_at, body",
                ),
                ("INSERT", "audit", "at, account_id, action, resident_id, detail, origin"),
                (
                    "UPDATE",
                    "person_copy",
                    "state, done, total, held, bytes, sha256, problem_zh, problem_en, made_at, expires_at",
                ),
            ),
            functions="person_rows(bigint,text) copied_series(bigint) end_person_copies() erase_person(bigint)"
            " research_people(bigint) end_research_exports() sweep_silenced() erasure_list() erase_again(jsonb)"
            " end_kept(date) end_period(text,timestamptz) erasure_held(integer) readings_wait() table_held(text)"
            " plan_ended_residents(date) note_retention(text,bigint,bigint)",
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
        "person_copy_fetch": {
            "ALL": "EXISTS (SELECT FROM person_copy anchor WHERE anchor.id = person_copy_fetch.copy_id)"
        },
        "research_member": {"SELECT": f"{_KEEP} AND {person('research_member.resident_id')}"},
        "erasure": {"ALL": _ERASURE},
        "legal_hold": {"SELECT": f"{_LOOK} AND {_HELD}", "INSERT": _HOLDING, "UPDATE": _HOLDING},
        "research_project": {"ALL": f"{_LOOK} AND area_path <@ {AREA}"},
        "research_export": {
            "ALL": "EXISTS (SELECT FROM research_project anchor WHERE anchor.id = research_export.project_id)"
        },
        "privacy_breach": {"ALL": f"{_LOOK} AND area_path <@ {AREA}"},
        "erasure_vote": {"ALL": "EXISTS (SELECT FROM erasure anchor WHERE anchor.id = erasure_vote.erasure_id)"},
    },
    nobodys="erasure_rule silenced retention_rule retention_run",
    told_by_families="consent_event",
    decisions={
        "by the person it is about": "consent_event",
        "by the person it is about, to who manages privacy or approves": "person_copy person_copy_part"
        " person_copy_fetch research_member erasure erasure_vote",
        "a class's to who looks after privacy, a person's by that person, too": "legal_hold",
        "by the area of the project or the breach, to who looks after privacy": "research_project research_export"
        " privacy_breach",
        "read only, without a policy: counts, states of programs and devices, numbers of rows, and nobody's name,"
        " address or words": "erasure_rule silenced retention_rule retention_run",
    },
    roles_that={
        "view_privacy": ("admin", "lead", "manager", "auditor"),
        "manage_privacy": ("admin",),
        "approve_erasure": ("admin", "manager"),
    },
)
