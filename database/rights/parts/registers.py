"""Rights on the tables of registers and identity numbers."""

from database.rights.conditions import AREA, by, may, person, seen
from database.rights.form import Part, Rights

_MANAGES = may("manage_registers")
_IMPORT = f"{_MANAGES} AND area_path <@ {AREA}"
_TABLES = (
    "register_source register_source_change register_import register_line register_difference register_decision"
    " register_batch"
)
_DONE = "leaving_done leaving_effect"
_LEAVING = "anchor.id = {table}.leaving_id"
_CARRY_OUT = "leaving_apply(bigint,timestamptz)"
_LINE = "anchor.id = register_difference.line_id"

PART = Part(
    grants={
        "console": Rights(
            select=f"identity_document resident_leaving leaving_rule {_DONE} {_TABLES}",
            insert=f"identity_document resident_leaving leaving_effect {_TABLES}",
            update="identity_document register_source register_difference register_batch",
            columns=(
                ("UPDATE", "resident_leaving", "back_at, back_by, back_reason"),
                (
                    "UPDATE", "register_line", "verdict, resident_id, candidates, reason_zh, reason_en, settled_at,"
                    " settled_by, settled_as, settled_for, version",
                ),
            ),
            functions="leaving_preview(integer,date,text,timestamptz,jsonb) leaving_undo(bigint,timestamptz)"
            f" {_CARRY_OUT}",
        ),
        # the rounds carry out what has a term
        "orders": Rights(select=f"resident_leaving leaving_rule {_DONE}", functions=_CARRY_OUT),
        # the exchange fetches registers at their times
        "reports": Rights(
            select="identity_document register_source register_import register_line register_difference",
            insert="register_import register_line register_difference",
            columns=(
                ("UPDATE", "register_source", "etag, since, asked_at, answer, good_at, failures, next_at"),
            ),
        ),
    },
    rows={
        "identity_document": {"ALL": f"{_MANAGES} AND {person('identity_document.resident_id')}"},
        "resident_leaving": {"ALL": person("resident_leaving.resident_id")},
        "leaving_done": {"ALL": by("leaving_done", "resident_leaving", _LEAVING)},
        "leaving_effect": {"ALL": by("leaving_effect", "resident_leaving", _LEAVING)},
        "register_source": {"ALL": _IMPORT},
        "register_source_change": {"ALL": seen("register_source", "anchor.id = register_source_change.source_id")},
        "register_import": {"ALL": _IMPORT},
        "register_batch": {"ALL": seen("register_import", "anchor.id = register_batch.import_id")},
        "register_line": {"ALL": seen("register_import", "anchor.id = register_line.import_id")},
        "register_difference": {"ALL": seen("register_line", _LINE)},
        "register_decision": {
            "ALL": seen("register_difference", "anchor.id = register_decision.difference_id"),
        },
    },
    nobodys="leaving_rule",
    decisions={
        "whoever keeps registers, by the person": "identity_document",
        "by the person who left": "resident_leaving",
        "by the leaving it belongs to": _DONE,
        "read only, without a policy: counts, states of programs and devices, numbers of rows, and nobody's name,"
        " address or words": "leaving_rule",
        "whoever keeps registers, by the area that the register is for": _TABLES,
    },
    roles_that={"manage_registers": ("admin", "manager")},
)  # fmt: skip
