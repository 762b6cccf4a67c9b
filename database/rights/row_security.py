"""Rows by viewer: which rows the console's role sees, by the session that asks (PostgreSQL's row-level security).

The console tells the session's token at the begin of each use of a connection (``shouwang.viewer``). Functions of the
database's owner find the account behind it; without a session that is open now, the console's role sees no person.
The exchange's role sees the rows of the token that asks (:mod:`database.rights.machine_rows`). Other services see every
row of the tables that they have rights on; the owner (migrations, commands of administrators) is not bound.

Conditions on the viewer stand in sub-selects of their own, so that PostgreSQL asks them once a statement and not once
a row. Readings have no policy: TimescaleDB cannot compress a table that has one. They carry the number of a series
alone, and whose series it is, is told by the viewer. Nor have the roll-ups of the decision page, which maintenance
writes by COPY: numbers of homes and people, and no name.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from psycopg import Connection, sql

from database.rights.conditions import (
    ACCOUNTS,
    ALL,
    AREA,
    LIVE,
    ME,
    PROVIDER,
    SERVING,
    STAFF,
    by,
    home,
    may,
    named_gateway,
    person,
    seen,
    worker,
    written,
)
from database.rights.grants import BY_VIEWER, GRANTS, role_of
from database.rights.machine_rows import MACHINE, MACHINE_CLOSED, MACHINE_FUNCTIONS, MACHINE_OPEN, MACHINE_ROWS
from database.rights.proofs import TRIGGERS
from database.rights.wing import PARTS

SETTING = "shouwang.viewer"
"""The session's token, as the console tells it."""

ROLES_THAT: Mapping[str, tuple[str, ...]] = {
    "view_resident": ("admin", "dispatcher", "lead", "manager", "station", "carer", "family"),
    "view_medical_note": ("dispatcher", "lead", "station", "carer"),
    "view_audit": ("admin", "auditor"),
    "manage_accounts": ("admin",),
    "manage_machines": ("admin",),
    "set_policies": ("admin", "dispatcher", "lead"),
    "set_district_limits": ("admin",),
    **{action: roles for part in PARTS for action, roles in part.roles_that.items()},
}
"""Roles by what the policies ask of them. ``tests/unit/database`` holds it against the table of permissions."""

_MACHINES = f"{may('manage_machines')} AND {{column}} <@ {AREA}"
_MESSAGE = f"({ALL} OR {LIVE} AND NOT message_beyond(message.id))"
_LIMITS = (
    " EXISTS (SELECT FROM resident anchor WHERE anchor.id = parameter_change.resident_id)"
    " OR EXISTS (SELECT FROM household anchor WHERE anchor.id = parameter_change.household_id)"
)
_CONTACT = "anchor.code = split_part(recipient_key, '/', 1)"
_ALERT = "anchor.id = {table}.alert_id"
_ORDER = "anchor.id = {table}.order_id"

