"""Parts are judged by their work: ended, standing still, held up and well are told apart."""

import threading

import pytest

from observability.liveness import FROZEN_S, Liveness, live, ready


class Clock:
    """A clock that the test sets; the watcher looks once a second, as in a service."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, liveness: Liveness, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.now += 1
            liveness.look()


def states(liveness: Liveness) -> dict[str, str]:
    return {finding.name: finding.state for finding in liveness.look()}


def test_a_part_that_does_not_turn_stands_still_and_is_well_again_when_it_does() -> None:
    clock = Clock()
    liveness = Liveness(clock=clock, turn_s=10)
    part = liveness.part("store")
    clock.pass_by(liveness, 10)
    assert states(liveness) == {"store": "well"}
    clock.pass_by(liveness, 1)
    (finding,) = liveness.look()
    assert (finding.state, finding.reason) == ("standing still", "no turn for 11 s")
    assert not live([finding])
    part.turned()
    assert states(liveness) == {"store": "well"}


def test_a_part_that_rests_between_its_turns_gets_that_time_besides() -> None:
    clock = Clock()
    liveness = Liveness(clock=clock, turn_s=10)
    liveness.part("gaps", pause_s=15)
    clock.pass_by(liveness, 25)
    assert states(liveness) == {"gaps": "well"}
    clock.pass_by(liveness, 1)
    assert states(liveness) == {"gaps": "standing still"}


def test_a_part_that_is_held_up_is_live_and_not_ready() -> None:
    clock = Clock()
    liveness = Liveness(clock=clock, turn_s=10)
    part = liveness.part("store", waiting=lambda: 7)
    for _ in range(5):  # the database is away for fifty seconds, and messages wait
        clock.pass_by(liveness, 9)
        part.held_up("connection refused\nIs the server running?")
    findings = liveness.look()
    assert [(one.state, one.reason) for one in findings] == [("held up", "connection refused")]
    assert live(findings)
    assert not ready(findings)
    part.done()
    assert ready(liveness.look())


def test_a_part_that_turns_while_its_work_waits_stands_still() -> None:
    clock, waiting = Clock(), 0
    liveness = Liveness(clock=clock, turn_s=10)
    part = liveness.part("store", waiting=lambda: waiting)

    def turn(seconds: int) -> None:
        for _ in range(seconds):
            clock.pass_by(liveness, 1)
            part.turned()

    turn(30)  # idle
    assert states(liveness) == {"store": "well"}
    waiting = 3
    turn(10)
    assert states(liveness) == {"store": "well"}
    turn(1)
    (finding,) = liveness.look()
    assert (finding.state, finding.reason) == ("standing still", "3 wait, and none was done for 11 s")
    part.done()
    assert states(liveness) == {"store": "well"}


def test_a_program_that_was_frozen_itself_gets_its_whole_time_again() -> None:
    clock = Clock()
    liveness = Liveness(clock=clock, turn_s=10)
    liveness.part("store")
    clock.pass_by(liveness, 3)
    clock.now += FROZEN_S + 3600  # SIGSTOP, or a machine that slept
    assert states(liveness) == {"store": "well"}
    clock.pass_by(liveness, 11)
    assert states(liveness) == {"store": "standing still"}


@pytest.mark.parametrize("fault", ["raises", "returns"])
def test_a_thread_that_ends_by_itself_ends_the_program(fault: str) -> None:
    ended = threading.Event()
    liveness = Liveness(ended.set)

    def work(_part: object) -> None:
        if fault == "raises":
            raise OSError("the clock is broken")

    liveness.start("prepare", work).join(10)
    assert ended.is_set()
    assert liveness.faults == [
        "prepare (OSError: the clock is broken)" if fault == "raises" else "prepare (its loop returned)"
    ]
    assert states(liveness) == {"prepare": "ended"}


def test_an_end_that_was_asked_for_is_none() -> None:
    ended, stop = threading.Event(), threading.Event()
    liveness = Liveness(ended.set)
    thread = liveness.start("store", lambda _: stop.wait())
    liveness.finish()
    stop.set()
    thread.join(10)
    assert not ended.is_set()
    assert liveness.look() == []


def test_something_needed_that_is_away_makes_the_program_not_ready() -> None:
    liveness, reason = Liveness(), ""
    liveness.need("disk", lambda: reason)
    assert ready(liveness.look())
    reason = "full"
    assert live(liveness.look())
    assert not ready(liveness.look())
