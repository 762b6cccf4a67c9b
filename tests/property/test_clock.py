"""The gateway's clock under every wall clock there is: stepped, slewed, unset, set back."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.timekeeping.clock import (
    BACK_US,
    EARLIEST_US,
    PATIENCE_US,
    STEP_US,
    Clock,
    ClockStep,
    elapsed_us,
    wall_us,
)

NOON = EARLIEST_US + 40 * 86_400_000_000
SECOND = 1_000_000


class Machine:
    """A wall clock that a test sets and an uptime that only grows."""

    def __init__(self, wall: int = NOON, synced: bool = True) -> None:
        self.elapsed, self.gap, self.synced = 5 * SECOND, wall - 5 * SECOND, synced
        self.clock = Clock(lambda: self.elapsed + self.gap, lambda: self.elapsed, lambda: self.synced)

    def wait(self, seconds: float) -> None:
        self.elapsed += round(seconds * SECOND)

    def step(self, seconds: float) -> None:
        self.gap += round(seconds * SECOND)

    @property
    def wall(self) -> int:
        return self.elapsed + self.gap


moves = st.lists(
    st.tuples(
        st.sampled_from(["wait", "step", "sync", "check"]),
        st.one_of(st.floats(-0.2, 0.2), st.floats(-90, 90), st.floats(-40_000, 40_000), st.floats(-2e9, 2e9)),
    ),
    max_size=60,
)


@given(moves, st.integers(0, 2 * NOON), st.integers(0, NOON), st.booleans())
def test_within_a_boot_time_never_runs_backwards(
    steps: list[tuple[str, float]], wall: int, floor: int, synced: bool
) -> None:
    machine = Machine(wall, synced)
    clock = machine.clock
    clock.begin(floor, floor)
    last, boot = clock.now_us(), clock.boot_us
    for kind, amount in steps:
        if kind == "wait":
            machine.wait(abs(amount))
        elif kind == "step":
            machine.step(amount)
        elif kind == "sync":
            machine.synced = amount > 0
        else:
            before = clock.now_us()
            step = clock.check()
            assert clock.now_us() - before == (step.by_us if step else 0)
        assert clock.boot_us >= boot, "boots rise"
        now = clock.now_us()
        assert now >= last or clock.boot_us > boot
        assert clock.boot_us > boot or clock.boot_us == boot
        last, boot = now, clock.boot_us


@given(st.lists(st.floats(0, 3600), min_size=1, max_size=20), st.floats(-0.128, 0.128))
def test_small_corrections_are_slewed_and_end(waits: list[float], by: float) -> None:
    machine = Machine()
    machine.step(by)
    for wait in waits:
        before = machine.clock.now_us()
        assert machine.clock.check() is None
        machine.wait(wait)
        passed = machine.clock.now_us() - before
        assert abs(passed - wait * SECOND) <= wait * SECOND * 500e-6 + 1
    machine.clock.check()
    machine.wait(300)
    machine.clock.check()
    assert abs(machine.clock.offset_us()) <= 1
    assert machine.clock.steps <= 1


def test_a_step_forward_is_followed_and_told() -> None:
    machine = Machine()
    machine.wait(10)
    machine.step(3600)
    step = machine.clock.check()
    assert step == ClockStep(NOON + 10 * SECOND, 3600 * SECOND, ())
    assert machine.clock.now_us() == machine.wall
    assert (machine.clock.steps, machine.clock.boot_us) == (1, NOON)


def test_set_back_a_little_it_runs_slower_until_both_agree() -> None:
    machine = Machine()
    machine.step(-30)
    seen = [machine.clock.now_us()]
    for _ in range(400):
        assert machine.clock.check() is None
        machine.wait(1)
        seen.append(machine.clock.now_us())
    assert all(0.9 * SECOND < b - a <= SECOND for a, b in itertools.pairwise(seen))
    assert abs(machine.clock.offset_us()) < STEP_US
    assert machine.clock.boot_us == NOON


def test_set_back_a_lot_it_follows_in_a_new_boot() -> None:
    machine = Machine()
    machine.step(-8 * 3600)
    step = machine.clock.check()
    assert step is not None
    assert (step.by_us, step.boots) == (-8 * 3600 * SECOND, ())
    assert machine.clock.now_us() == machine.wall
    assert machine.clock.boot_us > NOON
    assert abs(step.by_us) > BACK_US


def test_without_a_clock_chip_it_counts_from_the_last_time_seen_until_the_time_is_known() -> None:
    machine = Machine(wall=20 * SECOND, synced=False)
    machine.clock.begin(NOON, NOON - 7)
    assert not machine.clock.known
    assert machine.clock.now_us() == machine.clock.held_from_us == NOON + 1
    machine.wait(100)
    assert machine.clock.check() is None
    assert machine.clock.now_us() == NOON + 1 + 100 * SECOND
    boot = machine.clock.boot_us
    machine.gap = NOON + 7200 * SECOND - machine.elapsed
    machine.synced = True
    step = machine.clock.check()
    assert step == ClockStep(NOON + 1 + 100 * SECOND, 7100 * SECOND - 1, (boot,))
    assert machine.clock.known
    assert machine.clock.held_from_us is None
    assert machine.clock.now_us() == machine.wall
    assert machine.clock.check() is None, "once"


def test_a_plausible_clock_that_was_never_set_is_restamped_at_the_first_sync() -> None:
    machine = Machine(wall=NOON + 5 * SECOND, synced=False)  # the saved time of the last shutdown
    machine.clock.begin(NOON, NOON - 7)
    assert machine.clock.known
    machine.step(10 * 3600)
    machine.synced = True
    step = machine.clock.check()
    assert step is not None
    assert step.boots == (NOON + 5 * SECOND,)
    machine.step(3600)
    later = machine.clock.check()
    assert later is not None
    assert not later.boots, "those times were right"


def test_a_clock_behind_the_last_time_seen_is_believed_after_a_while() -> None:
    machine = Machine(wall=NOON - 3600 * SECOND, synced=False)
    machine.clock.begin(NOON, NOON)
    machine.wait(PATIENCE_US / SECOND - 1)
    assert machine.clock.check() is None
    assert not machine.clock.known
    machine.wait(1)
    step = machine.clock.check()
    assert step is not None
    assert machine.clock.known
    assert step.by_us == -3600 * SECOND - 1
    assert machine.clock.now_us() == machine.wall
    (held,) = step.boots
    assert machine.clock.boot_us > held
    machine.step(600)
    machine.synced = True
    again = machine.clock.check()
    assert again is not None
    assert again.boots == (held, step.boots[0] + 1), "both were uncertain until a time server was heard"


def test_the_machine_has_both_clocks() -> None:
    assert wall_us() > EARLIEST_US
    first = elapsed_us()
    assert elapsed_us() >= first > 0
