"""The gateway's outbox as a state machine: whatever the order of putting, sending, crashing, acknowledging and filling
the disk, nothing on disk is lost, numbers rise by one, and a number never stands for two contents."""

import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.outbox.memory import CAPACITY
from edge_agent.outbox.numbering import id_without_file
from edge_agent.outbox.outbox import FRESH_US, Outbox, Outgoing, read_totals
from edge_agent.timekeeping.clock import Clock
from firmware_profiles import wire
from tests.support.disks import refusing_writes

START = 1_800_000_000_000_000
BUDGET = 10_000_000


class Hand:
    """A clock set by hand: wall clock and uptime go together."""

    def __init__(self, now: int = START, synced: bool = True) -> None:
        self.now, self.elapsed, self.synced = now, 0, synced

    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.elapsed, lambda: self.synced)

    def wait(self, us: int) -> None:
        self.now += us
        self.elapsed += us


def series(value: float, size: int = 1) -> list[wire.Series]:
    times = START + np.arange(size, dtype=np.int64) * 1000
    return [wire.make_series("radar", "heart_rate", START, times, np.full(size, value, np.float32))]


def value_of(frame: wire.Frame) -> float:
    return float(frame.series[0].floats()[0])


def abandon(outbox: Outbox) -> None:
    """As a kill would: the file is left as it is, without goodbye."""
    if outbox._file is not None:
        outbox._file.close()


class OutboxMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "buffer.db"
        self.hand = Hand()
        self.full = False
        self.made = {"frames": 0, "events": 0}
        self.only_in_memory: set[tuple[str, int]] = set()
        self.forgotten: set[tuple[str, int]] = set()
        self.contents: dict[tuple[int, str, int], bytes] = {}
        self.arrived: set[tuple[str, int]] = set()
        self.order: dict[int, list[int]] = {}
        self.in_flight: list[Outgoing] = []
        self.open()

    def disk(self) -> AbstractContextManager[None]:
        return refusing_writes() if self.full else nullcontext()

    def open(self) -> None:
        self.hand.wait(1)
        # starts without a file count from the same id, as chance would have it once in a very long time
        with self.disk(), patch("edge_agent.outbox.outbox.id_without_file", lambda clock: (1 << 62) + clock.now_us()):
            self.outbox = Outbox(self.path, "gw-1", self.hand.clock(), BUDGET)
        self.in_flight = []

    def put(self, what: str) -> int:
        self.made[what] += 1
        number = self.made[what]
        if self.full:
            self.only_in_memory.add((what, number))
        else:
            self.only_in_memory.clear()
        return number

    @rule()
    def put_frame(self) -> None:
        number = self.put("frames")
        with self.disk():
            self.outbox.put_frame(self.hand.now, series(float(number)))

    @rule()
    def put_event(self) -> None:
        number = self.put("events")
        with self.disk():
            self.outbox.put_event("radar", "sos_pressed", self.hand.now, {"n": number}, b"")

    @rule(limit=st.integers(1, 4))
    def send(self, limit: int) -> None:
        with self.disk():
            events = self.outbox.next("events", self.hand.now, limit)
            frames = self.outbox.next("frames", self.hand.now, limit)
        for message in events + frames:
            self._receive(message)
        self.in_flight += events + frames

    def _receive(self, message: Outgoing) -> None:
        if message.lane == "frames":
            frame = wire.decode(wire.Frame, message.payload)
            key: tuple[int, str, int] = (frame.epoch, frame.stream, frame.seq)
            what = ("frames", int(value_of(frame)))
        else:
            event = wire.decode(wire.Event, message.payload)
            key, what = (event.epoch, "events", event.seq), ("events", int(event.values["n"]))
        assert self.contents.setdefault(key, message.payload) == message.payload, "one number, two contents"
        self.arrived.add(what)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.in_flight) - 1))
        self.outbox.delete([self.in_flight.pop(at).id])

    @rule()
    def tick(self) -> None:
        with self.disk():
            self.outbox.flush()
        assert bool(self.outbox.unwritable) <= self.full
        if not self.full:
            self.only_in_memory.clear()
            assert read_totals(self.path).pending == self.outbox.totals().pending, "the file has each message once"

    @rule()
    def crash(self) -> None:
        with self.disk():
            abandon(self.outbox)
        self.forgotten |= self.only_in_memory
        self.only_in_memory.clear()
        self.open()

    @rule()
    def restart(self) -> None:
        with self.disk():
            self.outbox.close()
        if self.full:
            self.forgotten |= self.only_in_memory
        self.only_in_memory.clear()
        self.open()

    @rule()
    def fill_or_free_the_disk(self) -> None:
        self.full = not self.full

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.hand.wait(seconds * 1_000_000)

    @invariant()
    def numbers_rise_by_one(self) -> None:
        streams: dict[tuple[int, str], set[int]] = {}
        for epoch, stream, seq in self.contents:
            streams.setdefault((epoch, stream), set()).add(seq)
        for (_, stream), numbers in streams.items():
            if stream != "events":
                assert numbers == set(range(1, len(numbers) + 1))

    def teardown(self) -> None:
        self.full = False
        self.restart()
        self.send(10_000)
        made = {(what, n + 1) for what, count in self.made.items() for n in range(count)}
        assert made - self.arrived <= self.forgotten
        totals = read_totals(self.path)
        if not self.forgotten:
            assert (totals.frames, totals.events) == (self.made["frames"], self.made["events"])
        self.outbox.delete([message.id for message in self.in_flight])
        self.outbox.flush()
        assert self.outbox.totals().pending == 0
        assert read_totals(self.path).pending == 0
        self.outbox.close()
        self.folder.cleanup()


OutboxMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestOutbox = OutboxMachine.TestCase


def test_fresh_goes_live_and_waiting_goes_as_backlog(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "b.db", "gw-1", Hand().clock(), BUDGET)
    outbox.put_frame(START, series(1))
    later = START + FRESH_US + 1
    outbox.put_frame(later, series(2))
    sent = [wire.decode(wire.Frame, m.payload) for m in outbox.next("frames", later, 10)]
    assert [(f.stream, f.seq, value_of(f)) for f in sent] == [("live", 1, 2.0), ("backfill", 1, 1.0)]
    assert outbox.next("frames", later, 10) == [], "each is handed out once"
    outbox.close()


def size_on_disk(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))


@pytest.mark.parametrize("budget", [1 << 20, 8 << 20])
def test_the_budget_holds_for_the_files_and_costs_the_oldest_readings_never_an_event(
    tmp_path: Path, budget: int
) -> None:
    path = tmp_path / "b.db"
    hand = Hand()
    outbox = Outbox(path, "gw-1", hand.clock(), budget)
    outbox.put_event("radar", "sos_pressed", START, {}, b"x" * 500)
    size, number, most = 300, 0, 0
    while outbox.totals().lost_frames < 200:
        number += 1
        outbox.put_frame(START + number, series(float(number), size))
        most = max(most, size_on_disk(path))
    totals = outbox.totals()
    assert budget / 2 < most <= budget
    assert totals.lost_readings == totals.lost_frames * size
    assert totals.lost_frames + totals.pending == number + 1
    (event,) = outbox.next("events", START, 10)
    assert wire.decode(wire.Event, event.payload).seq == 1
    values = [value_of(wire.decode(wire.Frame, m.payload)) for m in outbox.next("frames", START, number)]
    assert values == [float(n) for n in range(totals.lost_frames + 1, number + 1)], "the oldest went"
    seqs = [wire.decode(wire.Frame, m.payload).seq for m in outbox.next("frames", START, number)]
    assert seqs == []
    outbox.close()
    assert read_totals(path) == totals


def test_what_was_given_up_leaves_no_gap_in_the_numbers(tmp_path: Path) -> None:
    """A frame that has a number is never given up: the district waits for no number and counts none as missing."""
    hand = Hand()
    outbox = Outbox(tmp_path / "b.db", "gw-1", hand.clock(), 1 << 20)
    for n in range(20):
        outbox.put_frame(START + n, series(float(n), 300))
    flying = outbox.next("frames", START, 8)
    for n in range(20, 2000):
        outbox.put_frame(START + n, series(float(n), 300))
    assert outbox.totals().lost_frames > 500
    sent = [wire.decode(wire.Frame, m.payload) for m in flying + outbox.next("frames", START, 5000)]
    assert [frame.seq for frame in sent] == list(range(1, len(sent) + 1))
    assert [value_of(frame) for frame in sent[:8]] == [float(n) for n in range(8)]
    outbox.close()


def test_events_alone_can_reach_the_budget_and_the_oldest_of_them_is_the_very_last_resort(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "b.db", "gw-1", Hand().clock(), 1 << 20)
    for n in range(200):
        outbox.put_event("pendant", "fall_suspected", START, {"n": n}, bytes(20_000))
    totals = outbox.totals()
    assert totals.lost_events > 0
    assert size_on_disk(tmp_path / "b.db") <= 1 << 20
    kept = [wire.decode(wire.Event, m.payload).values["n"] for m in outbox.next("events", START, 500)]
    assert kept == list(range(totals.lost_events, 200))
    outbox.close()


