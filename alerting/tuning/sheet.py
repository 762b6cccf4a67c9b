"""Shows and sets parameters: checks permission, place and limits, and keeps every change with its reason.

A resident's and a home's are set by those who care for them (``set_limits``, ``set_home_limits``, within their area), a
grade's and the district's by an administrator of the whole district (``set_district_limits``).
"""

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any, get_args

import msgspec
from psycopg import Connection

from alerting.tuning.catalogue import Layers, Values, catalogue, check, holds_at, layers_of, named
from alerting.tuning.conditions import Condition, conditions, in_force
from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, audit_home, covers_every_home, may_do, require
from care_network.access.visible import visible_households, visible_residents
from care_network.catalogues.ability import GRADES
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_network.records import parameter_rows
from care_network.records.parameter_rows import Author, Change, Place, Scope
from vocabulary.parameter import Parameter

MOST_REASON = 500
UNDO = dt.timedelta(seconds=30)
LATE = dt.timedelta(seconds=15)
"""A press on "undo" that was made in time and came late still counts."""


class Target(msgspec.Struct, frozen=True):
    """A place to set parameters: ``key`` is the resident's or household's code, or the grade; '' for the district."""

    place: Place
    key: str
    label_zh: str
    label_en: str
    around: tuple[str | None, int | None, int | None]
    """(grade, household, resident) of the layers that hold here."""
    household: str = ""
    """The code of the home, where there is one."""


class Line(msgspec.Struct, frozen=True):
    """A parameter at a place: its value and the source of it (a scope, or 'default')."""

    name: str
    parameter: Parameter
    value: float
    comes_from: str
    here: float | None
    """The value set at this very place, if any."""


class Preset(msgspec.Struct, frozen=True):
    """A condition of a resident, by the parameter that puts it in force: what it sets, and whether it is in force."""

    name: str
    condition: Condition
    values: list[tuple[str, Parameter, float]]
    on: bool


class Sheet(msgspec.Struct, frozen=True):
    """All parameters of a place, and their history. ``presets``: of a resident alone."""

    target: Target
    lines: list[Line]
    history: list[Change]
    may_change: bool
    seen: int
    """The newest change; a form sends it back, so that a change in the meantime shows."""
    presets: list[Preset] = []


def load_sheet(
    conn: Connection[Any], account: Account, scope: str, key: str, at: dt.datetime, origin: str,
    as_of: dt.datetime | None = None,
) -> Sheet:  # fmt: skip
    """The parameters of a place, or as they were at a moment (by today's defaults), when nothing can be changed.

    Raises NotFoundError, NotPermittedError. Audited.
    """
    with conn.transaction():
        target = find_target(conn, account, scope, key)
        trace(
            conn, account, "view_parameters", target, at, origin, {} if as_of is None else {"as_of": as_of.isoformat()}
        )
        layers = load_layers(conn, as_of)
        history = parameter_rows.history(conn, target.place)
    values = dict(layers.of(*target.around)).get(target.place.scope, {})
    known = catalogue()
    lines = [
        _line(name, target, layers, values)
        for name in sorted(known)
        if name not in conditions() and holds_at(known[name], scope)
    ]
    presets = [
        Preset(name, one, [(n, known[n], v) for n, v in one.values.items()], name in in_force(values))
        for name, one in conditions().items()
        if scope == "resident"
    ]
    may_change = as_of is None and may_do(account, ACTION_OF[scope]) and reaches(conn, account, target.place)
    return Sheet(target, lines, history, may_change, history[0].id if history else 0, presets)


def change(
    conn: Connection[Any],
    account: Account,
    scope: str,
    key: str,
    name: str,
    value: float | None,
    reason: str,
    at: dt.datetime,
    origin: str,
    seen: int | None = None,
) -> bool:
    """Set a parameter of a place (None: remove the value); False where nothing changes. ``seen``: see :class:`Sheet`.

    Raises ProvisioningError: out of its limits, without a reason, somebody else was faster, not permitted, not there.
    """
    named(name)
    reason = reason.strip()
    if not 0 < len(reason) <= MOST_REASON:
        raise ProvisioningError(
            en=f"say why, in 1 to {MOST_REASON} characters: it stays in the history",
            zh=f"请填写原因（1 至 {MOST_REASON} 字），原因将保留在修改记录中",
            field="reason",
        )
    with conn.transaction():
        target = find_target(conn, account, scope, key)
        require(account, ACTION_OF[scope])
        if not reaches(conn, account, target.place):
            raise NotPermittedError(
                en=f"a {scope} reaches beyond {account.login}'s area; an account of the whole district may set it",
                zh=f"该设置影响全区，超出 {account.login} 的管辖区域，需由全区账号设置",
            )
        parameter_rows.lock(conn)
        newest = next(iter(parameter_rows.history(conn, target.place)), None)
        if seen is not None and newest is not None and newest.id != seen:
            raise ChangedMeanwhileError(
                en=f"{newest.actor} changed {newest.name} meanwhile; look at it again",
                zh=f"{newest.actor} 刚刚修改了 {newest.name}，请重新查看后再改",
            )
        if not holds_at(named(name), target.place.scope):
            alone = named(name).resident_only
            raise ProvisioningError(
                en=f"{name} is one resident's: set it for the resident"
                if alone
                else f"{name} holds for everybody: set it for the district",
                zh=f"{name} 仅可按老人本人设置" if alone else f"{name} 仅可按全区设置",
                field="name",
            )
        checked = catalogue()[name].default if value is None and target.place.scope == "district" else value
        if checked is not None and math.isfinite(checked):
            check(name, checked, load_layers(conn).values(*target.around))
        author = Author(account.id, account.name_zh, origin)
        done = parameter_rows.append_change(conn, target.place, name, value, author, reason, at)
        if done:
            trace(conn, account, "set_parameter", target, at, origin, {"name": name, "value": value})
    return done


