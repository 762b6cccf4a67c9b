"""The ledger: what was raised, and what a new finding is in its light. Here the system is kept quiet.

A finding that opens an alert may be a repetition, part of a story that is told already, explained by something else, or
able to wait for the morning. Nothing is dropped without a trace: what is not raised is counted by reason, and what
belongs to an alert that is open is told in it. Emergencies pass: they are grouped, never held back.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import msgspec

from alerting.core.finding import Finding
from alerting.detection.detectors import all_rules
from alerting.detection.kit.context import EVERYWHERE, District, Pause
from alerting.detection.kit.detector import Rule
from vocabulary.severity import RANK, Severity
from vocabulary.times import DAY_US, SHANGHAI

SETTLE_US = 5 * 60_000_000
"""A cause that is over explains for a while yet: a gateway that is back still has to send what it kept."""
AHEAD_US = 3_600_000_000
"""A replay hands an hour's findings over before its clock has passed it."""
STORY_US = 15 * 60_000_000
QUIET_FROM, QUIET_UNTIL = dt.time(22), dt.time(7)
"""Local time: what can wait is told in the morning."""
_DEFAULT = Rule()
_NEVER_US = 1 << 62


class Told(msgspec.Struct):
    """An alert that was raised: its rule and onset are its identity. ``household_id``: where it was raised."""

    rule: str
    onset_us: int
    severity: Severity
    last_us: int
    household_id: int = 0


class Held(msgspec.Struct):
    until_us: int
    finding: Finding
    paused: bool = False
    """By a pause, which may end before its time."""


class Books(msgspec.Struct):
    """All that the ledger remembers; keys are subject|rule, subject|story, household|rule, subject|rule|onset."""

    told: dict[str, Told] = {}
    stories: dict[str, Told] = {}
    lasting: dict[str, int] = {}
    """Onset of what is open, by household|rule, and by rule|device where it is about a device."""
    over: dict[str, int] = {}
    """When a cause was over, by household|rule."""
    joined: dict[str, Told | None] = {}
    """Where a finding that was not raised by itself went; None: nowhere."""
    raised_us: dict[str, list[int]] = {}
    held: list[Held] = []
    not_raised: dict[str, int] = {}
    """How often, by reason."""


