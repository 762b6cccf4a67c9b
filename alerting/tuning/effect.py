"""Say what a change of a parameter would do before it is made: for whom, from which value to which, and why.

The place's own value wins for the people below it unless one nearer to them is set; so a change at the district reaches
those alone who have no other.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from psycopg import Connection

from alerting.tuning import sheet
from alerting.tuning.catalogue import Layers, Values, catalogue, check, holds_at, named
from alerting.tuning.conditions import Condition, conditions, in_force
from care_network.access.accounts import Account
from care_network.access.permissions import may_do
from care_network.errors import NotFoundError, ProvisioningError
from care_network.records import parameter_rows
from care_network.records.parameter_rows import Change, Place
from vocabulary.parameter import Parameter

Living = tuple[int, str | None, int]
"""A resident: id, ability grade, household's id."""


class Step(msgspec.Struct, frozen=True):
    """A scope that can set the parameter for these people, and what it sets; None: nothing."""

    scope: str
    value: float | None
    wins: bool


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter at a place, and a value that somebody thinks of."""

    target: sheet.Target
    name: str
    parameter: Parameter
    steps: list[Step]
    """From the default to the nearest."""
    now: float
    comes_from: str
    wanted: float | None
    asked: bool
    """Whether a value was asked for; ``wanted`` None then: take the value back."""
    then: float
    then_from: str
    changes: int
    """Residents for whom another value would hold."""
    below: int
    """Residents of the place, of those whom the account sees."""
    problem: ProvisioningError | None
    may_change: bool
    seen: int
    history: list[Change]
    """Of this parameter at this place, the newest first."""


class PresetOutlook(msgspec.Struct, frozen=True, kw_only=True):
    """A preset by condition before it is put in force, or withdrawn, for a resident."""

    target: sheet.Target
    name: str
    condition: Condition
    on: bool
    """Whether it is in force now."""
    lines: list[tuple[str, Parameter, float, str, float, str]]
    """(name, parameter, value now, its source, value then, its source)."""
    may_change: bool
    seen: int


def outlook(
    conn: Connection[Any],
    account: Account,
    scope: str,
    key: str,
    name: str,
    wanted: float | None,
    *,
    asked: bool,
    at: dt.datetime,
    origin: str,
) -> Outlook:
    """Look at a parameter of a place. Raises NotFoundError, NotPermittedError. Audited."""
    parameter = named(name)
    with conn.transaction():
        target = sheet.find_target(conn, account, scope, key)
        sheet.trace(conn, account, "view_parameters", target, at, origin, {"name": name})
        if name in conditions() or not holds_at(parameter, target.place.scope):
            raise NotFoundError(en=f"{name} is not set here", zh=f"{name} 不在此处设置", field="name")
        layers = sheet.load_layers(conn)
        history = parameter_rows.history(conn, target.place)
        people = living(conn, target.place, account)
    set_here = dict(layers.of(*target.around))
    now, comes_from = resolve(layers, *target.around, name)
    problem = None
    if asked and (wanted is not None or target.place.scope == "district"):
        try:
            checked = parameter.default if wanted is None else wanted
            check(name, checked, layers.values(*target.around))
        except ProvisioningError as error:
            problem = error
    changed = with_value(layers, target.place, name, wanted) if asked else layers
    then, then_from = resolve(changed, *target.around, name)
    steps = [Step("default", parameter.default, comes_from == "default")]
    steps += [Step(one, values.get(name), comes_from == one) for one, values in set_here.items()
              if holds_at(parameter, one) or one == "condition"]  # fmt: skip
    return Outlook(
        target=target, name=name, parameter=parameter, steps=steps, now=now, comes_from=comes_from, wanted=wanted,
        asked=asked, then=then, then_from=then_from, changes=len(changing(layers, changed, people, name)),
        below=len(people), problem=problem,
        may_change=may_do(account, sheet.ACTION_OF[scope]) and sheet.reaches(conn, account, target.place),
        seen=history[0].id if history else 0, history=[line for line in history if line.name == name],
    )  # fmt: skip


def preset_outlook(
    conn: Connection[Any], account: Account, resident: str, name: str, at: dt.datetime, origin: str
) -> PresetOutlook:
    """Look at all that a preset changes for a resident. Raises NotFoundError. Audited."""
    if name not in conditions():
        raise NotFoundError(en=f"there is no preset {name!r}", zh=f"没有病情预设 {name}", field="name")
    with conn.transaction():
        target = sheet.find_target(conn, account, "resident", resident)
        sheet.trace(conn, account, "view_parameters", target, at, origin, {"name": name})
        layers = sheet.load_layers(conn)
        history = parameter_rows.history(conn, target.place)
    own = layers.residents.get(target.place.resident_id, {})
    on = name in in_force(own)
    changed = with_value(layers, target.place, name, None if on else 1.0)
    lines = [
        (one, catalogue()[one], *resolve(layers, *target.around, one), *resolve(changed, *target.around, one))
        for one in conditions()[name].values
    ]
    return PresetOutlook(
        target=target, name=name, condition=conditions()[name], on=on, lines=lines,
        may_change=may_do(account, sheet.ACTION_OF["resident"]), seen=history[0].id if history else 0,
    )  # fmt: skip


def living(conn: Connection[Any], place: Place, account: Account) -> list[Living]:
    """The residents of a place, of those below the account's area."""
    rows = conn.execute(
        """
        SELECT r.id, r.ability_grade, r.household_id FROM resident r JOIN household h ON h.id = r.household_id
        JOIN area a ON a.id = h.area_id
        WHERE NOT h.synthetic AND a.path <@ %(area)s::ltree
          AND (%(scope)s = 'district' OR (%(scope)s = 'grade' AND r.ability_grade = %(grade)s)
               OR (%(scope)s = 'home' AND h.id = %(home)s) OR (%(scope)s = 'resident' AND r.id = %(resident)s))
        ORDER BY r.id
        """,
        {"area": account.area_path, "scope": place.scope, "grade": place.grade, "home": place.household_id,
         "resident": place.resident_id},
    )  # fmt: skip
    return [(number, grade, home) for number, grade, home in rows]


def resolve(
    layers: Layers, grade: str | None, household_id: int | None, resident_id: int | None, name: str
) -> tuple[float, str]:
    """The value that holds, and the scope that sets it. Pure."""
    value, comes_from = catalogue()[name].default, "default"
    for scope, values in layers.of(grade, household_id, resident_id):
        if name in values:
            value, comes_from = values[name], scope
    return value, comes_from


def with_value(layers: Layers, place: Place, name: str, value: float | None) -> Layers:
    """The layers with another value at a place; None: not set there. Pure."""

    def put(values: Values) -> Values:
        rest = {one: number for one, number in values.items() if one != name}
        return rest if value is None else {**rest, name: value}

    def among(places: Mapping[Any, Values], key: object) -> dict[Any, Values]:
        return {**places, key: put(places.get(key, {}))}

    match place.scope:
        case "district":
            return msgspec.structs.replace(layers, district=put(layers.district))
        case "grade":
            return msgspec.structs.replace(layers, grades=among(layers.grades, place.grade))
        case "home":
            return msgspec.structs.replace(layers, homes=among(layers.homes, place.household_id))
        case _:
            return msgspec.structs.replace(layers, residents=among(layers.residents, place.resident_id))


def changing(before: Layers, then: Layers, people: Iterable[Living], name: str) -> list[int]:
    """The residents for whom another value holds then. Pure."""
    return [
        number
        for number, grade, home in people
        if resolve(before, grade, home, number, name)[0] != resolve(then, grade, home, number, name)[0]
    ]