ROWS: Mapping[str, Mapping[str, str]] = {
    # people and their homes
    "household": {
        "ALL": f"({ALL} OR area_id IN (SELECT viewer_areas()) OR id IN (SELECT viewer_own_homes()))"
    },
    "resident": {
        "ALL": f"({ALL} OR {STAFF} AND EXISTS (SELECT FROM household anchor WHERE anchor.id = resident.household_id)"
        " OR id IN (SELECT viewer_own()))"
    },
    "contact": {"ALL": f"{may('view_resident')} AND {person('contact.resident_id')}"},
    "family_member": {"ALL": f"({person('family_member.resident_id')} OR account_id = (SELECT viewer_account()))"},
    "medical_note": {
        "SELECT": f"{may('view_medical_note')} AND {person('medical_note.resident_id')}"
        " AND has_open_alert(medical_note.resident_id)"
    },
    "gateway": {"ALL": home("gateway.household_id")},
    "device": {"ALL": by("device", "gateway", "anchor.id = {table}.gateway_id")},
    "series": {"ALL": f"{may('view_resident')} AND {by('series', 'device', 'anchor.id = {table}.device_id')}"},
    "event": {"ALL": by("event", "gateway", "anchor.id = {table}.gateway_id")},
    "panel": {"ALL": by("panel", "gateway", "anchor.id = {table}.gateway_id")},
    "pause": {"ALL": home("pause.household_id")},
    "parameter_change": {
        "SELECT": f"({ALL} OR resident_id IS NULL AND household_id IS NULL AND {LIVE} OR {_LIMITS})",
        "INSERT": f"({may('set_district_limits')} OR {_LIMITS})",
    },
    "protection_now": {"ALL": person("protection_now.resident_id")},
    "protection_change": {"ALL": person("protection_change.resident_id")},
    # alerts, and what hangs on them
    "alert": {
        "ALL": f"({ALL} OR {STAFF} AND EXISTS (SELECT FROM household anchor WHERE anchor.id = alert.household_id)"
        " OR resident_id IN (SELECT viewer_own())"
        " OR resident_id IS NULL AND household_id IN (SELECT viewer_own_homes()))"
    },
    "alert_event": {"ALL": by("alert_event", "alert", _ALERT)},
    "alert_finding": {"ALL": by("alert_finding", "alert", _ALERT)},
    "call_attempt": {"ALL": by("call_attempt", "alert", _ALERT)},
    "notification": {
        "ALL": f"({ALL} OR {STAFF} AND notification.alert_id IS NULL AND (notification.message_id IS NULL"
        f" OR {seen('message', 'anchor.id = notification.message_id')})"
        f" OR {seen('alert', 'anchor.id = notification.alert_id')})"
    },
    # the row that is just being made is about nobody yet
    "message": {"SELECT": _MESSAGE, "INSERT": LIVE, "UPDATE": _MESSAGE},
    "delivery_attempt": {"ALL": by("delivery_attempt", "message", "anchor.id = {table}.message_id")},
    "outbox_entry": {"ALL": by("outbox_entry", "message", "anchor.id = {table}.message_id")},
    "visit_result": {"ALL": by("visit_result", "alert", _ALERT)},
    "field_press": {
        "ALL": f"({ALL} OR {seen('alert', 'anchor.id = field_press.alert_id')}"
        f" OR {seen('work_order', 'anchor.id = field_press.order_id')})"
    },
    "handover": {"ALL": f"({ALL} OR {STAFF} AND area <@ {AREA})"},
    "handover_alert": {"ALL": by("handover_alert", "handover", "anchor.id = {table}.handover_id")},
    # asked for around an area, and told in it
    "desk_support": {"ALL": f"({STAFF} AND (area <@ {AREA} OR area @> {AREA}))"},
    # people sent to homes
    "work_order": {"ALL": home("work_order.household_id")},
    "work_order_event": {"ALL": by("work_order_event", "work_order", _ORDER)},
    "work_order_photo": {"ALL": by("work_order_photo", "work_order", _ORDER)},
    "work_order_rating": {"ALL": by("work_order_rating", "work_order", _ORDER)},
    # staff: of the area and of what serves it, and whoever works or worked there
    "staff": {
        "ALL": f"({ALL} OR organisation_id {SERVING} OR account_id = {ME} OR organisation_id = {PROVIDER}"
        " OR id = ANY ((SELECT viewer_workers())::integer[]))"
    },
    "staff_certificate": {"ALL": worker("staff_certificate.staff_id")},
    "staff_location": {"ALL": worker("staff_location.staff_id")},
    "roster": {"ALL": worker("roster.staff_id")},
    "roster_exception": {"ALL": worker("roster_exception.staff_id")},
    "duty_test": {"ALL": f"({ALL} OR organisation_id {SERVING})"},
    "roster_change": {"ALL": f"({ALL} OR organisation_id {SERVING})"},
    "notification_preference": {
        "ALL": f"({ALL} OR CASE recipient_kind WHEN 'staff' THEN {seen('staff', 'anchor.code = recipient_key')}"
        f" WHEN 'contact' THEN {seen('resident', _CONTACT)} ELSE {STAFF} END)"
    },
    # accounts and what they did
    "account": {
        "SELECT": f"({ALL} OR id = {ME} OR {STAFF} AND role <> 'family' OR id {ACCOUNTS}"
        " OR EXISTS (SELECT FROM family_member anchor WHERE anchor.account_id = account.id))"
    },
    "session": {"ALL": f"(account_id = (SELECT viewer_account()) OR {may('manage_accounts')}"
                f" AND account_id {ACCOUNTS})"},
    "audit": {
        "INSERT": "true",  # in the name of whoever's session is open, or nobody's: migration 0200
        "SELECT": f"{may('view_audit')} AND ({ALL} OR account_id {ACCOUNTS}"
        " OR EXISTS (SELECT FROM resident anchor WHERE anchor.id = audit.resident_id))",
    },
    # what records were before
    "record_change": {"SELECT": f"({ALL} OR path <@ (SELECT viewer_area()))"},
    "quarantine": {"ALL": named_gateway("quarantine.gateway")},
    "pairing": {"ALL": named_gateway("pairing.gateway")},
    "enrolment_code": {"ALL": f"{STAFF} AND {named_gateway('enrolment_code.gateway')}"},
    "upkeep_request": {
        "ALL": f"({ALL} OR {STAFF} AND (kind = 'retention'"
        f" OR {seen('account', f'anchor.id = {ME} AND anchor.login = upkeep_request.login')}"
        f" OR {seen('gateway', 'anchor.name = upkeep_request.subject')}))"
    },
    # one's own
    **{
        table: {"ALL": f"account_id = {ME}"}
        for table in ("account_news", "checked_file", "threshold_preview", "push_subscription", "channel_test")
    },
    # other systems
    "exchange_consent": {"ALL": person("exchange_consent.resident_id")},
    "machine_token": {"ALL": _MACHINES.format(column="area_path")},
    "webhook": {"ALL": _MACHINES.format(column="area_path")},
    "webhook_delivery": {
        "ALL": "EXISTS (SELECT FROM webhook anchor WHERE anchor.id = webhook_delivery.webhook_id)"
    },
    "webhook_attempt": {
        "ALL": "EXISTS (SELECT FROM webhook_delivery anchor WHERE anchor.id = webhook_attempt.delivery_id)"
    },
    # places and rules: anybody reads them, and they are written in one's own area
    "area": written(f"path <@ {AREA}", of_staff=True),
    "organisation": written("area_id IN (SELECT viewer_areas())"),
    "shift": written("EXISTS (SELECT FROM organisation anchor WHERE anchor.id = organisation_id"
                      " AND anchor.area_id IN (SELECT viewer_areas()))"),
    "area_outline": written(STAFF),
    "ground_map": written(STAFF),
    "duty_warning": written(STAFF),
    "escalation_policy": written(may("set_policies")),
    "policy_draft": written(may("set_policies")),
    "audit_check": written(may("view_audit")),
    **{table: conditions for part in PARTS for table, conditions in part.rows.items()},
}  # fmt: skip
"""By table and command: the condition on which the console's role sees, makes or changes a row."""

