"""Seek lines of the audit and steps of alerts together, the newest first, page by page, within an account's area.

Steps of people and of the system on an alert stand in the alert's own history (``alert_event``); both are sealed in one
chain. A page goes on behind a :class:`Place`, which is a key of both: the moment, the log, the number in it.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.auditing.kinds import OF_HISTORIES, Choice, choice_of, kind_of
from care_network.access.permissions import Action, require

Log = Literal["alert_event", "audit"]
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MOST = 2**63 - 1
_LONGEST_KEY = 60


class Place(msgspec.Struct, frozen=True):
    """A line's place in the order of both logs."""

    at: dt.datetime
    log: Log
    id: int

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // dt.timedelta(microseconds=1)}.{self.log}.{self.id}"

    def bound(self, log: Log) -> int:
        """Lines of ``log`` at the same moment come after this place where their number is below the bound."""
        if log == self.log:
            return self.id
        return _MOST if log > self.log else 0


def place_of(text: str) -> Place | None:
    """Read a place as ``str()`` wrote it; None for any other text. Pure."""
    parts = text.split(".")
    if len(text) > _LONGEST_KEY or len(parts) != 3 or parts[1] not in ("alert_event", "audit"):
        return None
    if not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in (parts[0], parts[2])):
        return None
    try:
        at = _EPOCH + dt.timedelta(microseconds=int(parts[0]))
    except OverflowError:
        return None
    return Place(at, "audit" if parts[1] == "audit" else "alert_event", int(parts[2]))


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line: somebody did or saw something."""

    id: int
    log: Log
    at: dt.datetime
    login: str | None
    """None: the system, or by a link without a login."""
    name_zh: str | None
    name_en: str | None
    action: str
    resident: str | None
    """The resident's code."""
    resident_zh: str | None
    resident_en: str | None
    detail: dict[str, Any]
    origin: str
    alert: str | None
    """Of a step: the alert's id."""
    rule_zh: str | None
    """Of a step: what the alert is called."""
    rule_en: str | None

    @property
    def place(self) -> Place:
        """Its place in the order."""
        return Place(self.at, self.log, self.id)


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """The lines that somebody looks for; what is None does not bind."""

    since: dt.datetime | None = None
    until: dt.datetime | None = None
    login: str | None = None
    """Done by this account, or to it."""
    actor: str | None = None
    """Done by a person of this name without a login: by a link."""
    resident: str | None = None
    action: str | None = None
    """See :func:`care_network.access.auditing.kinds.choice_of`."""
    origin: str | None = None
    alert: str | None = None
    """The id of an alert: its steps, and who looked at it."""
    after: Place | None = None
    """The last line of the page before."""


_LINES: LiteralString = """
    SELECT e.id, 'audit' AS log, e.at, a.login, a.name_zh, a.name_en, e.action, r.code AS resident,
           r.name_zh AS resident_zh, r.name_en AS resident_en, e.detail, e.origin, NULL::text AS alert,
           NULL::text AS rule_zh, NULL::text AS rule_en
    FROM audit e LEFT JOIN account a ON a.id = e.account_id LEFT JOIN resident r ON r.id = e.resident_id
    LEFT JOIN household h ON h.id = r.household_id LEFT JOIN area p ON p.id = h.area_id
"""
_SCOPE: LiteralString = """
    (CASE WHEN e.resident_id IS NOT NULL THEN coalesce(p.path <@ %(area)s::ltree, nlevel(%(area)s::ltree) <= 2)
          WHEN e.account_id IS NULL THEN nlevel(%(area)s::ltree) <= 2
          WHEN a.area_path IS NOT NULL THEN a.area_path <@ %(area)s::ltree
          ELSE NOT EXISTS (SELECT FROM family_member f JOIN resident fr ON fr.id = f.resident_id
                           JOIN household fh ON fh.id = fr.household_id JOIN area fp ON fp.id = fh.area_id
                           WHERE f.account_id = a.id AND NOT fp.path <@ %(area)s::ltree) END)
"""
"""Lines about residents of the area; about nobody: of accounts of the area. Those of the system, and of residents who
were removed, belong to the district."""
_STEPS: LiteralString = """
    SELECT e.id, 'alert_event' AS log, e.at, a.login,
           coalesce(a.name_zh, CASE WHEN e.actor <> 'system' THEN e.actor END) AS name_zh,
           coalesce(a.name_en, CASE WHEN e.actor <> 'system' THEN e.actor END) AS name_en,
           e.action, r.code AS resident, r.name_zh AS resident_zh, r.name_en AS resident_en,
           jsonb_strip_nulls(jsonb_build_object(
               'to_state', CASE WHEN e.to_state IS DISTINCT FROM e.from_state THEN e.to_state END,
               'outcome', e.outcome, 'note', nullif(e.note, ''), 'note_en', nullif(e.note_en, ''))) AS detail,
           e.origin, e.alert_id::text AS alert, l.evidence #>> '{rule,zh}' AS rule_zh,
           l.evidence #>> '{rule,en}' AS rule_en
    FROM alert_event e JOIN alert l ON l.id = e.alert_id JOIN household h ON h.id = l.household_id AND NOT h.synthetic
    JOIN area p ON p.id = h.area_id LEFT JOIN account a ON a.id = e.account_id
    LEFT JOIN resident r ON r.id = l.resident_id
"""
_ORDER: LiteralString = " ORDER BY e.at DESC, e.id DESC LIMIT %(most)s"
_TIME: LiteralString = """
    (%(since)s::timestamptz IS NULL OR e.at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR e.at < %(until)s)
    AND (%(origin)s::text IS NULL OR e.origin = %(origin)s)
"""
_AFTER_LINE: LiteralString = " AND (e.at, e.id) < (%(at)s, %(line)s::bigint)"
_AFTER_STEP: LiteralString = " AND (e.at, e.id) < (%(at)s, %(step)s::bigint)"
_LATELY = dt.timedelta(days=7)
_RECENT: LiteralString = " AND e.at >= %(lately)s"
_OF_THE_AREA: LiteralString = """FROM (
    SELECT own.* FROM resident wr JOIN household wh ON wh.id = wr.household_id
    JOIN area wp ON wp.id = wh.area_id AND wp.path <@ %(area)s::ltree,
    LATERAL (SELECT * FROM audit e WHERE e.resident_id = wr.id AND {bounds}) AS own
    UNION ALL
    SELECT own.* FROM account wa,
    LATERAL (SELECT * FROM audit e WHERE e.account_id = wa.id AND e.resident_id IS NULL AND {bounds}) AS own
    WHERE wa.area_path IS NULL OR wa.area_path <@ %(area)s::ltree) AS e"""