def test_a_full_disk_keeps_the_newest_in_memory_and_bounded(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "b.db", "gw-1", Hand().clock(), BUDGET)
    outbox.put_event("radar", "sos_pressed", START, {"n": -1}, b"")
    with refusing_writes():
        for n in range(CAPACITY["events"] + 10):
            outbox.put_event("radar", "sos_pressed", START, {"n": n}, b"")
        for n in range(CAPACITY["frames"] + 5):
            outbox.put_frame(START + n, series(float(n), 2))
        assert outbox.unwritable
        totals = outbox.totals()
        assert (totals.lost_events, totals.lost_frames, totals.lost_readings) == (10, 5, 10)
        events = [wire.decode(wire.Event, m.payload) for m in outbox.next("events", START, 1000)]
        assert [e.values["n"] for e in events] == [-1, *range(10, CAPACITY["events"] + 10)]
        frames = [wire.decode(wire.Frame, m.payload) for m in outbox.next("frames", START, 1000)]
        assert [value_of(f) for f in frames] == [float(n) for n in range(5, CAPACITY["frames"] + 5)]
        assert {e.epoch for e in events[1:]} == {f.epoch for f in frames} == {outbox.epoch}
        assert events[0].epoch != outbox.epoch, "numbers that no file knows are of an epoch of their own"
    outbox.flush()
    assert not outbox.unwritable
    assert read_totals(tmp_path / "b.db").pending == totals.pending
    outbox.close()


def test_a_disk_that_is_full_at_the_start_is_used_when_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    hand = Hand()
    outbox = Outbox(path, "gw-1", hand.clock(), BUDGET)
    outbox.put_event("radar", "sos_pressed", START, {"n": 0}, b"")
    outbox.close()
    with refusing_writes():
        outbox = Outbox(path, "gw-1", hand.clock(), BUDGET)
        outbox.put_event("radar", "sos_pressed", START, {"n": 1}, b"")
        (sent,) = [m for m in outbox.next("events", START, 5) if b"\xa1n\x01" in m.payload]
    outbox.flush()
    assert [wire.decode(wire.Event, m.payload).values["n"] for m in outbox.next("events", START, 5)] in ([0], [])
    outbox.delete([sent.id])
    outbox.close()
    assert read_totals(path).events == 2


def test_times_of_a_boot_without_a_clock_are_held_and_moved_once(tmp_path: Path) -> None:
    hand = Hand(20_000_000, synced=False)
    clock = hand.clock()
    outbox = Outbox(tmp_path / "b.db", "gw-1", clock, BUDGET)
    made = clock.now_us()
    outbox.put_frame(made, series(1))
    outbox.put_event("radar", "sos_pressed", made, {}, b"")
    assert outbox.next("frames", made, 9) == [], "held until the time is known"
    (event,) = outbox.next("events", made, 9)
    assert wire.decode(wire.Event, event.payload).time_us == made, "an SOS does not wait"
    outbox.put_event("radar", "bed_exit", made, {}, b"")
    hand.wait(60_000_000)
    hand.now, hand.synced = START, True
    step = clock.check()
    assert step is not None
    outbox.restamp(step)
    outbox.put_frame(clock.now_us(), series(2))
    true_time = START - 60_000_000
    (late,) = outbox.next("events", clock.now_us(), 9)
    assert wire.decode(wire.Event, late.payload).time_us == true_time
    frames = [wire.decode(wire.Frame, m.payload) for m in outbox.next("frames", clock.now_us(), 9)]
    assert sorted((value_of(f), f.base_us) for f in frames) == [(1.0, true_time), (2.0, START)]
    outbox.close()
    again = Outbox(tmp_path / "b.db", "gw-1", hand.clock(), BUDGET)
    repeated = [wire.decode(wire.Frame, m.payload) for m in again.next("frames", START, 9)]
    assert sorted(f.base_us for f in repeated) == [true_time, START], "not moved twice"
    again.close()


@pytest.mark.parametrize(("puts", "sent", "later"), [(2, 0, 0), (2, 0, 1), (2, 1, 0), (2, 1, 1), (1, 1, 1)])
def test_a_disk_that_was_full_at_two_starts_costs_no_message(puts: int, sent: int, later: int) -> None:
    """Ids that the second start gives without the file may stand in the file of the first: the broker's word for a
    message of this start is not taken for one of that, and both go."""
    machine = OutboxMachine()
    for count in (puts, 1):
        machine.fill_or_free_the_disk()
        machine.crash()
        if count == puts:
            machine.fill_or_free_the_disk()
        for _ in range(count):
            machine.put_event()
    if sent:
        machine.send(1)
        assert [message.lane for message in machine.in_flight] == ["events"]
    machine.fill_or_free_the_disk()
    for _ in range(later):
        machine.put_event()
    if not later:
        machine.tick()
    if sent:
        machine.outbox.delete([machine.in_flight.pop().id])
        machine.tick()
    machine.crash()
    machine.teardown()


def test_starts_without_a_file_count_apart_though_the_clock_begins_at_the_same_time() -> None:
    ids = [id_without_file(Hand(START + n).clock()) for n in range(20)]
    assert len(set(ids)) == 20
    assert id_without_file(Hand(START + 2_000_000).clock()) > max(ids)
    assert max(ids) < 1 << 63
