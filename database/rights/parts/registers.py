"""Rights on the tables of registers and identity numbers."""

from database.rights.conditions import AREA, may, person, seen
from database.rights.form import Part, Rights

_MANAGES = may("manage_registers")
_IMPORT = f"{_MANAGES} AND area_path <@ {AREA}"
_TABLES = "register_source register_import register_line register_difference register_decision"
_LINE = "anchor.id = register_difference.line_id"

PART = Part(
    grants={
        "console": Rights(
            select=f"identity_document resident_leaving {_TABLES}",
            insert=f"identity_document resident_leaving {_TABLES}",
            update="identity_document register_source register_difference",
            columns=(
                ("UPDATE", "resident_leaving", "back_at, back_by, back_reason"),
                (
                    "UPDATE", "register_line", "verdict, resident_id, candidates, reason_zh, reason_en, settled_at,"
                    " settled_by, settled_as, settled_for, version",
                ),
            ),
        ),
    },
    rows={
        "identity_document": {"ALL": f"{_MANAGES} AND {person('identity_document.resident_id')}"},
        "resident_leaving": {"ALL": person("resident_leaving.resident_id")},
        "register_source": {"ALL": _IMPORT},
        "register_import": {"ALL": _IMPORT},
        "register_line": {"ALL": seen("register_import", "anchor.id = register_line.import_id")},
        "register_difference": {"ALL": seen("register_line", _LINE)},
        "register_decision": {
            "ALL": seen("register_difference", "anchor.id = register_decision.difference_id"),
        },
    },
    decisions={
        "whoever keeps registers, by the person": "identity_document",
        "by the person who left": "resident_leaving",
        "whoever keeps registers, by the area that the register is for": _TABLES,
    },
    roles_that={"manage_registers": ("admin", "manager")},
)  # fmt: skip