"""In place of the log: lines of each resident and each account of the area, by their own ways into the index."""
_ALERTS_OF_THE_AREA: LiteralString = """
    AND e.alert_id = ANY (ARRAY(
        SELECT wl.id FROM alert wl JOIN household wh ON wh.id = wl.household_id
        JOIN area wp ON wp.id = wh.area_id AND wp.path <@ %(area)s::ltree))
"""
_EACH: LiteralString = " FROM unnest(%(actions)s::text[]) AS one (action), LATERAL ("


def search(conn: Connection[Any], account: Account, sought: Sought, most: int) -> list[AuditEntry]:
    """The newest lines and steps that are sought, ``most`` at most, by what the account's area bounds.

    Raises NotPermittedError. The caller records the look.
    """
    require(account, Action.VIEW_AUDIT)
    resident = _number(conn, "SELECT id FROM resident WHERE code = %s", sought.resident)
    actor = _number(conn, "SELECT id FROM account WHERE login = %s", sought.login)
    if resident == 0:
        return []
    choice = choice_of(sought.action or "")
    after = sought.after
    values = {
        **{name: getattr(sought, name) for name in ("since", "until", "origin", "login", "alert")},
        "resident": resident, "actor": actor, "name": sought.actor, "area": account.area_path, "most": most,
        "at": after.at if after else None, "line": after.bound("audit") if after else None,
        "step": after.bound("alert_event") if after else None,
    }  # fmt: skip
    found: list[AuditEntry] = []
    if choice.step is None and choice.kind not in OF_HISTORIES and sought.actor is None:
        found += _lines(conn, values, choice)
    if choice.action is None and (choice.kind is None or choice.kind in OF_HISTORIES) and actor != 0:
        found += _steps(conn, values, choice)
    found.sort(key=lambda one: (one.at, one.log == "alert_event", one.id), reverse=True)
    return found[:most]


def _lines(conn: Connection[Any], values: dict[str, Any], choice: Choice) -> list[AuditEntry]:
    actions = [choice.action] if choice.action else None
    if choice.kind is not None:
        names = conn.execute("SELECT action FROM audit_actions() WHERE log = 'audit'").fetchall()
        actions = [name for (name,) in names if kind_of(name) == choice.kind]
    bounds: LiteralString = _TIME + " AND " + _SCOPE
    if values["at"] is not None:
        bounds += _AFTER_LINE
    if values["resident"] is not None:
        bounds += " AND e.resident_id = %(resident)s"
    if values["alert"] is not None:
        bounds += " AND e.id IN (SELECT audit_about_alert(%(alert)s))"
    if values["actor"] is None:
        found, whole = _lately(conn, _LINES, bounds, values, actions)
        return found if whole else _of_the_area(conn, values, actions)
    by = _asked(conn, _LINES, bounds + " AND e.account_id = %(actor)s", values, actions)
    to = " AND e.id IN (SELECT audit_about(%(login)s)) AND e.account_id IS DISTINCT FROM %(actor)s"
    return by + _asked(conn, _LINES, bounds + to, values, actions)