_NOBODYS = (
    "alembic_version alerting_worker audit_checkpoint backup_report certificate_expiry channel_ceiling"
    " device_firmware device_now dispatch_worker doctor_check figure_alert figure_blind figure_count figure_device"
    " figure_mark figure_model"
    " figure_month figure_people figure_person figure_place figure_rule figure_running figure_time"
    " figure_version figure_worker ingest_stream"
    " order_in_hand pack_due path_console path_proof program_offer program_rollout protection_gap protection_look"
    " protection_total reading reading_hour reading_minute reading_open reading_pack reading_row record_history"
    " revoked_identity rollup_due rollup_hour rollup_minute sealed_entry sla_breach storage storage_sample stream_gap"
    " stream_missing"
)
NOBODYS = frozenset(_NOBODYS.split()).union(*(part.nobodys.split() for part in PARTS))
"""Tables of the console without a policy, which it only reads: counts, states of devices and programs, numbers of
people, and nobody's name, address or words. A further table is here or in ROWS."""

WRITTEN_BY_ALL = frozenset(
    {"audit", "audit_check", "session", "push_subscription", "account_news", "checked_file", "work_order_rating"}
).union(*(part.written_by_all.split() for part in PARTS))
"""Tables that also a family and an auditor write, each for themself: of all else they change nothing."""
TOLD_BY_FAMILIES = frozenset({"alert", "alert_event", "notification", "contact", "family_member"}).union(
    *(part.told_by_families.split() for part in PARTS)
)
"""A family tells the desk, which may raise an alert; and leaves its circle."""
WRITTEN_BY_PROVIDERS = frozenset().union(*(part.written_by_providers.split() for part in PARTS))
"""Tables of which people of a provider change the rows of their own organisation."""

