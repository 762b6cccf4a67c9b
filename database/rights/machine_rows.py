"""Rows by machine: which rows the exchange's role sees, by the token that its request shows.

The exchange tells the token at the begin of each use of a connection (``shouwang.machine``), as the console tells the
session's. Without a token that is in force now its role sees no resident, home, device or alert, and no system's own
rows but those of the system that asks. Its threads have no token in the clear:

- an export that is being made is shown as ``export:<number>``: rows of the residents of its token, while the token is
  in force and until the export is made;
- what is told to webhooks is read by functions of the database's owner, for one webhook each, and its deliveries are
  shown to ``deliveries``.

A thief of the role's password can do these two as well: residents of an export while it is made, and alerts of
residents who agreed to a system with a webhook. Frames on their way to the broker and readings have no policy:
TimescaleDB cannot compress a table that has one. Readings carry the number of a series, and whose series it is, is told
by the token alone.
"""

from collections.abc import Mapping

MACHINE = "exchange"
"""The service whose role is bound."""
MACHINE_SETTING = "shouwang.machine"
"""The token, as the exchange tells it; or what its threads do."""
DELIVERIES = "deliveries"

_ACCOUNT = "(SELECT machine_account())"
_WHOSE = "(SELECT machine_agreed()), (SELECT machine_areas())"
"""The system to which consents were given, and where; sub-selects, so that they are asked once a statement. Called with
other numbers, the functions below tell whether somebody of a number agreed, and nobody's name."""

MACHINE_ROWS: Mapping[str, Mapping[str, str]] = {
    "machine_token": {"ALL": "id = (SELECT machine_token())"},
    "account": {"SELECT": f"id = {_ACCOUNT}"},
    "exchange_consent": {"SELECT": "account_id = (SELECT machine_agreed())"},
    # people who agreed, below the token's area and its account's
    "resident": {"SELECT": f"machine_knows(id, {_WHOSE})"},
    "household": {"SELECT": f"machine_knows_home(id, {_WHOSE})"},
    "gateway": {"SELECT": f"machine_knows_home(household_id, {_WHOSE})"},
    # a room's device tells of whoever is in it, who has not agreed among them
    "device": {"ALL": f"machine_knows_device(gateway_id, resident_id, {_WHOSE})"},
    "series": {"ALL": f"machine_knows_series(device_id, {_WHOSE})"},
    "protection_change": {"SELECT": f"machine_knows(resident_id, {_WHOSE})"},
    "alert": {"SELECT": f"machine_knows(resident_id, {_WHOSE})"},
    "alert_event": {"SELECT": f"machine_knows_alert(alert_id, {_WHOSE})"},
    # what a system brought, and what was made for it
    "exchange_observation": {"ALL": f"account_id = {_ACCOUNT}"},
    "quarantine": {"ALL": "topic = 'exchange/' || (SELECT machine_login())"},
    "pairing": {"ALL": "false"},
    "exchange_export": {"ALL": f"account_id = {_ACCOUNT}"},
    "exchange_export_file": {
        "ALL": "EXISTS (SELECT FROM exchange_export anchor WHERE anchor.id = exchange_export_file.export_id)"
    },
    "webhook": {"ALL": f"(account_id = {_ACCOUNT} OR (SELECT machine_delivers()))"},
    "webhook_delivery": {
        "ALL": "((SELECT machine_delivers())"
        " OR EXISTS (SELECT FROM webhook anchor WHERE anchor.id = webhook_delivery.webhook_id))"
    },
    "webhook_attempt": {
        "ALL": "((SELECT machine_delivers())"
        " OR EXISTS (SELECT FROM webhook_delivery anchor WHERE anchor.id = webhook_attempt.delivery_id))"
    },
    "audit": {"INSERT": "true"},
}  # fmt: skip
"""By table and command: the condition on which the exchange's role sees, makes or changes a row."""

UNBOUND = frozenset({
    "alembic_version", "area", "certificate_expiry", "exchange_frame", "exchange_stream", "late_arrival", "reading",
    "reading_pack", "reading_row", "sealed_entry", "storage",
})  # fmt: skip
"""Tables of the exchange without a policy: nobody's rows, and those that the text above names."""

