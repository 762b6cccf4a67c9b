"""Two people of one home, in any order of presses, cancellations, falls and alarms: no alert is lost, and nobody's is
ended by another."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.engine.memory import decode_memory
from alerting.detection.kit.context import District, Happened, Person, Source
from alerting.replay.alerts import Alert, collect
from alerting.replay.run import TimedFinding
from vocabulary.taking_back import CANCEL_WITHIN_US

START = 1_800_000_000_000_000
S = 1_000_000
PEOPLE = ["R0001", "R0002"]


def source(name: str, person: int | None) -> Source:
    return Source(
        gateway="gw-1",
        name=name,
        model="test",
        household_id=7,
        person=person,
        heartbeat_s=1e9,
        label_zh=name,
        label_en=name,
        home=2,
    )


OWN = {("pendant", 0): source("pendant-1", 0), ("pendant", 1): source("pendant-2", 1)} | {
    ("button", 0): source("button-1", 0),
    ("button", 1): source("button-2", 1),
}
WALL, SMOKE, KITCHEN = source("wall", None), source("smoke-hall", None), source("smoke-kitchen", None)
SOURCES = {one.id: one for one in (*OWN.values(), WALL, SMOKE, KITCHEN)}
DISTRICT = District(
    [
        *(Person(id=n + 1, code=code, household_id=7) for n, code in enumerate(PEOPLE)),
        Person(id=None, code="", household_id=7),
    ],
    SOURCES,
    {"gw-1": 7},
)
persons, detectors = st.integers(0, 1), st.sampled_from([SMOKE, KITCHEN])


class TwoPeople(RuleBasedStateMachine):
    """``calls``: what each person has called since the last time that it was ended by somebody with a right to."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine(DISTRICT, START)
        self.now = START
        self.told: list[TimedFinding] = []
        self.unanswered: list[tuple[str, str, int]] = []
        """(subject, rule, time) of what must be in an alert that is not over."""
        self.reported: dict[str, int] = {}
        """The time of each person's last report of a fall: a press may answer any of them."""

    def tell(self, where: Source, kind: str) -> list[Finding]:
        self.now += S  # events have times of their own
        found = [*self.engine.advance(self.now), *self.engine.event(Happened(where, kind, self.now, {}))]
        self.told += [TimedFinding(finding, self.now) for finding in found]
        return found

    def called(self, subject: str, rule: str) -> None:
        self.unanswered.append((subject, rule, self.now))

    @rule(person=persons, device=st.sampled_from(["button", "pendant"]))
    def press(self, person: int, device: str) -> None:
        self.tell(OWN[device, person], "sos_pressed")
        self.called(f"resident:{PEOPLE[person]}", "sos")

    @rule(person=persons, kind=st.sampled_from(["fall_suspected", "fall_confirmed"]))
    def fall(self, person: int, kind: str) -> None:
        self.tell(OWN["pendant", person], kind)
        self.called(f"resident:{PEOPLE[person]}", "fall")
        self.reported[f"resident:{PEOPLE[person]}"] = self.now

    @rule(person=persons)
    def recover(self, person: int) -> None:
        self.tell(OWN["pendant", person], "fall_recovered")
        subject = f"resident:{PEOPLE[person]}"
        self.unanswered = [one for one in self.unanswered if one[:2] != (subject, "fall")]

    @rule(person=persons, kind=st.sampled_from(["sos_cancelled", "sos_held"]))
    def hold(self, person: int, kind: str) -> None:
        found = self.tell(OWN["button", person], kind)
        self.ended(found, (f"resident:{PEOPLE[person]}",))

    @rule()
    def hold_the_wall(self) -> None:
        found = self.tell(WALL, "sos_held")
        self.ended(found, (*(f"resident:{code}" for code in PEOPLE), "household:7"))

    def ended(self, found: list[Finding], mine: tuple[str, ...]) -> None:
        cancelled = [f for f in found if f.action == "cancel"]
        for finding in cancelled:
            assert finding.subject in mine, "nobody ends another's alert"
            begun = self.reported.get(finding.subject, 0) if finding.rule == "fall" else finding.onset_us
            assert 0 <= self.now - begun <= CANCEL_WITHIN_US or finding.rule == "sos"
            self.unanswered = [u for u in self.unanswered if u[:2] != (finding.subject, finding.rule)]

    @rule(where=detectors)
    def smoke(self, where: Source) -> None:
        self.tell(where, "smoke_detected")
        self.called("household:7", "smoke")

    @rule(where=detectors)
    def clears(self, where: Source) -> None:
        self.tell(where, "smoke_cleared")

    @rule(seconds=st.sampled_from([1, 5, 30, 150, 700, 4000]))
    def wait(self, seconds: int) -> None:
        self.now += seconds * S
        self.told += [TimedFinding(f, self.now) for f in self.engine.advance(self.now)]

    @rule()
    def restart(self) -> None:
        anew = Engine(DISTRICT, self.now)
        assert anew.recall(decode_memory(self.engine.memory())) == []
        self.engine = anew

    @invariant()
    def every_call_is_in_an_alert_that_lasts(self) -> None:
        open_alerts = [alert for alert in collect(self.told) if alert.over in ("", "end")]
        for subject, rule_, at in self.unanswered:
            assert any(tells(alert, subject, rule_, at) for alert in open_alerts), (subject, rule_, at)


def tells(alert: Alert, subject: str, rule_: str, at: int) -> bool:
    return alert.subject == subject and rule_ == alert.rule and alert.onset_us <= at


TestTwoPeople = TwoPeople.TestCase
TestTwoPeople.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