def undoable(conn: Connection[Any], account: Account, place: Place, now: dt.datetime) -> Change | None:
    """The account's own change at a place that it may take back now: the newest there, within 30 s."""
    newest = next(iter(parameter_rows.history(conn, place)), None)
    if newest is None or parameter_rows.author_of(conn, newest.id) != account.id or now - newest.at > UNDO:
        return None
    return newest


def undo(
    conn: Connection[Any], account: Account, scope: str, key: str, number: int, at: dt.datetime, origin: str
) -> None:
    """Take one's own newest change at a place back, within 30 s; both stay in the history.

    Raises ProvisioningError: too late, somebody else's, changed since.
    """
    with conn.transaction():
        target = find_target(conn, account, scope, key)
        change_made = undoable(conn, account, target.place, at - LATE)
        if change_made is None or change_made.id != number:
            raise ProvisioningError(
                en="only your own newest change can be taken back, within 30 s; set the value again",
                zh="只能在 30 秒内撤销自己最近的修改，请重新设置",
                field="number",
            )
        reason = f"撤销：{change_made.reason}"[:MOST_REASON]
        change(conn, account, scope, key, change_made.name, change_made.old_value, reason, at, origin, number)


def find_target(conn: Connection[Any], account: Account, scope: str, key: str) -> Target:
    """Find a place. Raises NotFoundError where it is unknown or outside the account's area, without saying which."""
    if not may_do(account, Action.VIEW_LIMITS):
        raise NotPermittedError(
            en="parameters are set by staff, not by the family", zh="预警阈值由工作人员设置，家属不可查看"
        )
    if scope == "district" and not key:
        return Target(parameter_rows.DISTRICT, "", "全区", "the district", (None, None, None))
    if scope == "grade" and key in GRADES:
        zh, en = GRADES[key]
        return Target(Place("grade", grade=key), key, f"能力等级：{zh}", f"ability grade: {en}", (key, None, None))
    if scope == "home":
        row = conn.execute("SELECT id, address_zh, address_en FROM household WHERE code = %s", (key,)).fetchone()
        if row is not None and row[0] in visible_households(conn, account):
            place = Place("home", household_id=row[0])
            return Target(place, key, f"整户：{row[1]}", f"whole home: {row[2]}", (None, row[0], None), key)
    if scope == "resident":
        row = conn.execute(
            "SELECT r.id, r.name_zh, r.name_en, r.ability_grade, r.household_id, h.code"
            " FROM resident r JOIN household h ON h.id = r.household_id WHERE r.code = %s",
            (key,),
        ).fetchone()
        if row is not None and row[0] in visible_residents(conn, account):
            place = Place("resident", resident_id=row[0])
            return Target(place, key, row[1], row[2], (row[3], row[4], row[0]), row[5])
    if scope not in get_args(Scope):
        raise NotFoundError(en=f"no scope {scope!r}: resident, home, grade or district", zh=f"没有范围 {scope}")
    known = f"; grades: {', '.join(GRADES)}" if scope == "grade" else " in your area"
    raise NotFoundError(en=f"there is no {scope} {key!r}{known}", zh=f"您的管辖区域内没有 {key}", field="key")


ACTION_OF: Mapping[str, Action] = {
    "district": Action.SET_DISTRICT_LIMITS,
    "grade": Action.SET_DISTRICT_LIMITS,
    "home": Action.SET_HOME_LIMITS,
    "resident": Action.SET_LIMITS,
}
"""The permission to set something, by scope."""


def reaches(conn: Connection[Any], account: Account, place: Place) -> bool:
    """Whether the account's area covers all homes that a setting there changes; homes and residents were checked."""
    return place.scope in ("home", "resident") or covers_every_home(conn, account)


def load_layers(conn: Connection[Any], as_of: dt.datetime | None = None) -> Layers:
    """All values that are set now, or were at a moment, by place."""
    return layers_of(parameter_rows.current(conn, as_of))


def _line(name: str, target: Target, layers: Layers, here: Values) -> Line:
    value, comes_from = catalogue()[name].default, "default"
    for scope, values in layers.of(*target.around):
        if name in values:
            value, comes_from = values[name], scope
    return Line(name, catalogue()[name], value, comes_from, here.get(name))


def trace(
    conn: Connection[Any],
    account: Account,
    action: str,
    target: Target,
    at: dt.datetime,
    origin: str,
    detail: dict[str, Any],
) -> None:
    """Write a line of the audit about a place's parameters."""
    where = {"scope": target.place.scope, "key": target.key}
    told = {**where, **detail}
    if target.place.household_id is not None:
        audit_home(conn, account, action, target.place.household_id, at=at, origin=origin, detail=told)
        return
    audit(conn, account, action, at=at, resident_id=target.place.resident_id, origin=origin, detail=told)
