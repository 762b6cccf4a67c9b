"""Rights on the tables of rules that are data, traits of residents, and notices."""

from database.rights.conditions import ALL, AREA, LIVE, ME, STAFF, may, person, written
from database.rights.form import Part, Rights

_OVER = "care_notice_over(text,text[])"
PART = Part(
    grants={
        "console": Rights(
            select="rule_book resident_trait care_notice",
            insert="rule_book resident_trait care_notice",
            columns=(
                ("UPDATE", "resident_trait", "valid_until"),
                ("UPDATE", "care_notice", "state, send_at, tries, state_at"),
            ),
            functions=_OVER,
        ),
        # whoever acts behind a signed link may end a reason, and see what a digest holds
        "links": Rights(
            select="care_notice care_digest care_digest_opening",
            insert="care_notice care_digest_opening",
            functions=_OVER,
        ),
        "orders": Rights(
            select="care_notice care_digest time_volunteer",
            insert="care_notice care_digest",
            update="care_notice",
            # without its password and second factor
            columns=(("SELECT", "account", "id, login, name_zh, name_en, role, area_path, language, active"),),
            functions=_OVER,
        ),
        "notify": Rights(select="care_digest"),
    },
    rows={
        "rule_book": {**written(may("set_care_rules")), "UPDATE": "false", "DELETE": "false"},
        "resident_trait": {"ALL": person("resident_trait.resident_id")},
        # whoever works may have to tell somebody whom they do not see
        "care_notice": {
            "INSERT": LIVE,
            "SELECT": f"(account_id = {ME} OR {may('view_notices')} AND ({ALL} OR {STAFF} AND area <@ {AREA}))",
            "UPDATE": f"{may('view_notices')} AND ({ALL} OR {STAFF} AND area <@ {AREA})",
        },
    },
    told_by_families="care_notice",
    decisions={
        "by the person it is about": "resident_trait",
        "one's own, and of recipients in one's area by the role that may": "care_notice",
        "read without a session: names of places, organisations and shifts, drawn outlines, rules of the ladder,"
        " nobody's data; written in one's own area, or by the role that may": "rule_book",
    },
    roles_that={
        "set_care_rules": ("admin", "manager"),
        "view_notices": ("admin", "dispatcher", "lead", "manager", "station"),
    },
)
