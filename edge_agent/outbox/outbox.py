"""The gateway's outbox: every event and frame is on disk before it is sent and until the broker has it.

A message gets its stream and sequence number when it is first handed out (events made at a known time: when they are
made), and that is on disk before it is sent: once given, a number stays, so that the district recognises a repetition.
What is fresh goes as ``live``, what has waited goes as ``backfill``; each stream's numbers rise by one.

An epoch's numbers are given by one chain of processes that each closed the file in good order. After anything else (a
power cut, a damaged file) the file may have forgotten numbers, and a new epoch begins; what is numbered keeps its own.

A disk that takes nothing does not stop the gateway: the newest messages are kept in memory, numbered in an epoch that
no file knows, and go to the broker from there. They are written down as soon as the disk takes them.
"""

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import structlog

from edge_agent.outbox.bodies import event_body, frame_body, payload
from edge_agent.outbox.file import FAILURES, Lane, Row, State, Store, is_damage, read_state
from edge_agent.outbox.rescue import open_store, replace_damaged
from edge_agent.outbox.sent import Numbered
from edge_agent.timekeeping.clock import Clock, Step
from firmware_profiles import wire

log = structlog.get_logger(__name__)

FRESH_US = 30_000_000
"""A frame older than this when it is first sent is backlog."""
MEMORY: dict[Lane, int] = {"events": 256, "frames": 300}
"""Messages kept in memory at most while the disk takes nothing."""
BLOCK = 64
"""Frames of the backlog that one transaction numbers: a live event waits for few of them."""
_ID_BASE = 1 << 61
_FOR_EVER = 1 << 62


class Totals(msgspec.Struct, frozen=True):
    """Counts over this buffer's whole life, and what still waits."""

    frames: int
    readings: int
    events: int
    lost_frames: int
    lost_readings: int
    lost_events: int
    pending: int


class Outgoing(msgspec.Struct, frozen=True):
    """A message ready for the wire."""

    id: int
    lane: Lane
    numbered: Numbered

    @property
    def payload(self) -> bytes:
        return self.numbered.payload