OTHERS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("links", "medical_note"): {"SELECT": "has_open_alert(medical_note.resident_id)"},
    ("login", "audit"): {"INSERT": "true", "SELECT": "account_id IS NOT NULL AND action LIKE 'login%'"},
    ("login", "family_member"): {
        "SELECT": "true", "INSERT": may("manage_accounts"), "DELETE": may("manage_accounts"),
    },
    **{(MACHINE, table): conditions for table, conditions in MACHINE_ROWS.items()},
}  # fmt: skip
"""Conditions for other services than the console's, which else see every row: by service and table."""

BOUND = frozenset(ROWS) | {table for _, table in OTHERS}
"""Tables with policies."""

_DEFINER = """LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    SET plan_cache_mode = force_generic_plan"""
"""The console plans each query for its own values, and would plan what stands in these functions at each call, too:
some dozens of times in a statement, a third of a page's time. Their plans are the same whoever asks."""
_FUNCTIONS = """
CREATE OR REPLACE FUNCTION viewer(OUT id integer, OUT role text, OUT area ltree) {definer} AS $$
DECLARE token text := current_setting('{setting}', true);
BEGIN
    IF coalesce(token, '') <> '' THEN
        SELECT a.id, a.role, a.area_path INTO viewer.id, viewer.role, viewer.area
        FROM session s JOIN account a ON a.id = s.account_id
        WHERE s.token_hash = sha256(convert_to(token, 'UTF8')) AND s.revoked_at IS NULL AND s.expires_at > now()
          AND a.active;
    END IF;
END $$;
CREATE OR REPLACE FUNCTION viewer_account() RETURNS integer {definer} AS $$ BEGIN RETURN (viewer()).id; END $$;
CREATE OR REPLACE FUNCTION viewer_area() RETURNS ltree {definer} AS $$ BEGIN RETURN (viewer()).area; END $$;
CREATE OR REPLACE FUNCTION viewer_may(asked text) RETURNS boolean {definer} AS $$
BEGIN
    RETURN coalesce((asked, (viewer()).role) IN ({may}), false);
END $$;
CREATE OR REPLACE FUNCTION viewer_sees_all() RETURNS boolean {definer} AS $$
DECLARE me record := viewer();
BEGIN
    RETURN me.id IS NOT NULL AND me.role <> 'family' AND me.area IS NOT NULL AND NOT EXISTS (
        SELECT FROM area a WHERE NOT a.path <@ me.area
          AND EXISTS (SELECT FROM household h WHERE h.area_id = a.id AND NOT h.synthetic));
END $$;
CREATE OR REPLACE FUNCTION viewer_is_staff() RETURNS boolean {definer} AS $$
DECLARE me record := viewer();
BEGIN
    RETURN me.area IS NOT NULL AND me.role <> 'family';
END $$;
CREATE OR REPLACE FUNCTION viewer_writes() RETURNS boolean {definer} AS $$
BEGIN
    RETURN coalesce((viewer()).role NOT IN ('family', 'auditor', 'machine', 'provider'), false);
END $$;
CREATE OR REPLACE FUNCTION viewer_tells() RETURNS boolean {definer} AS $$
BEGIN
    RETURN coalesce((viewer()).role NOT IN ('auditor', 'machine', 'provider'), false);
END $$;
CREATE OR REPLACE FUNCTION viewer_provider() RETURNS integer {definer} AS $$
DECLARE me record := viewer();
BEGIN
    IF me.role = 'provider' THEN
        RETURN (SELECT s.organisation_id FROM staff s WHERE s.account_id = me.id AND s.active ORDER BY s.id LIMIT 1);
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION viewer_areas() RETURNS SETOF integer {definer} AS $$
DECLARE me record := viewer();
BEGIN
    IF me.area IS NOT NULL AND me.role <> 'family' THEN
        RETURN QUERY SELECT a.id FROM area a WHERE a.path <@ me.area;
    END IF;
END $$;
CREATE OR REPLACE FUNCTION viewer_own() RETURNS SETOF integer {definer} AS $$
DECLARE me record := viewer();
BEGIN
    IF me.role = 'family' THEN
        RETURN QUERY SELECT f.resident_id FROM family_member f WHERE f.account_id = me.id AND f.consent_at <= now();
    END IF;
END $$;
CREATE OR REPLACE FUNCTION viewer_own_homes() RETURNS SETOF integer {definer} AS $$
DECLARE me record := viewer();
BEGIN
    IF me.role = 'family' THEN
        RETURN QUERY SELECT r.household_id FROM family_member f JOIN resident r ON r.id = f.resident_id
            WHERE f.account_id = me.id AND f.consent_at <= now();
    END IF;
END $$;
CREATE OR REPLACE FUNCTION viewer_accounts() RETURNS SETOF integer {definer} AS $$
DECLARE me record := viewer();
BEGIN
    IF me.area IS NOT NULL AND me.role <> 'family' THEN
        RETURN QUERY SELECT a.id FROM account a WHERE a.area_path <@ me.area OR a.role = 'family' AND NOT EXISTS (
            SELECT FROM family_member f JOIN resident r ON r.id = f.resident_id
            JOIN household h ON h.id = r.household_id JOIN area p ON p.id = h.area_id
            WHERE f.account_id = a.id AND NOT p.path <@ me.area)
            OR a.role = 'provider' AND NOT EXISTS (
            SELECT FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area p ON p.id = o.area_id
            WHERE s.account_id = a.id AND NOT p.path <@ me.area);
    END IF;
END $$;
CREATE OR REPLACE FUNCTION viewer_organisations() RETURNS integer[] {definer} AS $$
DECLARE me record := viewer();
BEGIN
    IF me.area IS NULL OR me.role = 'family' THEN
        RETURN '{{}}';
    END IF;
    RETURN ARRAY(SELECT o.id FROM organisation o JOIN area a ON a.id = o.area_id
                 WHERE a.path <@ me.area OR a.path @> me.area);
END $$;
CREATE OR REPLACE FUNCTION viewer_workers() RETURNS integer[] {definer} AS $$
DECLARE me record := viewer(); serving integer[];
BEGIN
    IF me.role = 'family' THEN
        RETURN ARRAY(SELECT o.staff_id FROM work_order o
                     WHERE o.household_id IN (SELECT viewer_own_homes()) AND o.staff_id IS NOT NULL
                     UNION SELECT v.staff_id FROM service_order v
                     WHERE v.resident_id IN (SELECT viewer_own()) AND v.planned_start > now() - interval '90 days'
                       AND v.staff_id IS NOT NULL);
    ELSIF me.area IS NULL THEN
        RETURN '{{}}';
    END IF;
    serving := viewer_organisations();
    RETURN ARRAY(
        SELECT s.id FROM staff s JOIN account a ON a.id = s.account_id
        WHERE a.area_path <@ me.area OR a.area_path @> me.area
        UNION SELECT r.staff_id FROM roster r JOIN shift t ON t.id = r.shift_id
        WHERE t.organisation_id = ANY (serving)
        UNION SELECT e.staff_id FROM roster_exception e WHERE e.organisation_id = ANY (serving)
        UNION SELECT o.staff_id FROM work_order o JOIN household h ON h.id = o.household_id
        JOIN area p ON p.id = h.area_id
        WHERE p.path <@ me.area AND o.due_at > now() - interval '90 days' AND o.staff_id IS NOT NULL);
END $$;
CREATE OR REPLACE FUNCTION message_beyond(asked bigint) RETURNS boolean {definer} AS $$
DECLARE me record := viewer();
BEGIN
    IF me.area IS NULL THEN
        RETURN EXISTS (
            SELECT FROM notification n JOIN alert a ON a.id = n.alert_id
            WHERE n.message_id = asked AND (a.resident_id IS NULL OR a.resident_id NOT IN (SELECT viewer_own())));
    END IF;
    RETURN EXISTS (
        SELECT FROM notification n
        LEFT JOIN alert a ON a.id = n.alert_id
        LEFT JOIN household h ON h.id = a.household_id LEFT JOIN area home ON home.id = h.area_id
        LEFT JOIN duty_warning w ON w.id = n.warning_id
        LEFT JOIN duty_test t ON t.id = n.duty_test_id
        LEFT JOIN organisation o ON o.id = t.organisation_id LEFT JOIN area post ON post.id = o.area_id
        WHERE n.message_id = asked AND (NOT home.path <@ me.area OR NOT post.path <@ me.area
            OR EXISTS (SELECT FROM unnest(w.areas) place WHERE NOT place::text::ltree <@ me.area)));
END $$;
CREATE OR REPLACE FUNCTION has_open_alert(asked integer) RETURNS boolean {definer} AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM resident r JOIN alert a ON a.household_id = r.household_id
        WHERE r.id = asked AND alert_is_open(a.state) AND a.severity <> 'technical'
          AND (a.resident_id = r.id OR a.resident_id IS NULL));
END $$
"""
_CLOSED = "viewer()"
"""Gives an account's row: for the other functions alone."""
_OPEN = (
    "viewer_account()", "viewer_area()", "viewer_may(text)", "viewer_sees_all()", "viewer_is_staff()", "viewer_areas()",
    "viewer_own()", "viewer_own_homes()", "viewer_accounts()", "has_open_alert(integer)",
    "message_beyond(bigint)", "viewer_organisations()", "viewer_workers()", "viewer_writes()",
    "viewer_tells()", "viewer_provider()",
)  # fmt: skip