class Ledger:
    """Findings in the order of their time; see the module."""

    def __init__(self) -> None:
        self.books = Books()
        self._pruned_us = 0
        self._clock_us = 0
        self._next_us = 0
        self._pauses: list[Pause] = []

    def forget(self, rules: Iterable[str]) -> None:
        """Whoever gave these has forgotten what is open: its end will never be told."""
        gone = frozenset(rules)
        self.books.lasting = {k: onset for k, onset in self.books.lasting.items() if not gone & set(k.split("|"))}

    def turn_back(self, now_us: int) -> None:
        """The platform's clock was ahead: what it dated later was told now at the latest."""
        books = self.books
        for told in (*books.told.values(), *books.stories.values()):
            told.last_us = min(told.last_us, now_us)
        books.over = {key: min(over_us, now_us) for key, over_us in books.over.items()}
        books.raised_us = {key: [min(at_us, now_us) for at_us in times] for key, times in books.raised_us.items()}
        for held in books.held:
            if not held.paused:
                held.until_us = min(held.until_us, _morning_us(now_us) or now_us)
        self._pruned_us, self._clock_us, self._next_us = 0, now_us, 0

    def redistrict(self, district: District) -> None:
        """Who has moved away explains nothing any more in the home that was left."""
        raised = [
            (key.rpartition("|")[0], _cause(told.household_id, told.rule), told.household_id)
            for key, told in self.books.told.items()
            if key.startswith("resident:")
            and self.books.lasting.get(_cause(told.household_id, told.rule)) == told.onset_us  # else it is another's
        ]
        homes = {person.subject: person.household_id for person in district.people} if raised else {}
        for subject, cause, household_id in raised:
            if homes.get(subject) != household_id:
                self.books.lasting.pop(cause, None)

    def take(self, district: District, findings: list[Finding]) -> list[Finding]:
        """What is to be told of these findings."""
        return [told for finding in findings for told in self._one(district, finding)]

    def release(self, district: District, until_us: int) -> list[Finding]:
        """What waited for the morning that has come; ``until_us``: what the engine's clock has passed."""
        self._clock_us = max(self._clock_us, until_us)
        self._prune(until_us)
        if until_us < self._next_us and district.pauses is self._pauses:
            return []
        due: list[Held] = []
        waiting: list[Held] = []
        for held in self.books.held:
            if held.paused:  # the pause may have become shorter or longer
                pause = _pause(district, held.finding, until_us)
                held.until_us = until_us if pause is None else pause.until_us
            (due if held.until_us <= until_us else waiting).append(held)
        self.books.held, self._pauses = waiting, district.pauses
        self._next_us = min((held.until_us for held in waiting), default=_NEVER_US)
        return [told for held in due for told in self._raise(district, held.finding, min(held.until_us, until_us))]

    def _one(self, district: District, finding: Finding) -> Iterator[Finding]:
        device = finding.evidence.get("device")
        if device and finding.action == "open" and finding.rule in _blinding():
            self.books.lasting[f"{finding.rule}|{device}"] = finding.onset_us
        elif device and finding.action in ("clear", "cancel"):
            self.books.lasting.pop(f"{finding.rule}|{device}", None)
        if finding.action == "open":
            rule = all_rules().get(finding.rule, _DEFAULT)
            morning_us = _morning_us(self._moment(finding)) if rule.waits else 0
            if rule.waits and RANK[finding.severity] > RANK["urgent"] and morning_us:
                self._hold(Held(morning_us, finding))
                return
            yield from self._raise(district, finding, self._moment(finding))
        else:
            yield from self._follow(finding)

    def _raise(self, district: District, finding: Finding, now_us: int) -> Iterator[Finding]:
        rule = all_rules().get(finding.rule, _DEFAULT)
        key, identity = f"{finding.subject}|{finding.rule}", _identity(finding)
        reason = self._explained(finding, rule)
        if reason:
            self._leave(identity, reason, None)
            return
        pause = _pause(district, finding, now_us)
        if pause is not None:  # what still lasts when it is over is told then
            self.books.not_raised[pause.kind] = self.books.not_raised.get(pause.kind, 0) + 1
            self._hold(Held(pause.until_us, finding, paused=True))
            return
        before = self.books.told.get(key)
        if before is not None and before.onset_us == finding.onset_us:
            yield finding  # the same again: whoever takes it knows it by its id
            return
        lead = self.books.stories.get(f"{finding.subject}|{rule.story}") if rule.story else None
        if lead is not None and now_us - lead.last_us <= STORY_US:
            yield from self._tell_in(lead, finding, "story")
            return
        if before is not None and finding.severity != "emergency":
            often = sum(at_us > now_us - DAY_US for at_us in self.books.raised_us.get(key, ()))
            if now_us - before.last_us < rule.again_s * 1_000_000 or often >= rule.per_day:
                yield from self._tell_in(before, finding, "again" if often < rule.per_day else "rate")
                return
        told = Told(finding.rule, finding.onset_us, finding.severity, now_us, finding.household_id)
        self.books.told[key] = told
        self.books.raised_us.setdefault(key, []).append(now_us)
        self.books.lasting[_cause(finding.household_id, finding.rule)] = finding.onset_us
        if rule.story:
            self.books.stories[f"{finding.subject}|{rule.story}"] = told
        yield finding

    def _moment(self, finding: Finding) -> int:
        """When it was sensed; a device whose clock is far ahead does not decide what comes too soon after it."""
        return min(finding.sensed_us, self._clock_us + AHEAD_US) if self._clock_us else finding.sensed_us

    def _hold(self, held: Held) -> None:
        if not any(_identity(other.finding) == _identity(held.finding) for other in self.books.held):
            self.books.held.append(held)
            self._next_us = min(self._next_us, held.until_us)

    def _explained(self, finding: Finding, rule: Rule) -> str:
        for cause in rule.explained_by:
            key = _cause(finding.household_id, cause)
            lasts = finding.sensed_us - self.books.lasting.get(key, finding.sensed_us)
            explains = lasts <= all_rules().get(cause, _DEFAULT).explains_s * 1_000_000
            if (key in self.books.lasting and explains) or finding.sensed_us < self.books.over.get(key, 0) + SETTLE_US:
                return f"explained by {cause}"
        for cause in rule.blinded_by:
            if any(f"{cause}|{device}" in self.books.lasting for device in finding.evidence.get("sensors", ())):
                return f"blinded by {cause}"
        return ""

    def _tell_in(self, told: Told, finding: Finding, reason: str) -> Iterator[Finding]:
        """The finding becomes part of the alert ``told``."""
        self._leave(_identity(finding), reason, told)
        told.last_us = max(told.last_us, self._moment(finding))
        yield _as_part_of(told, finding)

    def _follow(self, finding: Finding) -> Iterator[Finding]:
        identity = _identity(finding)
        waiting = [held for held in self.books.held if _identity(held.finding) == identity]
        if waiting:
            self._change_held(waiting[0], finding)
            return
        key = f"{finding.subject}|{finding.rule}"
        told = self.books.told.get(key)
        if finding.action in ("clear", "cancel"):
            here = told is None or told.onset_us != finding.onset_us or not told.household_id
            cause = _cause(finding.household_id if here or told is None else told.household_id, finding.rule)
            if self.books.lasting.pop(cause, None) is not None and finding.severity == "technical":
                self.books.over[cause] = self._moment(finding)
        if identity in self.books.joined:
            lead = self.books.joined[identity]
            if lead is not None:
                yield _as_part_of(lead, finding)
            return
        if told is not None and told.onset_us == finding.onset_us:
            told.last_us = max(told.last_us, self._moment(finding))
            if finding.action == "update":
                told.severity = _graver(told.severity, finding.severity)
        yield finding

    def _change_held(self, held: Held, finding: Finding) -> None:
        if finding.action in ("clear", "cancel"):
            self.books.held.remove(held)
            self._leave(_identity(finding), "over before the morning", None)
        elif finding.action == "update":
            held.finding = msgspec.structs.replace(finding, action="open")
            if RANK[finding.severity] <= RANK["urgent"] and not held.paused:
                held.until_us = finding.sensed_us
                self._next_us = 0

    def _leave(self, identity: str, reason: str, told: Told | None) -> None:
        self.books.joined[identity] = told
        self.books.not_raised[reason] = self.books.not_raised.get(reason, 0) + 1

    def _prune(self, now_us: int) -> None:
        if now_us - self._pruned_us < DAY_US // 24:
            return
        self._pruned_us = now_us
        # an event's time may lie before the clock's: what counts for a day is kept for two
        books, since_us = self.books, now_us - 2 * DAY_US
        books.raised_us = {
            key: recent for key, times in books.raised_us.items() if (recent := [t for t in times if t > since_us])
        }
        books.stories = {key: told for key, told in books.stories.items() if told.last_us > since_us}
        books.over = {key: over_us for key, over_us in books.over.items() if over_us > since_us}
        # a condition can last for days, and its end must still find where it was told
        books.told = {key: told for key, told in books.told.items() if told.last_us > now_us - 30 * DAY_US}
        books.joined = {key: t for key, t in books.joined.items() if _onset(key) > now_us - 30 * DAY_US}


