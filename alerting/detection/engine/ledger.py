"""Decides what becomes of each finding: a new alert, an update of an open one, held until morning, or suppressed.

A finding that opens an alert may be a repetition, part of a story that has an alert already, explained by another
alert, or able to wait for the morning. Nothing is dropped without a trace: suppressed findings are counted by reason,
and those that belong to an open alert are added to it. Emergencies are grouped, never delayed.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import msgspec

from alerting.core.finding import OVER, Finding
from alerting.detection.detectors import all_rules
from alerting.detection.kit.context import EVERYWHERE, District, Pause
from alerting.detection.kit.detector import Rule
from vocabulary.severity import RANK, Severity
from vocabulary.times import DAY_US, HOUR_US, MINUTE_US, SECOND_US, SHANGHAI

SETTLE_US = 5 * MINUTE_US
"""Time for which a cause still explains after its end: a gateway that is back has a backlog to send."""
AHEAD_US = HOUR_US
"""Greatest lead of a finding over the clock: a replay hands over a whole hour at once."""
JOINS_US = 12 * HOUR_US
"""Longest time in which a lasting alert takes in what another rule says of the same."""
STORY_US = 15 * MINUTE_US
"""Longest time between two findings of one story."""
QUIET_FROM, QUIET_UNTIL = dt.time(22), dt.time(7)
"""Quiet hours, local time: findings of rules that may wait are raised at their end."""
_DEFAULT = Rule()
_NEVER_US = 1 << 62


class RaisedAlert(msgspec.Struct):
    """An alert that was raised: its rule and onset are its identity. ``household_id``: where it was raised."""

    rule: str
    onset_us: int
    severity: Severity
    last_us: int
    household_id: int = 0


class DelayedFinding(msgspec.Struct):
    """A finding that waits for the morning, or (``paused``) for a pause that may end before its time."""

    until_us: int
    finding: Finding
    paused: bool = False


class LedgerState(msgspec.Struct, kw_only=True):
    """The memory of the ledger; stored in snapshots under the names given to ``field``."""

    alerts: dict[str, RaisedAlert] = msgspec.field(default_factory=dict, name="told")
    """The newest alert by subject|rule."""
    stories: dict[str, RaisedAlert] = {}
    """The alert that leads a story, by subject|story."""
    onsets_us: dict[str, int] = msgspec.field(default_factory=dict, name="lasting")
    """Onset of each open cause, by household|rule, and by rule|device where it is about a device."""
    ends_us: dict[str, int] = msgspec.field(default_factory=dict, name="over")
    """When a cause ended, by household|rule."""
    leads: dict[str, RaisedAlert | None] = msgspec.field(default_factory=dict, name="joined")
    """The alert that a finding was added to, by subject|rule|onset of the finding; None: it was dropped."""
    led_by: dict[str, RaisedAlert] = {}
    """The alert of another rule that a rule's last finding was added to, by subject|rule."""
    raised_us: dict[str, list[int]] = {}
    """Times of the last two days' alerts, by subject|rule."""
    delayed: list[DelayedFinding] = msgspec.field(default_factory=list, name="held")
    not_raised: dict[str, int] = {}
    """Number of findings without an alert of their own, by reason."""