_DEFINER = "LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$"
MACHINE_FUNCTIONS = f"""
CREATE OR REPLACE FUNCTION machine(
    OUT token integer, OUT account integer, OUT login text, OUT area ltree, OUT own ltree, OUT live boolean) {_DEFINER}
DECLARE shown text := coalesce(current_setting('{MACHINE_SETTING}', true), '');
BEGIN
    IF shown LIKE 'export:%' THEN
        machine.token := (SELECT e.token_id FROM exchange_export e
                          WHERE e.id = substr(shown, 8)::uuid AND e.state IN ('waiting', 'running'));
    ELSIF shown <> '' THEN
        machine.token := (SELECT t.id FROM machine_token t
                          WHERE (t.token_hash = sha256(convert_to(shown, 'UTF8'))
                                 OR t.nightscout_hash = sha256(convert_to(lower(shown), 'UTF8')))
                            AND t.revoked_at IS NULL AND t.expires_at > now());
    END IF;
    SELECT a.id, a.login, t.area_path, a.area_path,
           t.revoked_at IS NULL AND t.expires_at > now() AND a.active AND a.role = 'machine'
    INTO machine.account, machine.login, machine.area, machine.own, machine.live
    FROM machine_token t JOIN account a ON a.id = t.account_id WHERE t.id = machine.token;
END $$;
CREATE OR REPLACE FUNCTION machine_token() RETURNS integer {_DEFINER} BEGIN RETURN (machine()).token; END $$;
CREATE OR REPLACE FUNCTION machine_account() RETURNS integer {_DEFINER} BEGIN RETURN (machine()).account; END $$;
CREATE OR REPLACE FUNCTION machine_login() RETURNS text {_DEFINER} BEGIN RETURN (machine()).login; END $$;
CREATE OR REPLACE FUNCTION machine_agreed() RETURNS integer {_DEFINER}
DECLARE me record := machine();
BEGIN
    RETURN CASE WHEN me.live THEN me.account END;
END $$;
CREATE OR REPLACE FUNCTION machine_delivers() RETURNS boolean {_DEFINER}
BEGIN
    RETURN coalesce(current_setting('{MACHINE_SETTING}', true), '') = '{DELIVERIES}';
END $$;
CREATE OR REPLACE FUNCTION machine_areas() RETURNS integer[] {_DEFINER}
DECLARE me record := machine();
BEGIN
    RETURN CASE WHEN me.live THEN
        (SELECT array_agg(a.id) FROM area a WHERE a.path <@ me.area AND a.path <@ me.own) END;
END $$;
CREATE OR REPLACE FUNCTION machine_knows(who integer, agreed integer, areas integer[]) RETURNS boolean {_DEFINER}
BEGIN
    RETURN EXISTS (
        SELECT FROM exchange_consent c JOIN resident r ON r.id = c.resident_id JOIN household h ON h.id = r.household_id
        WHERE c.account_id = agreed AND c.resident_id = who AND c.withdrawn_at IS NULL AND c.given_at <= now()
          AND h.area_id = ANY (areas));
END $$;
CREATE OR REPLACE FUNCTION machine_knows_home(home integer, agreed integer, areas integer[]) RETURNS boolean {_DEFINER}
BEGIN
    RETURN EXISTS (
        SELECT FROM resident r JOIN household h ON h.id = r.household_id
        JOIN exchange_consent c ON c.account_id = agreed AND c.resident_id = r.id AND c.withdrawn_at IS NULL
                               AND c.given_at <= now()
        WHERE r.household_id = home AND h.area_id = ANY (areas));
END $$;
CREATE OR REPLACE FUNCTION machine_knows_device(gate integer, who integer, agreed integer, areas integer[])
    RETURNS boolean {_DEFINER}
BEGIN
    IF who IS NOT NULL THEN
        RETURN machine_knows(who, agreed, areas);
    END IF;
    RETURN EXISTS (
        SELECT FROM gateway g JOIN household h ON h.id = g.household_id JOIN resident r ON r.household_id = h.id
        JOIN exchange_consent c ON c.account_id = agreed AND c.resident_id = r.id AND c.withdrawn_at IS NULL
                               AND c.given_at <= now()
        WHERE g.id = gate AND h.area_id = ANY (areas)
          AND NOT EXISTS (SELECT FROM resident x WHERE x.household_id = h.id AND x.id <> r.id));
END $$;
CREATE OR REPLACE FUNCTION machine_knows_series(gear integer, agreed integer, areas integer[])
    RETURNS boolean {_DEFINER}
DECLARE found_ record;
BEGIN
    SELECT d.gateway_id, d.resident_id INTO found_ FROM device d WHERE d.id = gear;
    RETURN machine_knows_device(found_.gateway_id, found_.resident_id, agreed, areas);
END $$;
CREATE OR REPLACE FUNCTION machine_knows_alert(asked uuid, agreed integer, areas integer[]) RETURNS boolean {_DEFINER}
BEGIN
    RETURN machine_knows((SELECT a.resident_id FROM alert a WHERE a.id = asked), agreed, areas);
END $$
"""  # noqa: S608 - of constants
MACHINE_CLOSED = "machine()"
"""Gives a token's row: for the other functions alone."""
MACHINE_OPEN = (
    "machine_token()", "machine_account()", "machine_login()", "machine_agreed()", "machine_delivers()",
    "machine_areas()", "machine_knows(integer,integer,integer[])", "machine_knows_home(integer,integer,integer[])",
    "machine_knows_device(integer,integer,integer,integer[])", "machine_knows_series(integer,integer,integer[])",
    "machine_knows_alert(uuid,integer,integer[])",
)  # fmt: skip