def row_security_sql(tables: set[str]) -> list[str]:
    """The statements that bound the console's role to the rows of its viewer; for the database's owner.

    ``tables``: those that this database has. Safe to repeat.
    """
    return [statement.as_string() for statement in _statements(tables)]


def _statements(tables: set[str]) -> Iterator[sql.Composable]:
    may = ", ".join(f"('{action}', '{role}')" for action, roles in ROLES_THAT.items() for role in roles)
    yield sql.SQL(_FUNCTIONS.format(setting=SETTING, may=may, definer=_DEFINER))
    yield sql.SQL("REVOKE ALL ON FUNCTION {} FROM PUBLIC").format(sql.SQL(_CLOSED))
    viewer = sql.Identifier(role_of(BY_VIEWER))
    for function in _OPEN:
        yield sql.SQL("REVOKE ALL ON FUNCTION {} FROM PUBLIC").format(sql.SQL(function))
        others = sorted({service for service, _ in OTHERS if service != MACHINE})
        listed = sql.SQL(", ").join([viewer, *(sql.Identifier(role_of(service)) for service in others)])
        yield sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(function), listed)
    yield sql.SQL(TRIGGERS.format(login=role_of("login"), console=role_of(BY_VIEWER)))
    yield sql.SQL(MACHINE_FUNCTIONS)
    yield sql.SQL("REVOKE ALL ON FUNCTION {} FROM PUBLIC").format(sql.SQL(MACHINE_CLOSED))
    for function in MACHINE_OPEN:
        yield sql.SQL("REVOKE ALL ON FUNCTION {} FROM PUBLIC").format(sql.SQL(function))
        yield sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(function), sql.Identifier(role_of(MACHINE)))
    for table in sorted(BOUND & tables):
        yield from _policies(table, ROWS.get(table, {}), viewer)


