"""Collects findings into the alerts that a dispatcher would have seen, and compares two runs."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from alerting.core.finding import CLOSING, OVER, Finding, FindingAction
from alerting.detection.engine.ledger import on_its_own
from alerting.replay.run import TimedFinding
from vocabulary.severity import RANK, Severity
from vocabulary.times import HOUR_US

NEAR_US = HOUR_US
"""Two runs' alerts of one rule and resident count as the same when raised within this time of each other."""


class StoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in the story of an alert. ``rule``: that of the finding, which may be another than the alert's."""

    told_us: int
    action: FindingAction
    rule: str
    severity: Severity
    reason_zh: str
    reason_en: str
    onset_us: int = 0
    """Begin of this finding's cause, which may have come again since the alert began."""
    news: bool = False
    """Whether it is graver, or would have been an alert of its own but for this one."""
    taken_back: bool = False
    """Whether it says that this finding was taken back, though the alert may go on for another one."""


class Alert(msgspec.Struct, kw_only=True):
    """One alert with its story; times in µs since 1970, UTC."""

    id: str
    rule: str
    rule_version: int
    severity: Severity
    """The highest it reached."""
    first_severity: Severity
    """As it was first told."""
    subject: str
    resident_id: int | None
    household_id: int
    onset_us: int
    sensed_us: int
    told_us: int
    reason_zh: str
    reason_en: str
    evidence: dict[str, Any]
    over_us: int | None = None
    """When it cleared by itself, was taken back, or its cause ended."""
    over: Literal["", "clear", "cancel", "end"] = ""
    """``end``: over by itself, and still open for a person."""
    story: list[StoryEntry] = []

    @property
    def resident(self) -> str:
        """The resident's (or household's, device's) code."""
        return self.subject.split(":", 1)[1]

    def times_of(self, rules: frozenset[str]) -> Iterator[int]:
        """The times at which this alert reported one of these rules: its own, then those of its story."""
        if self.rule in rules:
            yield self.told_us
        yield from (step.told_us for step in self.story if step.rule in rules and step.news)


def collect(findings: Iterable[TimedFinding]) -> list[Alert]:
    """The alerts of a run, in the order of their times.

    As on the platform, a part of an alert that is over becomes an alert of its own, and a follow-up of an alert that
    was never raised is left out.
    """
    alerts: dict[str, Alert] = {}
    for timed in findings:
        finding = timed.finding
        alert = alerts.get(str(finding.alert_id))
        alone = on_its_own(finding)
        if alone is not None and (alert is None or alert.over in CLOSING):
            finding = alone
            alert = alerts.get(str(finding.alert_id))
        if alert is not None:
            _follow(alert, finding, timed.told_us)
        elif finding.action in ("open", "update"):
            alerts[str(finding.alert_id)] = _opened(finding, timed.told_us)
    return sorted(alerts.values(), key=lambda alert: alert.told_us)


def _follow(alert: Alert, finding: Finding, told_us: int) -> None:
    part = finding.evidence.get("part")
    rule, action = (part["rule"], part["action"]) if part else (finding.rule, finding.action)
    alert.story.append(
        StoryEntry(
            told_us=told_us,
            action=finding.action,
            rule=rule,
            severity=finding.severity,
            onset_us=part["onset_us"] if part else finding.onset_us,
            reason_zh=finding.reason_zh,
            reason_en=finding.reason_en,
            news=action in ("open", "update"),
            taken_back=action == "cancel",
        )
    )
    if finding.action in OVER:
        alert.over_us, alert.over = told_us, finding.action
    else:
        if alert.over == "end" and action == "open":
            alert.over_us, alert.over = None, ""
        if RANK[finding.severity] < RANK[alert.severity]:
            alert.severity = finding.severity


def _opened(finding: Finding, told_us: int) -> Alert:
    return Alert(
        id=str(finding.alert_id),
        rule=finding.rule,
        rule_version=finding.rule_version,
        severity=finding.severity,
        first_severity=finding.severity,
        subject=finding.subject,
        resident_id=finding.resident_id,
        household_id=finding.household_id,
        onset_us=finding.onset_us,
        sensed_us=finding.sensed_us,
        told_us=told_us,
        reason_zh=finding.reason_zh,
        reason_en=finding.reason_en,
        evidence=finding.evidence,
    )


class Difference(msgspec.Struct):
    """Alerts of a second run against a first. ``changed``: (before, after) of one alert with another time, rule or
    severity."""

    came: list[Alert]
    gone: list[Alert]
    changed: list[tuple[Alert, Alert]]
    same: int


def compare(before: list[Alert], after: list[Alert]) -> Difference:
    """Match the alerts of two runs by id, then by subject and rule if they are near each other in time."""
    left = {alert.id: alert for alert in before}
    pairs: list[tuple[Alert, Alert]] = []
    came: list[Alert] = []
    for alert in after:
        twin = left.pop(alert.id, None)
        if twin is None:
            came.append(alert)
        else:
            pairs.append((twin, alert))
    rest: list[Alert] = []
    for alert in came:
        near = [
            twin
            for twin in left.values()
            if (twin.subject, twin.rule) == (alert.subject, alert.rule) and abs(twin.told_us - alert.told_us) <= NEAR_US
        ]
        if near:
            twin = min(near, key=lambda twin: abs(twin.told_us - alert.told_us))
            pairs.append((left.pop(twin.id), alert))
        else:
            rest.append(alert)
    changed = [(a, b) for a, b in pairs if (a.told_us, a.severity, a.rule) != (b.told_us, b.severity, b.rule)]
    return Difference(rest, list(left.values()), changed, len(pairs) - len(changed))