class Buffer:
    """The outbox in one SQLite file; used from one thread. Its methods raise nothing on a disk that fails."""

    def __init__(self, path: Path, gateway: str, clock: Clock, budget_bytes: int, *, fresh_us: int = FRESH_US) -> None:
        self._path, self._gateway, self._clock, self._budget = path, gateway, clock, budget_bytes
        self._fresh_us = fresh_us
        self._memory: dict[int, Row] = {}
        self._handed_out: dict[int, Lane] = {}
        self._gone: set[int] = set()  # acknowledged, still in the file
        self._again: list[Row] = []  # numbered before a restart
        self._ready: list[Row] = []  # backlog numbered in advance
        self._volatile_epoch = 0
        self._volatile_seqs: dict[str, int] = {}
        self._store: Store | None = None
        self._state = State()
        self._next_id = 0
        self.unwritable = ""
        """Why the disk takes nothing; "" where it does."""
        self._try_to_open()
        if self._store is None:
            clock.begin(0, 0)
            self._next_id = _ID_BASE + clock.now_us()  # a file that turns up later has smaller ids

    @property
    def epoch(self) -> int:
        """In which new numbers are given now."""
        return self._state.epoch if self._store and not self.unwritable else self._volatile()

    def close(self) -> None:
        """What is in memory only is lost where the disk still takes nothing."""
        with contextlib.suppress(*FAILURES), self._writing():
            self._state.clean = True
        if self._memory:
            log.error("the disk takes nothing; messages in memory are lost", messages=len(self._memory))
        if self._store is not None:
            with contextlib.suppress(*FAILURES):
                self._store.close()

    def put_event(
        self,
        device: str,
        kind: str,
        time_us: int,
        values: dict[str, wire.Scalar],
        evidence: bytes,
    ) -> None:
        """Store an event."""
        self._state.events += 1
        self._put("events", time_us, 0, event_body(device, kind, values, evidence))

    def put_frame(self, base_us: int, series: Sequence[wire.Series]) -> None:
        """Store the readings of one frame; the oldest waiting frames go when the disk budget is reached."""
        readings = sum(len(one) for one in series)
        self._state.frames += 1
        self._state.readings += readings
        self._put("frames", base_us, readings, frame_body(series))

    def next(self, lane: Lane, now_us: int, limit: int) -> list[Outgoing]:
        """Up to ``limit`` messages of a lane that were not handed out yet, in the order of sending.

        Events: as they happened. Frames: those numbered before a restart, then the fresh ones, then the backlog.
        Frames of a boot whose time is not known yet are held back; events are not.
        """
        try:
            rows = self._next_events(limit) if lane == "events" else self._next_frames(now_us, limit)
            self._count_spoiled()
        except FAILURES as error:
            self._fail(error)
            rows = self._from_memory(lane, limit)
        out = [
            Outgoing(row.id, row.lane, Numbered(row.epoch, row.stream, row.seq, payload(row, self._gateway)))
            for row in rows
        ]
        self._handed_out.update({message.id: message.lane for message in out})
        return out

    def delete(self, ids: Sequence[int]) -> None:
        """The broker has them. They leave the file with the next transaction, or with :meth:`flush`."""
        for id_ in ids:
            self._handed_out.pop(id_, None)
            if self._memory.pop(id_, None) is None:
                self._gone.add(id_)

    def flush(self) -> None:
        """Write down what can be written now: what is in memory, what is to be deleted."""
        if self._gone or self._memory or self.unwritable:
            with self._telling(), self._writing():
                pass

    def holds(self, epoch: int, stream: str, first: int, behind: int) -> set[int]:
        """The numbers from ``first`` up to below ``behind`` that still wait here, or are on their way."""
        waiting = {
            row.seq
            for row in self._memory.values()
            if (row.epoch, row.stream) == (epoch, stream) and first <= row.seq < behind
        }
        with self._telling():
            if self._store is not None:
                waiting |= self._store.numbers(epoch, stream, first, behind)
        return waiting

    def restamp(self, step: Step) -> None:
        """The clock jumped, and the times of ``step.boots`` were never right: move what has no number yet."""
        if step.boots:
            for boot in step.boots:
                self._state.shifts[boot] = self._state.shifts.get(boot, 0) + step.by_us
            with self._telling(), self._writing():
                pass

    def totals(self) -> Totals:
        pending = max(0, self._state.pending - len(self._gone)) + len(self._memory)
        return _totals(self._state, pending)

    # putting

    def _put(self, lane: Lane, made_us: int, readings: int, body: bytes) -> None:
        self._next_id += 1
        row = Row(self._next_id, lane, self._clock.boot_us, made_us, readings, body)
        number = lane == "events" and self._clock.known
        self._state.last_us = max(self._state.last_us, self._clock.now_us())
        self._state.last_boot = self._clock.boot_us
        for _ in range(2):
            try:
                with self._writing() as store:
                    self._make_room(store, len(body))
                    store.insert(self._numbered(row, "events") if number else row)
                    self._state.pending += 1
                store.shorten_log()
                return
            except FAILURES as error:
                if not self._fail(error):
                    break
        self._keep_in_memory(self._numbered(row, "events", volatile=True) if number else row)

    def _make_room(self, store: Store, size: int) -> None:
        room, pages = store.room()
        wanted = store.pages_of(size)
        if room >= wanted:
            return
        wanted += pages // 256  # not for every message again
        while store.room()[0] < wanted:
            dropped, lane = store.drop_oldest("frames"), "frames"
            if dropped is None:
                dropped, lane = store.drop_oldest("events"), "events"
            if dropped is None:
                return
            self._lose(lane, dropped[1])
            self._state.pending -= 1

    def _lose(self, lane: str, readings: int) -> None:
        if lane == "events":
            self._state.lost_events += 1
        else:
            self._state.lost_frames += 1
            self._state.lost_readings += readings

    def _keep_in_memory(self, row: Row) -> None:
        self._memory[row.id] = row
        same = [one for one in self._memory.values() if one.lane == row.lane and one.id not in self._handed_out]
        if len(same) > MEMORY[row.lane]:
            lost = self._memory.pop(same[0].id)
            self._lose(lost.lane, lost.readings)

    # handing out

    def _next_events(self, limit: int) -> list[Row]:
        busy = sum(lane == "events" for lane in self._handed_out.values())
        rows = [] if self._store is None else self._store.events(limit + busy + len(self._gone))
        rows = [row for row in rows if row.id not in self._handed_out and row.id not in self._gone]
        return self._number((rows + self._memory_rows("events"))[:limit], "events")

    def _next_frames(self, now_us: int, limit: int) -> list[Row]:
        since = now_us - self._fresh_us
        held = self._clock.held_from_us or _FOR_EVER
        rows = _take(self._again, limit)
        rows += self._number(self._waiting(since, held, limit - len(rows)), "live")
        if len(rows) < limit and not self._ready:
            self._ready = self._number(self._waiting(-_FOR_EVER, min(since, held), BLOCK), "backfill")
        return rows + _take(self._ready, limit - len(rows))

    def _waiting(self, since_us: int, until_us: int, limit: int) -> list[Row]:
        rows = [] if self._store is None or limit <= 0 else self._store.waiting(since_us, until_us, limit)
        rows += [row for row in self._memory_rows("frames") if since_us <= row.made_us < until_us]
        return rows[: max(0, limit)]

    def _memory_rows(self, lane: Lane) -> list[Row]:
        return [row for row in self._memory.values() if row.lane == lane and row.id not in self._handed_out]

    def _from_memory(self, lane: Lane, limit: int) -> list[Row]:
        held = self._clock.held_from_us or _FOR_EVER
        rows = [row for row in self._memory_rows(lane) if lane == "events" or row.made_us < held]
        return self._number(rows[:limit], "events" if lane == "events" else "live")

    def _number(self, rows: list[Row], stream: str) -> list[Row]:
        """The rows with numbers. While the disk takes nothing, those in the file that have none stay where they are."""
        fresh = [row for row in rows if not row.seq and row.id not in self._memory]
        numbered: dict[int, Row] = {}
        if fresh:
            try:
                with self._writing() as store:
                    for row in fresh:
                        numbered[row.id] = self._numbered(row, stream)
                        store.update(numbered[row.id])
            except FAILURES as error:
                self._fail(error)
                numbered = {}
        for row in rows:
            if row.seq:
                numbered[row.id] = row
            elif row.id in self._memory:
                numbered[row.id] = self._memory[row.id] = self._numbered(row, stream, volatile=True)
        return [numbered[row.id] for row in rows if row.id in numbered]

    def _numbered(self, row: Row, stream: str, volatile: bool = False) -> Row:
        epoch = self._volatile() if volatile else self._state.epoch
        seqs = self._volatile_seqs if volatile else self._state.seqs
        seqs[stream] = seqs.get(stream, 0) + 1
        made_us = max(0, row.made_us + self._state.shifts.get(row.boot, 0))
        return msgspec.structs.replace(row, made_us=made_us, epoch=epoch, stream=stream, seq=seqs[stream])

    def _volatile(self) -> int:
        if not self._volatile_epoch:
            self._volatile_epoch = _new_epoch(self._clock, self._state.epoch)
        return self._volatile_epoch

    # the file

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Store]:
        """One transaction; what is in memory goes first. Numbers given in it count only when it is on disk."""
        if self._store is None:
            self._try_to_open()
        store = self._store
        if store is None:
            raise sqlite3.OperationalError(self.unwritable)
        before = self._state.copy()
        try:
            with store.transaction(self._state):
                for row in self._memory.values():
                    self._write_down(store, row)
                self._state.pending -= store.delete(self._gone)
                yield store
        except BaseException:
            self._state = before
            raise
        self._memory.clear()
        self._gone.clear()
        if self.unwritable:
            log.info("the disk takes messages again")
            self.unwritable = ""

    def _write_down(self, store: Store, row: Row) -> None:
        self._make_room(store, len(row.body))
        try:
            store.insert(row)
        except sqlite3.IntegrityError:
            # a file that turned up late has this id: under a new one the message may be sent twice, with one number
            store.insert(msgspec.structs.replace(row, id=store.highest_id() + 1))
        self._state.pending += 1

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> bool:
        """Deal with a failure of the file: damage is replaced (True: try again), a disk that is full is remembered."""
        if is_damage(error) and self._store is not None:
            self._store.close()
            self._store = None
            with contextlib.suppress(*FAILURES):
                self._adopt(replace_damaged(self._path, self._budget, str(error)))
                return True
        if not self.unwritable:
            log.error("the disk takes nothing; the newest messages are kept in memory", error=str(error))
        self.unwritable = str(error) or type(error).__name__
        return False

    def _try_to_open(self) -> None:
        try:
            self._adopt(open_store(self._path, self._budget))
        except FAILURES as error:
            self._fail(error)

    def _adopt(self, store: Store) -> None:
        """Go on with this file: with what it knows, and what was counted without it."""
        known, counted = store.state, self._state
        if not self._next_id:
            self._clock.begin(known.last_us or store.latest_us(), known.last_boot)
        if counted.epoch:  # the file broke while in use: memory knows more than what was saved of it
            state = counted.copy()
            state.epoch, state.seqs, state.pending = _new_epoch(self._clock, counted.epoch), {}, store.count()
        else:
            state = known.copy()
            if not (known.clean and known.epoch):
                state.epoch, state.seqs = _new_epoch(self._clock, known.epoch), {}
                state.pending = store.count()
            for name in ("frames", "readings", "events", "lost_frames", "lost_readings", "lost_events"):
                setattr(state, name, getattr(state, name) + getattr(counted, name))
            state.shifts |= counted.shifts
        if state.shifts:
            state.shifts = {boot: by for boot, by in state.shifts.items() if boot in store.boots()}
        state.clean = False
        with store.transaction(state):
            pass
        self._store, self._state = store, state
        self._next_id = max(self._next_id, store.highest_id())
        self._ready = []
        self._again = [row for row in store.numbered_frames() if row.id not in self._handed_out]

    def _count_spoiled(self) -> None:
        if self._store is not None and self._store.spoiled:
            spoiled = self._store.spoiled
            log.error("damaged messages in the buffer are given up", messages=len(spoiled))
            with self._telling(), self._writing() as store:
                self._state.pending -= store.delete(spoiled)
                for lane in spoiled.values():
                    self._lose(lane, 0)
            spoiled.clear()


def _take(rows: list[Row], count: int) -> list[Row]:
    """The first ``count``, which leave the list."""
    taken = rows[: max(0, count)]
    del rows[: len(taken)]
    return taken


def _new_epoch(clock: Clock, known: int) -> int:
    """The time, and a part of a second by chance: a clock that wakes twice at the same time begins two epochs. Never
    the ``known`` one, which went before."""
    drawn = clock.now_us() + secrets.randbelow(1_000_000)
    return drawn if drawn != known else drawn + 1


def read_totals(path: Path) -> Totals:
    """The totals of a buffer that its agent has closed, or still uses."""
    state = read_state(path)
    return _totals(state, state.pending)


def _totals(state: State, pending: int) -> Totals:
    return Totals(
        frames=state.frames,
        readings=state.readings,
        events=state.events,
        lost_frames=state.lost_frames,
        lost_readings=state.lost_readings,
        lost_events=state.lost_events,
        pending=pending,
    )