_COMMANDS = ("ALL", "SELECT", "INSERT", "UPDATE", "DELETE")


def _policies(table: str, conditions: Mapping[str, str], viewer: sql.Identifier) -> Iterator[sql.Composed]:
    named = sql.Identifier(table)
    yield sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(named)
    yield from _of_role("viewer", named, viewer, conditions)
    yield from _writers(table, named, viewer)
    yield sql.SQL("DROP POLICY IF EXISTS services ON {}").format(named)
    free = [
        service
        for service, rights in GRANTS.items()
        if not (service == BY_VIEWER and table in ROWS) and table in rights.tables() and (service, table) not in OTHERS
    ]
    if free:
        listed = sql.SQL(", ").join(sql.Identifier(role_of(service)) for service in free)
        yield sql.SQL("CREATE POLICY services ON {} TO {} USING (true)").format(named, listed)
    for (service, where), bound in OTHERS.items():
        if where == table:
            yield from _of_role(service, named, sql.Identifier(role_of(service)), bound)


def _writers(table: str, named: sql.Identifier, viewer: sql.Identifier) -> Iterator[sql.Composed]:
    """Besides: a role that reads alone changes nothing of what it sees."""
    for command, kind in (("INSERT", "WITH CHECK"), ("UPDATE", "USING"), ("DELETE", "USING")):
        policy = sql.Identifier(f"writer_{command.lower()}")
        yield sql.SQL("DROP POLICY IF EXISTS {} ON {}").format(policy, named)
        if table in ROWS and table not in WRITTEN_BY_ALL:
            who = "viewer_tells()" if table in TOLD_BY_FAMILIES else "viewer_writes()"
            asked = sql.SQL(f"{who} OR viewer_provider() IS NOT NULL" if table in WRITTEN_BY_PROVIDERS else who)
            yield sql.SQL("CREATE POLICY {} ON {} AS RESTRICTIVE FOR {} TO {} {} ((SELECT {}))").format(
                policy, named, sql.SQL(command), viewer, sql.SQL(kind), asked
            )