def _as_part_of(told: Told, finding: Finding) -> Finding:
    """The finding told in another alert: it raises that alert's severity, or adds to its story."""
    graver = finding.action in ("open", "update") and RANK[finding.severity] < RANK[told.severity]
    changed: dict[str, Any] = {"rule": told.rule, "onset_us": told.onset_us, "action": "update" if graver else "note"}
    if graver:
        told.severity = finding.severity
    else:
        changed["severity"] = told.severity
    part = {"rule": finding.rule, "onset_us": finding.onset_us, "severity": finding.severity, "action": finding.action}
    return msgspec.structs.replace(finding, **changed, evidence={**finding.evidence, "part": part})


def on_its_own(finding: Finding) -> Finding | None:
    """The alert that this finding would be if the one it was told in is closed; None: it adds nothing by itself."""
    part = finding.evidence.get("part")
    if part is None or part["action"] != "open":
        return None
    evidence = {key: value for key, value in finding.evidence.items() if key != "part"}
    return msgspec.structs.replace(finding, **part, evidence=evidence)


def _pause(district: District, finding: Finding, at_us: int) -> Pause | None:
    """What keeps the finding back at that moment."""
    rule = all_rules().get(finding.rule, _DEFAULT)
    devices = ("", finding.evidence.get("device"), *finding.evidence.get("devices", ()))
    for pause in district.pauses:
        if pause.since_us <= at_us < pause.until_us and pause.household_id in (finding.household_id, EVERYWHERE):
            mine = pause.kind in rule.rests_for and pause.device in devices
            if mine or (pause.kind == "deaf" and "gateway_silent" in rule.explained_by):
                return pause
    return None


@cache
def _blinding() -> frozenset[str]:
    """The rules that blind others, device by device."""
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
    return int(dt.datetime.combine(day, QUIET_UNTIL, SHANGHAI).timestamp()) * 1_000_000
