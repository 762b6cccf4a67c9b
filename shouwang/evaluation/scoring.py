"""Score the alerts of a simulated month against its true episodes.

The rule of matching, by kind of episode (:data:`shouwang.evaluation.expected.EXPECTED`). An episode is *found* when an
alert about its person names one of ``finds``, itself or in its story, at the severity that it needs, and told so
between the episode's begin (minus ``early_min``, of what comes slowly) and the time by which it must be told; and when
the alert then stays open, or is taken back, as it must. Its delay is that moment minus the begin, negative where it
came early.
An alert is *right* when it was told between the begin (minus ``early_min``) and the end (plus ``after_min``) of an
episode of its person and is one of ``finds`` or ``also`` (further consequences of the episode). Every other alert is
*false*: medical, or technical by its severity; so is an alert graver than ``at_most``, and one more than ``most``.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from alerting.replay.alerts import Alert
from device_simulators.month.truth import QUIET, TECHNICAL, Episode
from shouwang.evaluation.expected import EXPECTED, Expected
from vocabulary.severity import RANK, Severity
from vocabulary.times import MINUTE_US

ORDINARY = "ordinary days"
AFTERMATH_US = 120 * MINUTE_US
"""A false alert this long after a scene still counts as told in it."""
Why = Literal["", "nothing told", "too late", "too mild", "taken back", "not taken back"]


class Found(msgspec.Struct, frozen=True):
    """An episode and the moment of its alert (None: missed). ``alert``: the id of that alert. ``by``: the rules that
    told it in time, or at all. ``why`` it is missed."""

    episode: Episode
    told_us: int | None
    alert: str | None
    by: frozenset[str] = frozenset()
    why: Why = ""

    @property
    def delay_s(self) -> float | None:
        return None if self.told_us is None else (self.told_us - self.episode.begin_us) / 1e6


class FalseAlert(msgspec.Struct, frozen=True):
    """A false alert; ``scene``: the kind of episode during which it was told, or what the home is like."""

    resident: str
    alert: Alert
    scene: str

    @property
    def medical(self) -> bool:
        return self.alert.severity != "technical"


class Judged(msgspec.Struct):
    """The score of one resident's month; a district's is the sum."""

    residents: int = 0
    weeks: float = 0
    found: list[Found] = []
    """Of every episode that must be told."""
    quiet: list[Episode] = []
    """Those in which nothing may be told."""
    false: list[FalseAlert] = []
    right: list[str] = []
    """The rule of every alert that was right."""

    def add(self, other: "Judged") -> None:
        self.residents += other.residents
        self.weeks += other.weeks
        self.found += other.found
        self.quiet += other.quiet
        self.false += other.false
        self.right += other.right

    @property
    def alerts(self) -> int:
        return len(self.false) + len(self.right)

    @property
    def missed(self) -> list[Found]:
        return [found for found in self.found if found.told_us is None]


def judge(resident: str, alerts: Sequence[Alert], truth: Sequence[Episode], days: float, home: str = "") -> Judged:
    """Match the alerts of one resident's home to the true episodes there. ``home``: what the home is like."""
    judged = Judged(1, days / 7)
    for episode in truth:
        if episode.kind in QUIET:
            judged.quiet.append(episode)
        else:
            judged.found.append(_find(episode, alerts))
    spare = _superfluous(alerts, truth)
    for alert in alerts:
        if alert.id not in spare and any(_right(alert, episode) for episode in truth):
            judged.right.append(alert.rule)
        else:
            judged.false.append(FalseAlert(resident, alert, _scene(alert, truth, home)))
    return judged


def _about(alert: Alert, episode: Episode) -> bool:
    """Whether the alert can be about this person or device."""
    kind, _, code = alert.subject.partition(":")
    return kind != "resident" or code == episode.resident


def _names(alert: Alert, device: str) -> bool:
    """Whether a technical alert names the device, in its subject or its evidence."""

    def said(value: Any) -> bool:
        if isinstance(value, dict):
            return any(said(one) for one in value.values())
        if isinstance(value, list | tuple):
            return any(said(one) for one in value)
        return isinstance(value, str) and (value == device or value.endswith(f"/{device}"))

    return alert.severity == "technical" and (said(alert.subject.partition(":")[2]) or said(alert.evidence))


