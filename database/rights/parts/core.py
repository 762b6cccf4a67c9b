"""Rights on the tables of rules that are data, and traits of residents."""

from database.rights.conditions import may, person, written
from database.rights.form import Part, Rights

PART = Part(
    grants={
        "console": Rights(
            select="rule_book resident_trait",
            insert="rule_book resident_trait",
            columns=(("UPDATE", "resident_trait", "valid_until"),),
        ),
    },
    rows={
        "rule_book": {**written(may("set_care_rules")), "UPDATE": "false", "DELETE": "false"},
        "resident_trait": {"ALL": person("resident_trait.resident_id")},
    },
    decisions={
        "by the person it is about": "resident_trait",
        "read without a session: names of places, organisations and shifts, drawn outlines, rules of the ladder,"
        " nobody's data; written in one's own area, or by the role that may": "rule_book",
    },
    roles_that={"set_care_rules": ("admin", "manager")},
)
