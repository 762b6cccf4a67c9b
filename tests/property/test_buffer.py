"""The gateway's outbox as a state machine: whatever the order of putting, sending, crashing and acknowledging, nothing
is lost, numbers rise by one, and a number never stands for two contents."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.buffer import FRESH_US, Buffer, Outgoing, read_totals
from firmware_profiles import wire

START = 1_800_000_000_000_000


def series(value: float) -> list[wire.Series]:
    return [wire.make_series("radar", "heart_rate", START, np.array([START]), np.array([value], np.float32))]


class Outbox(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "buffer.db"
        self.now = START
        self.boots = 0
        self.made = {"frames": 0, "events": 0}
        self.contents: dict[tuple[int, str, int], bytes] = {}
        self.arrived: set[float] = set()
        self.events_arrived: set[int] = set()
        self.in_flight: list[Outgoing] = []
        self.open()

    def open(self) -> None:
        self.boots += 1
        self.buffer = Buffer(self.path, "gw-1", START + self.boots, 10_000_000)
        self.in_flight = self.buffer.numbered_frames()
        self.last_event = 0

    @rule()
    def put_frame(self) -> None:
        self.made["frames"] += 1
        self.buffer.put_frame(self.now, series(float(self.made["frames"])))

    @rule()
    def put_event(self) -> None:
        self.made["events"] += 1
        self.buffer.put_event("radar", "sos_pressed", self.now, {"n": self.made["events"]}, b"")

    @rule(limit=st.integers(1, 4))
    def send(self, limit: int) -> None:
        events = self.buffer.next("events", self.last_event, self.now, limit)
        self.last_event = max([self.last_event, *(message.id for message in events)])
        self.in_flight += events + self.buffer.next("frames", 0, self.now, limit)
        for message in self.in_flight:
            self._receive(message)

    def _receive(self, message: Outgoing) -> None:
        if message.lane == "frames":
            frame = wire.decode(wire.Frame, message.payload)
            key, value = (frame.epoch, frame.stream, frame.seq), float(frame.series[0].floats()[0])
            self.arrived.add(value)
            body = str(value).encode()
        else:
            event = wire.decode(wire.Event, message.payload)
            key, body = (event.epoch, "events", event.seq), str(event.values["n"]).encode()
            self.events_arrived.add(int(str(event.values["n"])))
        assert self.contents.setdefault(key, body) == body, "one number, two contents"

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.in_flight) - 1))
        self.buffer.delete([self.in_flight.pop(at).id])

    @rule()
    def crash(self) -> None:
        self.buffer.close()
        self.open()

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.now += seconds * 1_000_000

    @invariant()
    def numbers_rise_by_one(self) -> None:
        streams: dict[tuple[int, str], set[int]] = {}
        for epoch, stream, seq in self.contents:
            streams.setdefault((epoch, stream), set()).add(seq)
        for (_, stream), numbers in streams.items():
            if stream != "events":
                assert numbers == set(range(1, len(numbers) + 1))

    def teardown(self) -> None:
        self.crash()
        while True:
            before = len(self.in_flight)
            self.send(50)
            if len(self.in_flight) == before:
                break
        assert self.arrived == {float(n + 1) for n in range(self.made["frames"])}
        assert self.events_arrived == {n + 1 for n in range(self.made["events"])}
        totals = read_totals(self.path)
        assert (totals.frames, totals.events) == (self.made["frames"], self.made["events"])
        self.buffer.close()
        self.folder.cleanup()


Outbox.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestOutbox = Outbox.TestCase


def test_fresh_goes_live_and_waiting_goes_as_backlog(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "b.db", "gw-1", START, 10_000_000)
    buffer.put_frame(START, series(1))
    later = START + FRESH_US + 1
    buffer.put_frame(later, series(2))
    sent = [wire.decode(wire.Frame, m.payload) for m in buffer.next("frames", 0, later, 10)]
    assert [(f.stream, f.seq, float(f.series[0].floats()[0])) for f in sent] == [("live", 1, 2.0), ("backfill", 1, 1.0)]
    buffer.close()


def test_the_budget_costs_the_oldest_readings_never_an_event(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "b.db", "gw-1", START, 2_000)
    buffer.put_event("radar", "sos_pressed", START, {}, b"x" * 500)
    for n in range(100):
        buffer.put_frame(START + n, series(float(n)))
    totals = buffer.totals()
    assert totals.lost_readings > 0
    assert totals.lost_frames + totals.pending == 101
    assert len(buffer.next("events", 0, START, 10)) == 1
    (newest, *_) = reversed(buffer.next("frames", 0, START, 100))
    assert float(wire.decode(wire.Frame, newest.payload).series[0].floats()[0]) == 99.0
    buffer.close()


@pytest.mark.parametrize("damage", [b"", b"not a database at all" * 100])
def test_a_damaged_file_is_put_aside_and_a_new_epoch_begins(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "b.db"
    path.write_bytes(damage)
    buffer = Buffer(path, "gw-1", START, 10_000)
    assert buffer.epoch == START
    assert bool(list(tmp_path.glob("*.damaged-*"))) == bool(damage)
    buffer.close()