def _told(alert: Alert, episode: Episode, expected: Expected) -> Iterator[tuple[int, Severity, str]]:
    """(time, severity that the alert had reached, rule) of each word of the alert about this episode."""
    technical = episode.kind in TECHNICAL and episode.device
    severity = alert.first_severity
    if _names(alert, episode.device) if technical else alert.rule in expected.finds:
        yield alert.told_us, severity, alert.rule
    for step in alert.story:
        graver = step.action in ("open", "update", "note") and RANK[step.severity] < RANK[severity]
        severity = step.severity if graver else severity
        if not technical and step.rule in expected.finds and (step.news or graver):
            yield step.told_us, severity, step.rule


def _taken_back(alert: Alert, expected: Expected) -> bool:
    return alert.over == "cancel" or any(step.taken_back and step.rule in expected.finds for step in alert.story)


def _find(episode: Episode, alerts: Sequence[Alert]) -> Found:
    expected = EXPECTED[episode.kind]
    since_us = episode.begin_us - expected.early_min * MINUTE_US
    until_us = episode.end_us + expected.late_min * MINUTE_US
    if expected.within_min is not None:
        until_us = episode.begin_us + expected.within_min * MINUTE_US
    after_us = episode.end_us + expected.after_min * MINUTE_US
    told = sorted(
        (told_us, alert.id, severity, rule, _taken_back(alert, expected))
        for alert in alerts
        if _about(alert, episode)
        for told_us, severity, rule in _told(alert, episode, expected)
        if since_us <= told_us <= max(until_us, after_us)
    )
    needed = len(RANK) if expected.severity is None else RANK[expected.severity]
    grave = [one for one in told if RANK[one[2]] <= needed]
    in_time = [one for one in grave if one[0] <= until_us]
    by = frozenset(one[3] for one in in_time or grave or told)
    if not in_time:
        mild = any(one[0] <= until_us for one in told)
        return Found(episode, None, None, by, "too mild" if mild else "too late" if told else "nothing told")
    told_us, alert, _, _, taken_back = in_time[0]
    if expected.over == "open" and taken_back:
        return Found(episode, None, alert, by, "taken back")
    if expected.over == "cancel" and not taken_back:
        return Found(episode, None, alert, by, "not taken back")
    return Found(episode, told_us, alert, by)


def _within(alert: Alert, episode: Episode) -> bool:
    expected = EXPECTED[episode.kind]
    since_us = episode.begin_us - expected.early_min * MINUTE_US
    return _about(alert, episode) and since_us <= alert.told_us <= episode.end_us + expected.after_min * MINUTE_US


def _right(alert: Alert, episode: Episode) -> bool:
    expected = EXPECTED[episode.kind]
    if not _within(alert, episode):
        return False
    if episode.kind in TECHNICAL and episode.device and _names(alert, episode.device):
        return True
    if expected.at_most and alert.rule in expected.finds and RANK[alert.severity] < RANK[expected.at_most]:
        return False
    return alert.rule in expected.finds | expected.also


def _superfluous(alerts: Sequence[Alert], truth: Sequence[Episode]) -> set[str]:
    """Alerts beyond the number that their episode may cause."""
    spare: set[str] = set()
    for episode in truth:
        expected = EXPECTED[episode.kind]
        if expected.most is not None:
            own = [alert for alert in alerts if alert.rule in expected.finds and _within(alert, episode)]
            spare |= {alert.id for alert in sorted(own, key=lambda alert: alert.told_us)[expected.most :]}
    return spare


def _scene(alert: Alert, truth: Sequence[Episode], home: str) -> str:
    """The kind of episode during which a false alert was told: quiet ones first, then those about devices, the shortest
    first."""
    during = sorted(
        (e.kind not in QUIET, e.kind not in TECHNICAL, e.end_us - e.begin_us, e.kind)
        for e in truth
        if _within(alert, e) and alert.told_us <= e.end_us + AFTERMATH_US
    )
    if during:
        return during[0][-1]
    return f"home: {home}" if home else ORDINARY
