"""Declare the targets of the service level as parameters of the district, and find those in force at a time.

They are set like every other parameter (:mod:`alerting.tuning.sheet`); an alert is measured against those that were in
force when it was raised, so that a change judges nobody after the fact. Pure.
"""

import datetime as dt
import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import pairwise

import msgspec

from care_network.errors import ProvisioningError
from dispatch.sla.clock import MILESTONES, SHARE_WANTED, TARGETS_S, WORDS, Milestone
from vocabulary.parameter import DistrictParameter, Parameter
from vocabulary.severity import SEVERITIES, SEVERITY_WORDS

PREFIX, SHARE = "sla.", "sla.share"
_MINUTE, _HOUR = 60.0, 3600.0
# Values beyond these are typing errors: an emergency is not acknowledged in 2 s, nor next week.
_LIMITS_S: Mapping[str, tuple[tuple[float, float], ...]] = {  # by milestone, in the order of MILESTONES
    "emergency": ((15, 300), (30, 900), (300, _HOUR), (1800, 24 * _HOUR)),
    "urgent": ((30, 1800), (_MINUTE, 2 * _HOUR), (600, 4 * _HOUR), (_HOUR, 48 * _HOUR)),
    "attention": ((300, 24 * _HOUR), (900, 48 * _HOUR), (1800, 48 * _HOUR), (_HOUR, 7 * 24 * _HOUR)),
    "technical": ((900, 48 * _HOUR), (1800, 7 * 24 * _HOUR), (1800, 7 * 24 * _HOUR), (_HOUR, 30 * 24 * _HOUR)),
}


def parameters() -> dict[str, Parameter]:
    """Make ``sla.<severity>.<milestone>`` in seconds from raised (default inf: no target), and ``sla.share`` in %."""
    rows = {}
    for severity, (zh, en) in SEVERITY_WORDS.items():
        for milestone, (low, high) in zip(MILESTONES, _LIMITS_S[severity], strict=True):
            default = TARGETS_S[severity].get(milestone, math.inf)
            words_zh, words_en = WORDS[milestone]
            rows[f"{PREFIX}{severity}.{milestone}"] = DistrictParameter(
                default, low, high, "s", f"{zh}：{words_zh}时限", f"{en}: {words_en} within"
            )
    share = DistrictParameter(100 * SHARE_WANTED, 50, 100, "%", "应达标的比例", "share that should be in time")
    return {**rows, SHARE: share}


class Targets(msgspec.Struct, frozen=True):
    """All targets of a district. ``seconds``: severity → milestone → seconds from raised; no entry: no target.
    ``share``: of the alerts of a severity that should meet theirs."""

    seconds: Mapping[str, Mapping[Milestone, float]]
    share: float


def targets(values: Mapping[str, float]) -> Targets:
    """Apply the values that are set to the defaults. Values that this program does not allow (an older one set them)
    are left out."""
    declared = parameters()
    allowed = {name: value for name, value in values.items() if name in declared and _fits(declared[name], value)}
    seconds: dict[str, dict[Milestone, float]] = {}
    for severity in SEVERITIES:
        own = {m: f"{PREFIX}{severity}.{m}" for m in MILESTONES}
        limits = {milestone: allowed.get(name, declared[name].default) for milestone, name in own.items()}
        seconds[severity] = {milestone: value for milestone, value in limits.items() if math.isfinite(value)}
    return Targets(seconds, allowed.get(SHARE, declared[SHARE].default) / 100)


class InForce:
    """Targets over time. ``changes``: (time, parameter, new value or None), in any order."""

    def __init__(self, changes: Iterable[tuple[dt.datetime, str, float | None]]) -> None:
        values: dict[str, float] = {}
        self._since: list[dt.datetime] = []
        self._targets = [targets(values)]
        for at, name, value in sorted(changes, key=lambda change: change[0]):
            values = {**values, name: math.nan if value is None else value}
            self._since.append(at)
            self._targets.append(targets(values))

    def at(self, moment: dt.datetime) -> Targets:
        """The targets that were in force at a time."""
        return self._targets[bisect_right(self._since, moment)]


def check_order(name: str, value: float, others: Mapping[str, float]) -> None:
    """Check the order of milestones. Raises ProvisioningError where a later one would be due before an earlier one."""
    if name == SHARE:
        return
    severity, milestone = name.removeprefix(PREFIX).split(".")
    due = targets(others).seconds[severity]
    times = [
        (value if one == milestone else due[one], WORDS[one]) for one in MILESTONES if one == milestone or one in due
    ]
    for (earlier, (zh, en)), (later, (later_zh, later_en)) in pairwise(times):
        if earlier > later:
            raise ProvisioningError(
                en=f"{later_en} ({later:g} s) would be due before {en} ({earlier:g} s); change the other one first",
                zh=f"{later_zh}（{later:g} 秒）的时限不能早于{zh}（{earlier:g} 秒），请先修改另一项",
                field="value",
            )


def _fits(parameter: Parameter, value: float) -> bool:
    return parameter.low <= value <= parameter.high