def _steps(conn: Connection[Any], values: dict[str, Any], choice: Choice) -> list[AuditEntry]:
    bounds: LiteralString = _TIME + " AND p.path <@ %(area)s::ltree"
    if values["at"] is not None:
        bounds += _AFTER_STEP
    if values["resident"] is not None:  # an alert of the home as a whole is about each who lives there
        bounds += (
            " AND e.alert_id IN (SELECT id FROM alert WHERE resident_id = %(resident)s UNION ALL"
            " SELECT id FROM alert WHERE resident_id IS NULL"
            " AND household_id = (SELECT household_id FROM resident WHERE id = %(resident)s))"
        )
    if values["alert"] is not None:
        bounds += " AND e.alert_id = %(alert)s::uuid"
    if values["actor"] is not None:
        bounds += " AND e.account_id = %(actor)s"
    if values["name"] is not None:
        bounds += " AND e.account_id IS NULL AND e.actor <> 'system' AND e.actor = %(name)s"
    elif choice.kind == "steps":
        bounds += " AND (e.account_id IS NOT NULL OR e.actor <> 'system')"
    elif choice.kind == "system":
        bounds += " AND e.account_id IS NULL AND e.actor = 'system'"
    actions = [choice.step] if choice.step else None
    found, whole = _lately(conn, _STEPS, bounds, values, actions)
    return found if whole else _asked(conn, _STEPS, bounds + _ALERTS_OF_THE_AREA, values, actions)


def _lately(
    conn: Connection[Any], lines: LiteralString, bounds: LiteralString, values: dict[str, Any],
    actions: Sequence[str] | None,
) -> tuple[list[AuditEntry], bool]:  # fmt: skip
    """The newest of one log, and whether they are all that was asked for.

    In a part of the district only a week is read through: of a place in which little happened, the whole log would be.
    """
    if values["area"].count(".") < 2 or any(values[name] is not None for name in ("resident", "actor", "alert")):
        return _asked(conn, lines, bounds, values, actions), True
    ends = [values["at"], values["until"], dt.datetime.now(dt.UTC)]
    lately = min(end for end in ends if end is not None) - _LATELY
    if values["since"] is not None and values["since"] >= lately:
        return _asked(conn, lines, bounds, values, actions), True
    found = _asked(conn, lines, bounds + _RECENT, {**values, "lately": lately}, actions)
    return found, len(found) >= values["most"]


def _of_the_area(conn: Connection[Any], values: dict[str, Any], actions: Sequence[str] | None) -> list[AuditEntry]:
    """The newest lines of an area in which there are few."""
    bounds: LiteralString = _TIME
    if values["at"] is not None:
        bounds += _AFTER_LINE
    if actions is not None:
        bounds += " AND e.action = ANY (%(actions)s)"
    lines = _LINES.replace("FROM audit e", _OF_THE_AREA.replace("{bounds}", bounds + _ORDER))
    with conn.cursor(row_factory=class_row(AuditEntry)) as cursor:
        return cursor.execute(lines + " WHERE " + _SCOPE + _ORDER, {**values, "actions": actions}).fetchall()


def _asked(
    conn: Connection[Any], lines: LiteralString, bounds: LiteralString, values: dict[str, Any],
    actions: Sequence[str] | None,
) -> list[AuditEntry]:  # fmt: skip
    """The newest of one log; of several actions each by its own way into the index, unless a person binds already."""
    query: LiteralString = lines + " WHERE " + bounds
    if actions is None:
        query += _ORDER
    elif any(values[name] is not None for name in ("resident", "actor", "alert")):
        query += " AND e.action = ANY (%(actions)s)" + _ORDER
    else:
        query = "SELECT e.*" + _EACH + query + " AND e.action = one.action" + _ORDER + ") AS e" + _ORDER
    with conn.cursor(row_factory=class_row(AuditEntry)) as cursor:
        return cursor.execute(query, {**values, "actions": actions}).fetchall()


def _number(conn: Connection[Any], query: LiteralString, key: str | None) -> int | None:
    """The id of what was named; 0 for what does not exist, None where nothing was named."""
    if not key:
        return None
    row = conn.execute(query, (key,)).fetchone()
    return int(row[0]) if row else 0


def about_account(conn: Connection[Any], account: Account, login: str, most: int) -> list[AuditEntry]:
    """The newest lines of what an account did and what was done to it, for whoever keeps it."""
    require(account, Action.MANAGE_ACCOUNTS)
    return search(conn, account, Sought(login=login), most)


def entries(
    conn: Connection[Any],
    account: Account,
    since: dt.datetime,
    until: dt.datetime,
    *,
    login: str | None = None,
    resident: str | None = None,
    action: str | None = None,
    most: int = 200,
) -> list[AuditEntry]:
    """The newest lines between two moments; see :func:`search`. Raises NotPermittedError."""
    sought = Sought(since=since, until=until, login=login, resident=resident, action=action)
    return search(conn, account, sought, most)


def actions_there(conn: Connection[Any]) -> list[tuple[Log, str]]:
    """The actions that the audit and the histories have at all, by log."""
    return [(log, action) for log, action in conn.execute("SELECT log, action FROM audit_actions()")]
