"""Lists the parameters that people may set, with their limits, and resolves the value that holds for a person.

There are those of the detectors, the limits of vital signs, the presets by condition, and the targets of the service
level. A person's value wins over a preset's, that over the home's, that over the ability grade's, that over the
district's, and that over the detector's default. Pure; permissions are checked in :mod:`alerting.tuning.sheet`.
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
from alerting.tuning.conditions import PREFIX, condition_parameters, conditions, in_force, preset_values
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
    "condition": ("病情预设", "condition"),
    "resident": ("老人本人", "resident"),
}
"""Sources of a value, (Chinese, English), the weakest first."""


@cache
def catalogue() -> dict[str, Parameter]:
    """Every parameter by name: those that detectors declare, ``limit.<channel>.low`` and ``.high``, ``sla.…``.

    A default of -inf or inf: no limit on that side.
    """
    found = {**all_parameters(), **sla_parameters(), **condition_parameters()}
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
        hint_zh = f"，是否想用 {near}？" if near else ""
        raise NotFoundError(en=f"no parameter {name!r}{hint_en}", zh=f"没有阈值 {name}{hint_zh}", field="name")
    return parameter


def holds_at(parameter: Parameter, scope: str) -> bool:
    """Whether the parameter can be set at a place of this scope."""
    return not (parameter.district_only and scope != "district") and not (
        parameter.resident_only and scope != "resident"
    )


def check(name: str, value: float, others: Values) -> None:
    """Check a value. Raises ProvisioningError, with the range in words, where it is outside its limits.

    ``others``: values of the same people's other parameters: a low limit must stay below the high one, and an alert is
    acknowledged before it is resolved.
    """
    parameter = named(name)
    if not parameter.low <= value <= parameter.high:  # also for NaN
        unit = f" {parameter.unit}" if parameter.unit else ""
        raise ProvisioningError(
            en=f"{parameter.en} lies between {parameter.low:g} and {parameter.high:g}{unit}, not at {value:g}",
            zh=f"{parameter.zh}应在 {parameter.low:g} 至 {parameter.high:g}{unit} 之间，不能为 {value:g}",
            field="value",
        )
    if name.startswith(SLA):
        check_order(name, value, others)
    if name in conditions() and value not in (0, 1):
        raise ProvisioningError(
            en=f"{name} is 1 (in force) or 0, not {value:g}",
            zh=f"{name} 取 1（生效）或 0，不能为 {value:g}",
            field="value",
        )
    preset = conditions()[name].values if name in conditions() and value else {}
    for given, number in preset.items():
        check(given, number, {**others, **preset})
    if name.startswith(_LIMIT):
        _, channel, side = name.split(".")
        pair = {s: others.get(f"limit.{channel}.{s}", named(f"limit.{channel}.{s}").default) for s in ("low", "high")}
        pair[side] = value
        if not pair["low"] < pair["high"]:
            raise ProvisioningError(
                en=f"{channel}: the low limit {pair['low']:g} is not below the high limit {pair['high']:g}",
                zh=f"{CHANNELS[channel].zh}：下限 {pair['low']:g} 应低于上限 {pair['high']:g}",
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
        own = self.residents.get(resident_id, _NOTHING)
        return (
            ("district", self.district),
            ("grade", self.grades.get(grade, _NOTHING)),
            ("home", self.homes.get(household_id, _NOTHING)),
            ("condition", preset_values(own)),
            ("resident", own),
        )

    def values(
        self, grade: str | None, household_id: int | None, resident_id: int | None, together: Iterable[int] = ()
    ) -> Values:
        """The value of each parameter that is set for a person. ``together``: of a home as a whole its residents, whose
        conditions count for it, too."""
        presets = [preset_values(self.residents.get(one, _NOTHING)) for one in together]
        layers = [values for _, values in self.of(grade, household_id, resident_id) if values]
        layers += [values for values in presets if values]
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
        misplaced = parameter is not None and not holds_at(parameter, place.scope)
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
    scale = max((one.spo2_scale for one in in_force(values).values()), default=0)
    values = {**preset_values(values), **values}
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
    others = {name: value for name, value in values.items() if not name.startswith((_LIMIT, SLA, PREFIX))}
    return msgspec.structs.replace(
        person, limits=limits, tuning={**person.tuning, **others}, spo2_scale=scale or person.spo2_scale
    )
