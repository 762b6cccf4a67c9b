"""Judge whether the parts of a program are alive: by the work that they do, not by a timer beside it.

A part is a loop in a thread of its own (or a task of an event loop). It reports each turn: :meth:`Part.turned` after
work or where there was none, :meth:`Part.held_up` where something that it needs is away. So three troubles are told
apart:

- *ended*: its thread is gone. The program ends, to be started again.
- *standing still*: it does not turn, or work waits and none is done. A restart helps: the program is not *live*.
- *held up*: it turns, and waits for the database or the broker. A restart would not help: the program is live, and not
  *ready*.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from observability.structs import understand_structs

log = structlog.get_logger(__name__)

TURN_S = 60.0
"""Longest time between two turns: a statement may take 30 s, connecting 5 s, a machine that is behind the rest."""
FROZEN_S = 5.0
"""With so long between two looks this program stood still itself (a frozen process, a machine that slept): the parts
get their whole time again."""

State = Literal["well", "held up", "standing still", "ended"]


class Finding(msgspec.Struct, frozen=True):
    """State of one part. ``age_s``: seconds since its last turn; ``reason``: empty where it is well."""

    name: str
    state: State
    age_s: float
    reason: str = ""


class Part:
    """One loop of a program. Thread-safe: each report is a single assignment.

    ``waiting`` gives the number of things that wait for it, where that is known: then :meth:`done` has to be called for
    each that was finished.
    """

    def __init__(
        self,
        name: str,
        limit_s: float,
        waiting: Callable[[], int] | None,
        clock: Callable[[], float],
        gone: Callable[["Part"], None],
        stopping: Callable[[], bool],
    ) -> None:
        self.name, self.limit_s, self._stopping = name, limit_s, stopping
        self._waiting, self._clock, self._gone = waiting, clock, gone
        self._turned_at = self._done_at = clock()
        self._held_up = self._fault = ""
        self.finished = False
        """Ended as it should: it is judged no longer."""

    def turned(self) -> None:
        """Report a turn of the loop: it worked, or there was nothing to do."""
        self._turned_at, self._held_up = self._clock(), ""

    def done(self) -> None:
        """Report a turn that finished some of what waits."""
        self._done_at = self._clock()
        self.turned()

    def held_up(self, reason: str) -> None:
        """Report a turn that could do nothing, because of something outside this program."""
        self._turned_at = self._done_at = self._clock()
        self._held_up = reason.strip().partition("\n")[0] or "held up"

    def finish(self) -> None:
        """Report the end that was asked for."""
        self.finished = True

    def end(self, fault: str) -> None:
        """Report an end; it is a fault unless the program was asked to stop."""
        if not self.finished and not self._stopping():
            self._fault = fault
            self._gone(self)

    def run(self, work: Callable[[], object]) -> None:
        """Run a loop that must not return before :meth:`finish`; what it raises is logged and ends the part."""
        try:
            work()
        except Exception as error:
            if not self.finished:
                log.exception("a part has died", part=self.name)
            self.end(f"{type(error).__name__}: {error}".partition("\n")[0])
        else:
            self.end("its loop returned")

    def judge(self, awake_since: float) -> Finding:
        """Judge the part now; its time counts from ``awake_since`` on, where it turned before."""
        now = self._clock()
        age = max(0.0, now - max(self._turned_at, awake_since))
        if self._fault:
            return Finding(self.name, "ended", age, self._fault)
        if age > self.limit_s:
            return Finding(self.name, "standing still", age, f"no turn for {age:.0f} s")
        if self._held_up:
            return Finding(self.name, "held up", age, self._held_up)
        waiting = 0 if self._waiting is None else self._waiting()
        if not waiting:
            self._done_at = now
        elif (idle := now - max(self._done_at, awake_since)) > self.limit_s:
            return Finding(self.name, "standing still", age, f"{waiting} wait, and none was done for {idle:.0f} s")
        return Finding(self.name, "well", age)


class Liveness:
    """The parts of one program. ``ended`` is called (in the part's thread) when one of them ends by itself; a part
    that does not turn for ``turn_s`` stands still."""

    def __init__(
        self,
        ended: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        turn_s: float = TURN_S,
    ) -> None:
        self._ended, self._clock, self._turn_s = ended, clock, turn_s
        self._stopping: Callable[[], bool] = lambda: False
        self._parts: dict[str, Part] = {}
        self._checks: dict[str, Callable[[], str]] = {}
        self._lock = threading.Lock()
        self._looked_at = self._awake_since = clock()
        self.faults: list[str] = []
        """Parts that ended by themselves, each with its fault."""
        self.certificates: list[Path] = []
        """Certificate files of the program, whose expiry its metrics tell."""
        self.gauges: list[Callable[[], None]] = []
        """Called before the metrics are shown, to bring gauges up to date."""

    def part(self, name: str, pause_s: float = 0.0, waiting: Callable[[], int] | None = None) -> Part:
        """Add a part, which rests for ``pause_s`` between its turns; it counts as turned now. A name that is there
        already is replaced."""
        part = Part(name, self._turn_s + pause_s, waiting, self._clock, self._gone, lambda: self._stopping())
        with self._lock:
            self._parts[name] = part
        return part

    def need(self, name: str, fault: Callable[[], str]) -> None:
        """Add something outside that the program needs; ``fault`` gives a reason where it is away, else ''."""
        with self._lock:
            self._checks[name] = fault

    def start(
        self,
        name: str,
        work: Callable[[Part], object],
        pause_s: float = 0.0,
        waiting: Callable[[], int] | None = None,
    ) -> threading.Thread:
        """Start ``work`` as a part in a thread of its own."""
        understand_structs()
        part = self.part(name, pause_s, waiting)
        thread = threading.Thread(target=part.run, args=(lambda: work(part),), name=name)
        thread.start()
        return thread

    def until(self, stop: threading.Event) -> None:
        """Take the ends of parts after ``stop`` for no faults: their loops end by it, in any order."""
        self._stopping = stop.is_set

    def finish(self) -> None:
        """Report that the program stops as it was asked to: ends of parts are none any more."""
        with self._lock:
            for part in self._parts.values():
                part.finish()

    def look(self) -> list[Finding]:
        """Judge every part and every need now. Called about once a second by the watcher, and by the probes."""
        with self._lock:
            now = self._clock()
            if now - self._looked_at > FROZEN_S:
                self._awake_since = now
            self._looked_at = now
            parts, checks = list(self._parts.values()), list(self._checks.items())
        found = [part.judge(self._awake_since) for part in parts if not part.finished or part._fault]
        for name, fault in checks:
            reason = fault()
            found.append(Finding(name, "held up" if reason else "well", 0.0, reason))
        return found

    def _gone(self, part: Part) -> None:
        log.critical("a part has ended; the program ends, to be started again", part=part.name, fault=part._fault)
        self.faults.append(f"{part.name} ({part._fault})")
        self._ended()


def live(findings: list[Finding]) -> bool:
    """Whether no part has ended or stands still: else a restart helps."""
    return not any(finding.state in ("ended", "standing still") for finding in findings)


def ready(findings: list[Finding]) -> bool:
    """Whether all parts do their work, and everything that they need is there; not while there is no part yet."""
    return bool(findings) and all(finding.state == "well" for finding in findings)


def unwatched(name: str = "unwatched") -> Part:
    """Make a part that nobody looks at, for a loop that runs outside a service."""
    return Liveness().part(name)