class Ledger:
    """Takes findings in the order of their time; see the module."""

    def __init__(self) -> None:
        self.state = LedgerState()
        self._pruned_us = 0
        self._clock_us = 0
        self._next_us = 0
        self._pauses: list[Pause] = []

    def forget(self, rules: Iterable[str]) -> None:
        """Drop open causes of these rules: their detector lost its state and will never report their end."""
        gone = frozenset(rules)
        self.state.onsets_us = {k: onset for k, onset in self.state.onsets_us.items() if not gone & set(k.split("|"))}

    def turn_back(self, now_us: int) -> None:
        """The platform's clock was ahead: cut every later time to now."""
        state = self.state
        for alert in (*state.alerts.values(), *state.stories.values(), *state.led_by.values()):
            alert.last_us = min(alert.last_us, now_us)
        state.ends_us = {key: min(end_us, now_us) for key, end_us in state.ends_us.items()}
        state.raised_us = {key: [min(at_us, now_us) for at_us in times] for key, times in state.raised_us.items()}
        for delayed in state.delayed:
            if not delayed.paused:
                delayed.until_us = min(delayed.until_us, _morning_us(now_us) or now_us)
        self._pruned_us, self._clock_us, self._next_us = 0, now_us, 0

    def redistrict(self, district: District) -> None:
        """Drop the causes of residents who moved: they no longer explain alerts in the former home."""
        raised = [
            (key.rpartition("|")[0], _cause(alert.household_id, alert.rule), alert.household_id)
            for key, alert in self.state.alerts.items()
            if key.startswith("resident:")
            and self.state.onsets_us.get(_cause(alert.household_id, alert.rule))
            == alert.onset_us  # else it is another's
        ]
        homes = {person.subject: person.household_id for person in district.people} if raised else {}
        for subject, cause, household_id in raised:
            if homes.get(subject) != household_id:
                self.state.onsets_us.pop(cause, None)

    def take(self, district: District, findings: list[Finding]) -> list[Finding]:
        """The findings that pass, some of them changed to be part of another alert."""
        return [passed for finding in findings for passed in self._judge(district, finding)]

    def release(self, district: District, until_us: int) -> list[Finding]:
        """The delayed findings that are due; ``until_us``: the engine's clock."""
        self._clock_us = max(self._clock_us, until_us)
        self._prune(until_us)
        if until_us < self._next_us and district.pauses is self._pauses:
            return []
        due: list[DelayedFinding] = []
        waiting: list[DelayedFinding] = []
        for delayed in self.state.delayed:
            if delayed.paused:  # the pause may have become shorter or longer
                pause = _pause(district, delayed.finding, until_us)
                delayed.until_us = until_us if pause is None else pause.until_us
            (due if delayed.until_us <= until_us else waiting).append(delayed)
        self.state.delayed, self._pauses = waiting, district.pauses
        self._next_us = min((delayed.until_us for delayed in waiting), default=_NEVER_US)
        return [
            passed
            for delayed in due
            for passed in self._raise(district, delayed.finding, min(delayed.until_us, until_us))
        ]

    def _judge(self, district: District, finding: Finding) -> Iterator[Finding]:
        device = finding.evidence.get("device")
        if device and finding.action == "open" and finding.rule in _blinding():
            self.state.onsets_us[f"{finding.rule}|{device}"] = finding.onset_us
        elif device and finding.action in OVER:
            self.state.onsets_us.pop(f"{finding.rule}|{device}", None)
        if finding.action == "open":
            rule = all_rules().get(finding.rule, _DEFAULT)
            morning_us = _morning_us(self._moment(finding)) if rule.waits else 0
            if rule.waits and RANK[finding.severity] > RANK["urgent"] and morning_us:
                self._delay(DelayedFinding(morning_us, finding))
                return
            yield from self._raise(district, finding, self._moment(finding))
        else:
            yield from self._follow(finding)

    def _raise(self, district: District, finding: Finding, now_us: int) -> Iterator[Finding]:
        rule = all_rules().get(finding.rule, _DEFAULT)
        key, identity = f"{finding.subject}|{finding.rule}", _identity(finding)
        reason = self._explanation(finding, rule)
        if reason:
            self._count_suppressed(identity, reason, None)
            return
        pause = _pause(district, finding, now_us)
        if pause is not None:  # a cause that outlasts the pause is raised at its end
            self.state.not_raised[pause.kind] = self.state.not_raised.get(pause.kind, 0) + 1
            self._delay(DelayedFinding(pause.until_us, finding, paused=True))
            return
        before = self.state.alerts.get(key)
        if before is not None and before.onset_us == finding.onset_us:
            yield finding  # a repetition: the receivers know its id
            return
        lead = next(filter(None, (self._lasting(finding, cause, now_us) for cause in rule.joins)), None)
        if lead is not None:
            yield from self._join(lead, finding, "joined")
            return
        lead = self.state.stories.get(f"{finding.subject}|{rule.story}") if rule.story else None
        if lead is not None and now_us - lead.last_us <= STORY_US:
            yield from self._join(lead, finding, "story")
            self.state.led_by[key] = lead
            return
        lead = self.state.led_by.get(key)
        if lead is not None and finding.severity != "emergency" and now_us - lead.last_us < rule.again_s * SECOND_US:
            yield from self._join(lead, finding, "again")
            return
        if before is not None and finding.severity != "emergency":
            often = sum(at_us > now_us - DAY_US for at_us in self.state.raised_us.get(key, ()))
            if now_us - before.last_us < rule.again_s * SECOND_US or often >= rule.per_day:
                yield from self._join(before, finding, "again" if often < rule.per_day else "rate")
                return
        alert = RaisedAlert(finding.rule, finding.onset_us, finding.severity, now_us, finding.household_id)
        self.state.alerts[key] = alert
        self.state.raised_us.setdefault(key, []).append(now_us)
        self.state.onsets_us[_cause(finding.household_id, finding.rule)] = finding.onset_us
        if rule.story:
            self.state.stories[f"{finding.subject}|{rule.story}"] = alert
        yield finding

    def _lasting(self, finding: Finding, cause: str, now_us: int) -> RaisedAlert | None:
        """The alert of another rule of the same person whose cause has lasted since, for half a day at most."""
        alert = self.state.alerts.get(f"{finding.subject}|{cause}")
        if alert is None or now_us - alert.onset_us > JOINS_US:
            return None
        lasts = self.state.onsets_us.get(_cause(finding.household_id, cause)) == alert.onset_us
        return alert if lasts else None

    def _moment(self, finding: Finding) -> int:
        """When it was sensed, cut near the clock: a device with a wrong clock must not suppress later findings."""
        return min(finding.sensed_us, self._clock_us + AHEAD_US) if self._clock_us else finding.sensed_us

    def _delay(self, delayed: DelayedFinding) -> None:
        if not any(_identity(other.finding) == _identity(delayed.finding) for other in self.state.delayed):
            self.state.delayed.append(delayed)
            self._next_us = min(self._next_us, delayed.until_us)

    def _explanation(self, finding: Finding, rule: Rule) -> str:
        for cause in rule.explained_by:
            key = _cause(finding.household_id, cause)
            lasts = finding.sensed_us - self.state.onsets_us.get(key, finding.sensed_us)
            explains = lasts <= all_rules().get(cause, _DEFAULT).explains_s * SECOND_US
            if (key in self.state.onsets_us and explains) or finding.sensed_us < self.state.ends_us.get(
                key, 0
            ) + SETTLE_US:
                return f"explained by {cause}"
        for cause in rule.blinded_by:
            if any(f"{cause}|{device}" in self.state.onsets_us for device in finding.evidence.get("sensors", ())):
                return f"blinded by {cause}"
        return ""

    def _join(self, alert: RaisedAlert, finding: Finding, reason: str) -> Iterator[Finding]:
        """Add the finding to the alert."""
        self._count_suppressed(_identity(finding), reason, alert)
        alert.last_us = max(alert.last_us, self._moment(finding))
        yield _as_part_of(alert, finding)

    def _follow(self, finding: Finding) -> Iterator[Finding]:
        identity = _identity(finding)
        waiting = [delayed for delayed in self.state.delayed if _identity(delayed.finding) == identity]
        if waiting:
            self._change_delayed(waiting[0], finding)
            return
        key = f"{finding.subject}|{finding.rule}"
        alert = self.state.alerts.get(key)
        if finding.action in OVER:
            here = alert is None or alert.onset_us != finding.onset_us or not alert.household_id
            cause = _cause(finding.household_id if here or alert is None else alert.household_id, finding.rule)
            if self.state.onsets_us.pop(cause, None) is not None and finding.severity == "technical":
                self.state.ends_us[cause] = self._moment(finding)
        if identity in self.state.leads:
            lead = self.state.leads[identity]
            if lead is not None:
                yield _as_part_of(lead, finding)
            return
        if alert is not None and alert.onset_us == finding.onset_us:
            alert.last_us = max(alert.last_us, self._moment(finding))
            if finding.action == "update":
                alert.severity = _graver(alert.severity, finding.severity)
        yield finding

    def _change_delayed(self, delayed: DelayedFinding, finding: Finding) -> None:
        if finding.action in OVER:
            self.state.delayed.remove(delayed)
            self._count_suppressed(_identity(finding), "over before the morning", None)
        elif finding.action == "update":
            delayed.finding = msgspec.structs.replace(finding, action="open")
            if RANK[finding.severity] <= RANK["urgent"] and not delayed.paused:
                delayed.until_us = finding.sensed_us
                self._next_us = 0

    def _count_suppressed(self, identity: str, reason: str, alert: RaisedAlert | None) -> None:
        self.state.leads[identity] = alert
        self.state.not_raised[reason] = self.state.not_raised.get(reason, 0) + 1

    def _prune(self, now_us: int) -> None:
        if now_us - self._pruned_us < HOUR_US:
            return
        self._pruned_us = now_us
        # an event's time may lie before the clock's: times that count for a day are kept for two
        state, since_us = self.state, now_us - 2 * DAY_US
        state.raised_us = {
            key: recent for key, times in state.raised_us.items() if (recent := [t for t in times if t > since_us])
        }
        state.led_by = {key: alert for key, alert in state.led_by.items() if alert.last_us > since_us}
        state.stories = {key: alert for key, alert in state.stories.items() if alert.last_us > since_us}
        state.ends_us = {key: end_us for key, end_us in state.ends_us.items() if end_us > since_us}
        # a condition can last for days, and its end must still find its alert
        state.alerts = {key: alert for key, alert in state.alerts.items() if alert.last_us > now_us - 30 * DAY_US}
        state.leads = {key: t for key, t in state.leads.items() if _onset(key) > now_us - 30 * DAY_US}


