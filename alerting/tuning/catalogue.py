"""Lists the parameters that people may set, with their limits, and resolves the value that holds for a person.

There are those of the detectors, the limits of vital signs, and the targets of the service level. A person's value wins
over the home's, that over the ability grade's, that over the district's, and that over the detector's default. Pure;
permissions are checked in :mod:`alerting.tuning.sheet`.
"""

import difflib
import math
from collections.abc import Iterable, Mapping
from functools import cache

import msgspec
import structlog

from alerting.detection.detectors import all_parameters
from alerting.detection.detectors.limits import DEFAULTS
from alerting.detection.kit.context import Person
from care_network.errors import NotFoundError, ProvisioningError
from care_network.records.parameter_rows import Setting
from dispatch.sla.targets import PREFIX as SLA
from dispatch.sla.targets import check_order
from dispatch.sla.targets import parameters as sla_parameters
from firmware_profiles.channels import CHANNELS
from vocabulary.parameter import Parameter

log = structlog.get_logger(__name__)
Values = Mapping[str, float]
_NOTHING: Values = {}
_LIMIT = "limit."
SCOPES: Mapping[str, tuple[str, str]] = {
    "default": ("默认", "default"),
    "district": ("全区", "district"),
    "grade": ("能力等级", "ability grade"),
    "home": ("住户", "home"),
    "resident": ("老人本人", "resident"),
}
"""Sources of a value, (Chinese, English), the weakest first."""


@cache
def catalogue() -> dict[str, Parameter]:
    """Every parameter by name: those that detectors declare, ``limit.<channel>.low`` and ``.high``, ``sla.…``.

    A default of -inf or inf: no limit on that side.
    """
    found = {**all_parameters(), **sla_parameters()}
    for code, limit in DEFAULTS.items():
        channel = CHANNELS[code]
        low = -math.inf if limit.low is None else limit.low
        high = math.inf if limit.high is None else limit.high
        for side, default, zh, en in (("low", low, "下限", "low limit"), ("high", high, "上限", "high limit")):
            found[f"limit.{code}.{side}"] = Parameter(
                default, *channel.range, channel.unit, f"{channel.zh}{zh}", f"{channel.en}, {en}"
            )
    return found


def named(name: str) -> Parameter:
    """The parameter of this name. Raises NotFoundError, with similar names."""
    parameter = catalogue().get(name)
    if parameter is None:
        near = ", ".join(difflib.get_close_matches(name, catalogue(), n=3, cutoff=0.4))
        hint_en = f"; did you mean {near}?" if near else f"; there are: {', '.join(sorted(catalogue()))}"
        hint_zh = f",是否想用 {near}?" if near else ""
        raise NotFoundError(en=f"no parameter {name!r}{hint_en}", zh=f"没有参数 {name}{hint_zh}", field="name")
    return parameter


def check(name: str, value: float, others: Values) -> None:
    """Check a value. Raises ProvisioningError, with the range in words, where it is outside its limits.

    ``others``: values of the same people's other parameters: a low limit must stay below the high one, and an alert is
    acknowledged before it is resolved.
    """
    parameter = named(name)
    if not parameter.low <= value <= parameter.high:  # also for NaN
        unit = f" {parameter.unit}" if parameter.unit else ""
        raise ProvisioningError(
            en=f"{name} ({parameter.en}) lies between {parameter.low:g} and {parameter.high:g}{unit}, not at {value:g}",
            zh=f"{name}({parameter.zh})应在 {parameter.low:g} 至 {parameter.high:g}{unit} 之间,不能为 {value:g}",
            field="value",
        )
    if name.startswith(SLA):
        check_order(name, value, others)
    if name.startswith(_LIMIT):
        _, channel, side = name.split(".")
        pair = {s: others.get(f"limit.{channel}.{s}", named(f"limit.{channel}.{s}").default) for s in ("low", "high")}
        pair[side] = value
        if not pair["low"] < pair["high"]:
            raise ProvisioningError(
                en=f"{channel}: the low limit {pair['low']:g} is not below the high limit {pair['high']:g}",
                zh=f"{CHANNELS[channel].zh}:下限 {pair['low']:g} 应低于上限 {pair['high']:g}",
                field="value",
            )


class Layers(msgspec.Struct, frozen=True):
    """Values by place; see :meth:`of`."""

    district: Values
    grades: Mapping[str | None, Values]
    homes: Mapping[int | None, Values]
    residents: Mapping[int | None, Values]

    def of(
        self, grade: str | None, household_id: int | None, resident_id: int | None
    ) -> tuple[tuple[str, Values], ...]:
        """(scope, values) that hold for a person, the weakest first; None: for no person in particular."""
        return (
            ("district", self.district),
            ("grade", self.grades.get(grade, _NOTHING)),
            ("home", self.homes.get(household_id, _NOTHING)),
            ("resident", self.residents.get(resident_id, _NOTHING)),
        )

    def values(self, grade: str | None, household_id: int | None, resident_id: int | None) -> Values:
        """The value of each parameter that is set for a person."""
        layers = [values for _, values in self.of(grade, household_id, resident_id) if values]
        if len(layers) < 2:
            return layers[0] if layers else _NOTHING
        return {name: value for values in layers for name, value in values.items()}


def layers_of(settings: Iterable[Setting]) -> Layers:
    """Sort settings by place. Stored ones that are unknown or not allowed now are left out, and logged."""
    district: dict[str, float] = {}
    grades: dict[str | None, dict[str, float]] = {}
    homes: dict[int | None, dict[str, float]] = {}
    residents: dict[int | None, dict[str, float]] = {}
    for setting in settings:
        parameter, place = catalogue().get(setting.name), setting.place
        misplaced = parameter is not None and parameter.district_only and place.scope != "district"
        if parameter is None or misplaced or not parameter.low <= setting.value <= parameter.high:
            log.warning("a stored parameter does not count", name=setting.name, value=setting.value, place=str(place))
            continue
        layer = {
            "district": district,
            "grade": grades.setdefault(place.grade, {}),
            "home": homes.setdefault(place.household_id, {}),
            "resident": residents.setdefault(place.resident_id, {}),
        }[place.scope]
        layer[setting.name] = setting.value
    return Layers(district, grades, homes, residents)


def tuned(person: Person, values: Values) -> Person:
    """The person with these values, which win over the person's own.

    Of limits that contradict each other (a home's low above the resident's high) the rule's own count instead.
    """
    if not values:
        return person
    limits = dict(person.limits)
    for code in dict.fromkeys(name.split(".")[1] for name in values if name.startswith(_LIMIT)):
        own, rule = person.limits.get(code), DEFAULTS[code]
        low = values.get(f"limit.{code}.low", own[0] if own else rule.low)
        high = values.get(f"limit.{code}.high", own[1] if own else rule.high)
        if low is None or high is None or low < high:
            limits[code] = (low, high)
        else:
            limits.pop(code, None)
            log.error("limits contradict each other; the rule's own count", person=person.code, channel=code)
    others = {name: value for name, value in values.items() if not name.startswith((_LIMIT, SLA))}
    return msgspec.structs.replace(person, limits=limits, tuning={**person.tuning, **others})