def _of_role(
    prefix: str, table: sql.Identifier, role: sql.Identifier, conditions: Mapping[str, str]
) -> Iterator[sql.Composed]:
    for command in _COMMANDS:
        policy = sql.Identifier(f"{prefix}_{command.lower()}")
        yield sql.SQL("DROP POLICY IF EXISTS {} ON {}").format(policy, table)
        if command in conditions:
            kind = sql.SQL("WITH CHECK" if command == "INSERT" else "USING")
            yield sql.SQL("CREATE POLICY {} ON {} FOR {} TO {} {} ({})").format(
                policy, table, sql.SQL(command), role, kind, sql.SQL(conditions[command])
            )


def renew_row_security(conn: Connection[Any], tables: set[str]) -> bool:
    """Bring the policies up to date, in the caller's transaction; False where they are.

    A policy takes the whole table for a moment, so nothing is touched where nothing changed: the digest of the
    statements stands with the function of the viewer.
    """
    statements = row_security_sql(tables)
    digest = hashlib.sha256("\n".join(statements).encode()).hexdigest()
    row = conn.execute("SELECT obj_description(to_regprocedure('viewer()'), 'pg_proc') = %s", (digest,)).fetchone()
    if row is not None and row[0]:
        return False
    bound = "SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
    for (table,) in conn.execute(bound).fetchall():
        if table not in BOUND:  # of an earlier release
            conn.execute(sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY").format(sql.Identifier(table)))
    for statement in statements:
        conn.execute(statement.encode())
    conn.execute(sql.SQL("COMMENT ON FUNCTION viewer() IS {}").format(sql.Literal(digest)))
    return True