def _as_part_of(alert: RaisedAlert, finding: Finding) -> Finding:
    """Change the finding to an update (if it is graver) or a note of the alert."""
    graver = finding.action in ("open", "update") and RANK[finding.severity] < RANK[alert.severity]
    ends = finding.action == "end" and finding.rule == alert.rule
    action = "update" if graver else "end" if ends else "note"
    changed: dict[str, Any] = {"rule": alert.rule, "onset_us": alert.onset_us, "action": action}
    if graver:
        alert.severity = finding.severity
    else:
        changed["severity"] = alert.severity
    part = {"rule": finding.rule, "onset_us": finding.onset_us, "severity": finding.severity, "action": finding.action}
    return msgspec.structs.replace(finding, **changed, evidence={**finding.evidence, "part": part})


def on_its_own(finding: Finding) -> Finding | None:
    """The finding as an alert of its own, once the alert it is part of is closed; None: it would open none."""
    part = finding.evidence.get("part")
    if part is None or part["action"] != "open":
        return None
    evidence = {key: value for key, value in finding.evidence.items() if key != "part"}
    return msgspec.structs.replace(finding, **part, evidence=evidence)


def _pause(district: District, finding: Finding, at_us: int) -> Pause | None:
    """The pause that delays the finding at that moment, if any."""
    rule = all_rules().get(finding.rule, _DEFAULT)
    devices = ("", finding.evidence.get("device"), *finding.evidence.get("devices", ()))
    for pause in district.pauses:
        if pause.since_us <= at_us < pause.until_us and pause.household_id in (finding.household_id, EVERYWHERE):
            mine = pause.kind in rule.rests_for and pause.device in devices
            if mine or (pause.kind == "cut_off" and "gateway_silent" in rule.explained_by):
                return pause
    return None


@cache
def _blinding() -> frozenset[str]:
    """Rules that explain others device by device."""
    return frozenset(cause for rule in all_rules().values() for cause in rule.blinded_by)


def _graver(one: Severity, other: Severity) -> Severity:
    return one if RANK[one] <= RANK[other] else other


def _cause(household_id: int, rule: str) -> str:
    return f"{household_id}|{rule}"


def _identity(finding: Finding) -> str:
    return f"{finding.subject}|{finding.rule}|{finding.onset_us}"


def _onset(identity: str) -> int:
    return int(identity.rsplit("|", 1)[1])


def _morning_us(time_us: int) -> int:
    """The end of the quiet hours that this moment lies in; 0 outside of them."""
    local = dt.datetime.fromtimestamp(time_us / 1e6, SHANGHAI)
    if QUIET_UNTIL <= local.time() < QUIET_FROM:
        return 0
    day = local.date() + dt.timedelta(days=1 if local.time() >= QUIET_FROM else 0)
    return int(dt.datetime.combine(day, QUIET_UNTIL, SHANGHAI).timestamp()) * SECOND_US
