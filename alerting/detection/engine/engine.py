"""Runs all detectors: events at once, readings in steps of event time, timers between them, silence by the clock.

The result does not depend on how the data are batched. Readings wait until the clock has passed their step by
``LATENESS_US``; complete steps are folded into bins, by device, and every detector judges each bin once, in the order
of time. A later reading is judged in the next round if it is newer than the newest bin of its device and channel, and
ignored if it is older: an outage's backlog never raises an alert about hours ago while the present is known.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec
import numpy as np

from alerting.core.finding import Finding
from alerting.detection.detectors import all_detectors
from alerting.detection.engine.ledger import Ledger
from alerting.detection.engine.memory import FORMAT, Memory, Room, decode
from alerting.detection.kit.columns import STEP_US, Bins, Gathered, Latest, VitalColumns, by_hour, fold, grown
from alerting.detection.kit.context import COLUMNS, SEATS, District, Happened, Pause, Source, tunings
from alerting.detection.kit.detector import CompleteSteps, Detector, SourceBins
from alerting.detection.kit.plausible import impossible, split
from alerting.detection.kit.routine.behaviour import Behaviour, Hearing
from alerting.detection.kit.sources.choice import in_order, judged, shared_bins
from alerting.detection.kit.sources.doubt import DOUBLED, Doubts
from alerting.detection.kit.sources.seats import CONTACTLESS, Seats
from alerting.detection.kit.sources.window import IN_ROW_CONTACTLESS, Seen
from alerting.detection.kit.switches import BINARY, CHANGES, LEVELS, MOTION_AGAIN_US, UNHURRIED
from alerting.detection.kit.timers import Alarms, Timers
from vocabulary.rule_words import KEY
from vocabulary.times import HOUR_US, MINUTE_US, SECOND_US

_T = TypeVar("_T")
LATENESS_US = 2_500_000
"""A frame is cut once a second and travels for some ms: after this time a step is complete, but for backlogs."""
TICK_US = SECOND_US
"""Interval in which the detectors of silence look at the clock."""
DOORS = frozenset({"door_opened", "door_closed"})
BACK_US = MINUTE_US
"""A clock that is set back by more was ahead before."""


class Engine:
    """All detectors over one district. Not thread-safe; times in µs since 1970, UTC."""

    def __init__(
        self,
        district: District,
        now_us: int,
        detectors: dict[str, type[Detector]] | None = None,
        seats: Seats | None = None,
        failed: Callable[[str, Exception], None] | None = None,
    ) -> None:
        """``detectors``: by name; all of them unless given (benches and tests of one). ``seats``: those of readings
        that were placed before."""
        self.between: Callable[[], None] = lambda: None
        """Called amid a long step, where :meth:`event` and :meth:`heard` may be called, and nothing else."""
        self.failed: Callable[[str, Exception], None] = failed or _not_handled
        """Called with the name of a detector that fails; if it returns, the others go on."""
        self._alarms = Alarms()
        self._detectors: dict[str, Detector] = {}
        for name, kind in (all_detectors() if detectors is None else detectors).items():
            detector = self._detectors[name] = kind()
            detector.timers = Timers(self._alarms, name)
        overrides = {
            method: [d for d in self._detectors.values() if getattr(type(d), method) is not getattr(Detector, method)]
            for method in ("look", "event", "heard", "offline", "tick", "clock")
        }
        self._lookers, self._event_lookers = overrides["look"], overrides["event"]
        self._judges_of: dict[str, list[tuple[Detector, Callable[..., Iterable[Finding]]]]] = {}
        self._hearing = Hearing()
        self._share_homes()
        self._hearers, self._tickers = overrides["heard"], overrides["tick"]
        self._offliners, self._clocks = overrides["offline"], overrides["clock"]
        self.seats = Seats() if seats is None else seats
        """Gives the row and lane of each device's channel, for :meth:`readings`."""
        self._latest = Latest(len(district.people))
        self._latest_of_sources = Latest(len(district.people), of_sources=True)
        self._shared = np.zeros(len(district.people) * COLUMNS, np.bool_)
        self._doubts = Doubts()
        self._seen = Seen()
        self._ledger = Ledger()
        self._waiting = Gathered()
        self._moments: list[tuple[int, int, Happened]] = []  # a heap by time
        self._order = 0
        self._switches: dict[tuple[str, str, str], int] = {}
        self._done_us = (now_us - LATENESS_US) // STEP_US * STEP_US
        self._ticked_us = 0
        self.redistrict(district)

    @property
    def district(self) -> District:
        return self._district

    @property
    def state_bytes(self) -> int:
        """Size of the arrays of all detectors, in bytes."""
        latest = (self._latest, self._latest_of_sources)
        known = sum(known.value.nbytes + known.step.nbytes for known in latest) + self._shared.nbytes
        known += sum(_bytes_of(state) for state in (self.seats.state, self._doubts.state, self._seen))
        return known + sum(_bytes_of(detector.state) for detector in self._detectors.values())

    def prepare(self, district: District) -> None:
        """Derive from a coming district what :meth:`redistrict` needs. In any thread: nothing of the engine changes."""
        for name, detector in self._detectors.items():
            self._safely(name, detector.prepare, district)
        district.derived(tunings)

    def redistrict(self, district: District) -> None:
        """Take a changed district; people must keep their rows."""
        self._district = district
        self._people = {(person.household_id, person.id): person for person in district.people}
        people = len(district.people)
        self.seats.learn(district)
        self._latest.grow(people)
        self._latest_of_sources.grow(people)
        self._doubts.learn(district)
        self._seen.grow(people)
        self._shared = grown(self._shared, people * COLUMNS)
        self._ledger.redistrict(district)
        for name, detector in self._detectors.items():
            self._safely(name, detector.learn, district)

    def pause(self, pauses: list[Pause]) -> None:
        """Replace the pauses of the district."""
        self._district = msgspec.structs.replace(self._district, pauses=pauses)

    def memory(self, room: Room | None = None) -> bytearray:
        """Encode the whole state, for :meth:`recall` after a restart. Valid until ``room`` is used again."""
        room, waiting = Room() if room is None else room, self._waiting.all()
        return room.encode(
            "engine",
            Memory(
                format=FORMAT,
                people=self._district.people,
                done_us=self._done_us,
                value=self._latest.value,
                step=self._latest.step,
                source_value=self._latest_of_sources.value,
                source_step=self._latest_of_sources.step,
                seats=self.seats.state,
                doubts=self._doubts.state,
                seen=self._seen,
                waiting=[waiting.row, waiting.lane, waiting.time_us, waiting.value],
                moments=self._moments,
                switches=[(*key, at_us) for key, at_us in self._switches.items()],
                alarms=self._alarms.saved(),
                ledger=self._ledger.state,
                detectors=self._states(room),
            ),
        )

    def _states(self, room: Room) -> dict[str, tuple[int, bytearray]]:
        """The states by detector; one that cannot be stored is left out, and begins anew after a restart."""
        states = {}
        for name, detector in self._detectors.items():
            state = self._safely(name, room.encode, f"of {name}", detector.state)
            if state is not None:
                states[name] = (detector.version, state)
        return states

    def recall(self, memory: Memory) -> list[str]:
        """Take the state of ``memory``; the names of detectors that could not and begin anew.

        The first rows of this engine's people must be the memory's, in its order.
        """
        self._done_us = memory.done_us
        self._latest.value, self._latest.step = memory.value, memory.step
        self._latest_of_sources.value, self._latest_of_sources.step = memory.source_value, memory.source_step
        self.seats.state, self._doubts.state, self._seen = memory.seats, memory.doubts, memory.seen
        self.seats.forget()
        several = self._latest_of_sources.step.reshape(-1, SEATS)[:, 1:] > 0
        self._shared = np.asarray(several.any(axis=1), np.bool_)
        self._waiting = Gathered(VitalColumns(*memory.waiting))
        self._moments = memory.moments
        self._order = max((order for _, order, _ in self._moments), default=0)
        self._switches = {(gateway, device, channel): at for gateway, device, channel, at in memory.switches}
        self._ledger.state = memory.ledger
        anew = []
        for name, detector in self._detectors.items():
            version, state = memory.detectors.get(name, (None, b""))
            try:
                if version != detector.version:
                    raise ValueError(f"state of version {version}")
                detector.state = decode(state, type(detector.state))
            except ValueError:
                anew.append(name)
                self._ledger.forget(detector.rules)
            self._safely(name, detector.restored)
        self._share_homes()
        for at_us, owner, key in memory.alarms:
            if owner in self._detectors and owner not in anew:
                self._alarms.set(at_us, owner, key)
        now, known = self._district, memory.people
        # the district as it was comes first, so that a parameter changed meanwhile counts as changed now
        self.redistrict(msgspec.structs.replace(now, people=[*known, *now.people[len(known) :]]))
        self.redistrict(now)
        return anew

    def readings(self, columns: VitalColumns) -> None:
        """Take readings of measured channels; they are judged when :meth:`advance` passes their step."""
        if len(columns):
            self._waiting.add(columns)

    def switched(self, source: Source, channel: str, time_us: Any, value: Any) -> None:
        """Make events of the changes in readings of a channel of ``SWITCHES``, shapes [n], sorted by time.

        Many motion sensors send 1 whenever somebody moves and never 0: repeated motion counts once a minute.
        """
        key = (source.gateway, source.name, channel)
        event_us = self._switches.get(key, 0)  # time of the last event, negative for a change to 0
        time_us, on = np.asarray(time_us), np.abs(np.asarray(value)) >= LEVELS.get(channel, 0.5)
        # one that is older than the last event (delivered twice, or in disorder) says nothing of the present state
        late = time_us < abs(event_us)
        if late.any():
            for at, one in zip(time_us[late].tolist(), on[late].tolist(), strict=True):
                if channel in BINARY:
                    self._wait(Happened(source, CHANGES[channel, int(one)], at, {}))
            time_us, on, value = time_us[~late], on[~late], np.asarray(value)[~late]
            if not len(on):
                return
        first = event_us == 0
        if first and channel == "door_open":  # the first state that is heard of is no news: it may be of long ago
            first, event_us = False, int(time_us[0]) if on[0] else -int(time_us[0])
        changed = np.concatenate(([first or (event_us > 0) != on[0]], on[1:] != on[:-1]))
        for i in np.flatnonzero(changed | on if channel == "motion" else changed).tolist():
            at_us = int(time_us[i])
            if changed[i] or at_us - event_us >= MOTION_AGAIN_US:
                event_us = at_us if on[i] else -at_us
                values: dict[str, str | int | float | bool] = {"value": float(value[i])} if channel in LEVELS else {}
                self._wait(Happened(source, CHANGES[channel, int(on[i])], at_us, values))
        self._switches[key] = event_us

    def event(self, happened: Happened) -> list[Finding]:
        """The findings of an event, at once; behaviour waits for its step."""
        if happened.kind in UNHURRIED:
            if not self._repeats(happened):
                self._wait(happened)
            return []
        return self._pass(self._happened(happened))

    def _repeats(self, happened: Happened) -> bool:
        """Whether a door is said to do what its readings have shown it to have done before: a state from a cache."""
        if happened.kind not in DOORS:
            return False
        known_us = self._switches.get((happened.source.gateway, happened.source.name, "door_open"), 0)
        same = known_us > 0 if happened.kind == "door_opened" else known_us < 0
        return same and happened.time_us > abs(known_us) + MOTION_AGAIN_US

    def heard(self, gateway: str, device: str | None, now_us: int) -> list[Finding]:
        """Take a sign of life from a device (or the gateway alone)."""
        return self._pass(
            [f for d in self._hearers for f in self._of(d, d.heard, self._district, gateway, device, now_us)]
        )

    def cut_off(self) -> None:
        """Forget signs of life: this program has no connection to the homes, or just got it back."""
        for name, detector in self._detectors.items():
            self._safely(name, detector.cut_off)

    def offline(self, gateway: str, now_us: int) -> None:
        """The broker reports the gateway's connection as dead."""
        for detector in self._offliners:
            self._safely(self._name_of(detector), detector.offline, gateway, now_us)

    def clock(self, gateway: str, newest_us: int, now_us: int) -> list[Finding]:
        """Compare the newest time in a live frame of a gateway with the platform's."""
        return self._pass(
            [f for d in self._clocks for f in self._of(d, d.clock, self._district, gateway, newest_us, now_us)]
        )

    def advance(self, now_us: int) -> list[Finding]:
        """Judge every complete step up to ``now_us``, and the silence of devices."""
        findings: list[Finding] = []
        complete_us = (now_us - LATENESS_US) // STEP_US * STEP_US
        if now_us < max(self._ticked_us, self._done_us) - BACK_US:
            self._turn_back(now_us, complete_us)
        if complete_us > self._done_us:
            findings += self._complete(complete_us)
            self._done_us = complete_us
        if now_us - self._ticked_us >= TICK_US:
            self._ticked_us = now_us
            findings += self._pass([f for d in self._tickers for f in self._of(d, d.tick, self._district, now_us)])
        return findings

    def _turn_back(self, now_us: int, complete_us: int) -> None:
        """Go back with a clock that was ahead: nobody may go unwatched until it is there again."""
        self._done_us, self._ticked_us = min(self._done_us, complete_us), 0
        self._latest.turn_back(complete_us)
        self._latest_of_sources.turn_back(complete_us)
        self._ledger.turn_back(now_us)

    def _wait(self, happened: Happened) -> None:
        self._order += 1
        heapq.heappush(self._moments, (happened.time_us, self._order, happened))

    def _happened(self, happened: Happened) -> list[Finding]:
        judges = self._judges_of.get(happened.kind)
        if judges is None:
            mine = [d for d in self._event_lookers if d.kinds is None or happened.kind in d.kinds]
            judges = self._judges_of[happened.kind] = [(d, d.event) for d in mine]
        self._hearing.turn()
        district, findings = self._district, []
        for detector, judge in judges:
            try:
                findings += [self._explained(detector, finding) for finding in judge(district, happened)]
            except Exception as error:
                self.failed(self._name_of(detector), error)
        return findings

    def _share_homes(self) -> None:
        self._hearing.shared_by(d for d in self._detectors.values() if isinstance(d, Behaviour))

    def _of(self, detector: Detector, judge: Callable[..., Iterable[Finding]], *about: Any) -> Iterator[Finding]:
        """A detector's findings, with the evidence that every alert has: the window and the parameters in force."""
        try:
            for finding in judge(*about):
                yield self._explained(detector, finding)
        except Exception as error:
            self.failed(self._name_of(detector), error)

    def _safely(self, name: str, do: Callable[..., _T], *about: Any) -> _T | None:
        """The result of a detector's method; None where it fails."""
        try:
            return do(*about)
        except Exception as error:
            self.failed(name, error)
            return None

    def _name_of(self, detector: Detector) -> str:
        return next(name for name, known in self._detectors.items() if known is detector)

    def _explained(self, detector: Detector, finding: Finding) -> Finding:
        msgspec.convert(msgspec.to_builtins(finding), Finding)  # a number of numpy here would stop the service later
        if finding.action not in ("open", "update"):
            return finding
        person = self._people.get((finding.household_id, finding.resident_id))
        rule = detector.rules.get(finding.rule)
        explained = {
            **({} if rule is None else {KEY: msgspec.to_builtins(rule.words)}),
            "window": {"since_us": finding.since_us, "until_us": finding.sensed_us},
            "parameters": detector.in_force(person, finding.rule),
            **finding.evidence,
        }
        return msgspec.structs.replace(finding, evidence=explained)

    def _pass(self, findings: list[Finding]) -> list[Finding]:
        return self._ledger.take(self._district, findings) if findings else findings

    def _complete(self, until_us: int) -> list[Finding]:
        findings: list[Finding] = []
        for hour, columns in by_hour(self._waiting.take_before(until_us)):
            findings += self._look(columns, hour, min((hour + 1) * HOUR_US, until_us))
        return [*findings, *self._moments_until(until_us), *self._ledger.release(self._district, until_us)]

    def _look(self, columns: VitalColumns, hour: int, end_us: int) -> list[Finding]:
        folded, implausible = fold(columns), columns.take(np.empty(0, np.intp))
        if impossible(folded):
            columns, implausible = split(columns)
            folded = fold(columns)
        every = self._latest_of_sources.newer(folded)
        sources, bins = self._sources(every)
        steps = CompleteSteps(
            district=self._district,
            latest=self._latest,
            bins=bins,
            hour=hour,
            implausible=implausible,
            sources=sources,
        )
        unordered: list[Finding] = []
        for detector in self._lookers if len(every) or len(implausible) else ():
            self.between()
            unordered += self._of(detector, detector.look, steps)
        self.between()
        self._latest.keep(bins)
        self._latest_of_sources.keep(every)
        unordered.sort(key=lambda f: f.sensed_us)  # stable: within a moment by detector, as with single steps
        findings: list[Finding] = []
        for finding in unordered:
            findings += self._moments_until(finding.sensed_us)
            findings += self._ledger.release(self._district, finding.sensed_us)
            findings += self._pass([finding])
        return [*findings, *self._moments_until(end_us)]

    def _sources(self, every: Bins) -> tuple[SourceBins, Bins]:
        """The bins of each device, and those of the devices that lead their channel."""
        if every.seat.any():
            self._shared[every.series[every.seat > 0]] = True
        shared = shared_bins(every, self._latest_of_sources, self.seats.state, self._shared)
        counts, leads = judged(every, shared)
        leading = self._latest.newer(in_order(every.where(leads)))
        before = self._latest_of_sources.before(every)
        sensed = self._seen.add(every, before[1])
        continuous = self.seats.state.continuous(every.source)
        sensed.streams[:] |= continuous
        sensed.lasting[:] |= continuous
        sensed.in_row[self.seats.state.rank.take(every.source) == -CONTACTLESS] = IN_ROW_CONTACTLESS
        doubt = self._doubts.of(every, leading, self._latest, self._latest_of_sources, self.seats.state, sensed.streams)
        waits = counts & (doubt == DOUBLED)
        if doubt.any():
            counts, leads = counts & (doubt == 0), leads & (doubt == 0)
            leading = self._latest.newer(in_order(every.where(leads)))
        sources = SourceBins(
            bins=every,
            counts=counts,
            waits=waits,
            doubt=doubt,
            before=before,
            sensed=sensed,
            shared=shared,
            seated=self.seats.state,
        )
        return sources, leading

    def _moments_until(self, until_us: int) -> list[Finding]:
        """Judge waiting events and timers before ``until_us`` in the order of time, events first at equal times."""
        findings: list[Finding] = []
        while True:
            event_us = self._moments[0][0] if self._moments else until_us
            timer = self._alarms.pop(min(event_us, until_us))
            if timer is not None:
                at_us, owner, key = timer
                findings += self._ledger.release(self._district, at_us)
                if owner in self._detectors:
                    detector = self._detectors[owner]
                    findings += self._pass(list(self._of(detector, detector.due, self._district, key, at_us)))
            elif event_us < until_us:
                findings += self._pass(self._happened(heapq.heappop(self._moments)[2]))
            else:
                return findings


def _not_handled(_detector: str, error: Exception) -> None:
    raise error


def _bytes_of(state: msgspec.Struct) -> int:
    """Size of the arrays of a state and of its parts, in bytes."""
    values = [getattr(state, field) for field in state.__struct_fields__]
    arrays = sum(value.nbytes for value in values if isinstance(value, np.ndarray))
    return arrays + sum(_bytes_of(value) for value in values if isinstance(value, msgspec.Struct))
