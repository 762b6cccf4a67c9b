"""The gateway's outbox: every event and frame is on disk before it is sent and until the broker
acknowledges it.

A message gets its stream and sequence number when it is first handed out (events made at a known time, and frames made
while the line stands: when they are made), and that is on disk before it is sent: once given, a number stays, so that
the district recognises a repetition.
Fresh frames go as ``live``, older ones as ``backfill``; each stream's numbers rise by one.

An epoch's numbers are given by one chain of processes that each closed the file in good order. After anything else (a
power cut, a damaged file) the file may have forgotten numbers, and a new epoch begins; numbered messages keep theirs.

A disk that takes nothing does not stop the gateway: the newest messages are kept in memory, numbered in an epoch that
no file knows, and go to the broker from there. They are written to the file as soon as the disk takes them.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import structlog

from edge_agent.outbox.bodies import event_body, frame_body, payload
from edge_agent.outbox.file import FAILURES, Lane, OutboxFile, OutboxState, Row, is_damage, read_state
from edge_agent.outbox.memory import MemoryFallback
from edge_agent.outbox.numbering import Numbering, id_without_file, new_epoch
from edge_agent.outbox.rescue import open_file, replace_damaged
from edge_agent.outbox.sent import Numbered
from edge_agent.timekeeping.clock import Clock, ClockStep
from firmware_profiles import wire

log = structlog.get_logger(__name__)

FRESH_US = 30_000_000
"""A frame older than this when it is first sent is backlog."""
BLOCK = 64
"""Frames of the backlog that one transaction numbers: a live event waits for few of them."""
_FOR_EVER = 1 << 62


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over the outbox's whole life, and the messages that wait now (``pending``)."""

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


class Outbox:
    """The outbox in one SQLite file; used from one thread. Its methods raise nothing on a disk that fails."""

    def __init__(self, path: Path, gateway: str, clock: Clock, budget_bytes: int, *, fresh_us: int = FRESH_US) -> None:
        self._path, self._gateway, self._clock, self._budget = path, gateway, clock, budget_bytes
        self._fresh_us = fresh_us
        self._memory = MemoryFallback(clock)
        self._handed_out: dict[int, Lane] = {}
        self._acknowledged: set[int] = set()  # ids that are still in the file
        self._renamed: dict[int, int] = {}  # ids under which messages were handed out, and their ids of now
        self._to_repeat: list[Row] = []  # frames that got their number before a restart
        self._ready: list[Row] = []  # frames numbered when they were put
        self._backlog: list[Row] = []  # frames numbered in advance, up to BLOCK
        self._file: OutboxFile | None = None
        self._state = OutboxState()
        self._next_id = 0
        self.committed_s = float("-inf")
        """When the disk last took a commit, s, by the monotonic clock."""
        self.unwritable = ""
        """Why the disk takes nothing; "" where it does."""
        self._try_to_open()
        if self._file is None:
            clock.begin(0, 0)
            self._next_id = id_without_file(clock)

    @property
    def epoch(self) -> int:
        """The epoch in which new numbers are given now."""
        return self._state.epoch if self._file and not self.unwritable else self._memory.epoch(self._state.epoch)

    def close(self) -> None:
        """Write everything and close the file. Messages in memory are lost where the disk still takes nothing."""
        with contextlib.suppress(*FAILURES), self._writing():
            self._state.clean = True
        if len(self._memory):
            log.error("the disk takes nothing; messages in memory are lost", messages=len(self._memory))
        if self._file is not None:
            with contextlib.suppress(*FAILURES):
                self._file.close()

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
        self._put("events", time_us, 0, event_body(device, kind, values, evidence), "events")

    def put_frame(self, base_us: int, series: Sequence[wire.Series], *, goes_now: bool = False) -> None:
        """Store the readings of one frame; the oldest waiting frames go when the disk budget is reached.

        ``goes_now``: the line stands. The frame gets its number at once, by the same commit: each is written to the
        card, and a frame of which nobody knows when it can be sent must not have one.
        """
        readings = sum(len(one) for one in series)
        self._state.frames += 1
        self._state.readings += readings
        self._put("frames", base_us, readings, frame_body(series), "live" if goes_now else "")

    def next(self, lane: Lane, now_us: int, limit: int) -> list[Outgoing]:
        """Up to ``limit`` messages of a lane that were not handed out yet, in the order of sending.

        Events: as they happened. Frames: those numbered before, then the fresh ones, then the backlog.
        Frames of a boot whose time is not known yet are held back; events are not.
        """
        try:
            rows = self._next_events(limit) if lane == "events" else self._next_frames(now_us, limit)
            self._delete_spoiled()
        except FAILURES as error:
            self._handle_failure(error)
            rows = self._next_from_memory(lane, limit)
        out = [
            Outgoing(row.id, row.lane, Numbered(row.epoch, row.stream, row.seq, payload(row, self._gateway)))
            for row in rows
        ]
        self._handed_out.update({message.id: message.lane for message in out})
        return out

    def delete(self, ids: Sequence[int]) -> None:
        """Forget messages that the broker has. They leave the file with the next transaction, or with :meth:`flush`."""
        for given in ids:
            id_ = self._renamed.pop(given, given)
            self._handed_out.pop(id_, None)
            if not self._memory.remove(id_):
                self._acknowledged.add(id_)

    def flush(self, *, acknowledged: bool = True) -> None:
        """Bring the file up to date where the disk takes it: add messages in memory, delete acknowledged ones (without
        ``acknowledged``: leave them to the next transaction, which may be soon)."""
        if (acknowledged and self._acknowledged) or len(self._memory) or self.unwritable:
            with self._handling_failures(), self._writing():
                pass

    def holds(self, epoch: int, stream: str, first: int, behind: int) -> set[int]:
        """The numbers from ``first`` up to below ``behind`` that still wait here, or are on their way."""
        waiting = self._memory.numbers(epoch, stream, first, behind)
        with self._handling_failures():
            if self._file is not None:
                waiting |= self._file.numbers(epoch, stream, first, behind)
        return waiting

    def restamp(self, step: ClockStep) -> None:
        """Move the times of messages without a number after a jump of the clock that proved ``step.boots`` wrong."""
        if step.boots:
            for boot in step.boots:
                self._state.shifts[boot] = self._state.shifts.get(boot, 0) + step.by_us
            with self._handling_failures(), self._writing():
                pass

    def totals(self) -> Totals:
        pending = max(0, self._state.pending - len(self._acknowledged)) + len(self._memory)
        return _totals(self._state, pending)

    # putting

    def _put(self, lane: Lane, made_us: int, readings: int, body: bytes, stream: str) -> None:
        """Store a message; with ``stream`` it gets its number at once, unless the time is not known yet."""
        if self._file is None:
            self._try_to_open()
        row = Row(id=0, lane=lane, boot=self._clock.boot_us, made_us=made_us, readings=readings, body=body)
        number_now = bool(stream) and self._clock.known
        self._state.last_us = max(self._state.last_us, self._clock.now_us())
        self._state.last_boot = self._clock.boot_us
        for _ in range(2):
            try:
                with self._writing() as file:
                    self._make_room(file, len(body))
                    row = self._with_id(row)  # only now that the file is open: it may hold the id of before
                    stored = file.insert(self._number_in_file(row, stream) if number_now else row)
                    self._state.pending += 1
                if stored.seq and lane == "frames":
                    self._ready.append(stored)
                file.shorten_log()
                return
            except FAILURES as error:
                if not self._handle_failure(error):
                    break
        row = self._with_id(row)
        self._keep_in_memory(self._number_in_memory(row, stream) if number_now else row)

    def _with_id(self, row: Row) -> Row:
        """The row under the next id; ids rise in the order of putting."""
        self._next_id += 1
        return msgspec.structs.replace(row, id=self._next_id)

    def _make_room(self, file: OutboxFile, size: int) -> None:
        room, pages = file.room()
        wanted = file.pages_of(size)
        if room >= wanted:
            return
        wanted += pages // 256  # not for every message again
        while file.room()[0] < wanted:
            dropped, lane = file.drop_oldest("frames"), "frames"
            if dropped is None:
                dropped, lane = file.drop_oldest("events"), "events"
            if dropped is None:
                return
            self._state.count_loss(lane, dropped[1])
            self._state.pending -= 1

    def _keep_in_memory(self, row: Row) -> None:
        lost = self._memory.add(row, self._handed_out)
        if lost is not None:
            self._state.count_loss(lost.lane, lost.readings)

    # handing out

    def _next_events(self, limit: int) -> list[Row]:
        busy = sum(lane == "events" for lane in self._handed_out.values())
        rows = [] if self._file is None else self._file.events(limit + busy + len(self._acknowledged))
        rows = [row for row in rows if row.id not in self._handed_out and row.id not in self._acknowledged]
        return self._number((rows + self._memory.waiting("events", self._handed_out))[:limit], "events")

    def _next_frames(self, now_us: int, limit: int) -> list[Row]:
        since = now_us - self._fresh_us
        held_from = self._clock.held_from_us or _FOR_EVER
        rows = _take(self._to_repeat, limit)
        rows += _take(self._ready, limit - len(rows))
        rows += self._number(self._waiting(since, held_from, limit - len(rows)), "live")
        if len(rows) < limit and not self._backlog:
            self._backlog = self._number(self._waiting(-_FOR_EVER, min(since, held_from), BLOCK), "backfill")
        return rows + _take(self._backlog, limit - len(rows))

    def _next_from_memory(self, lane: Lane, limit: int) -> list[Row]:
        held_from = self._clock.held_from_us or _FOR_EVER
        waiting = self._memory.waiting(lane, self._handed_out)
        rows = [row for row in waiting if lane == "events" or row.made_us < held_from]
        return self._number(rows[:limit], "events" if lane == "events" else "live")

    def _waiting(self, since_us: int, until_us: int, limit: int) -> list[Row]:
        """Up to ``limit`` frames made in [since, until) that have no number or are in memory."""
        rows = [] if self._file is None or limit <= 0 else self._file.waiting(since_us, until_us, limit)
        in_memory = self._memory.waiting("frames", self._handed_out)
        rows += [row for row in in_memory if since_us <= row.made_us < until_us]
        return rows[: max(0, limit)]

    def _number(self, rows: list[Row], stream: str) -> list[Row]:
        """The rows with numbers. While the disk takes nothing, those in the file that have none stay where they are."""
        fresh = [row for row in rows if not row.seq and row.id not in self._memory]
        numbered: dict[int, Row] = {}
        if fresh:
            try:
                with self._writing() as file:
                    for row in fresh:
                        numbered[row.id] = self._number_in_file(row, stream)
                        file.update(numbered[row.id])
            except FAILURES as error:
                self._handle_failure(error)
                numbered = {}
        for row in rows:
            if row.seq:
                numbered[row.id] = row
            elif row.id in self._memory:
                numbered[row.id] = self._number_in_memory(row, stream)
        return [numbered[row.id] for row in rows if row.id in numbered]

    def _number_in_file(self, row: Row, stream: str) -> Row:
        """Within a transaction: the number counts only when it is on disk."""
        return Numbering(self._state.epoch, self._state.seqs).number(row, stream, self._state.shifts)

    def _number_in_memory(self, row: Row, stream: str) -> Row:
        return self._memory.number(row, stream, self._state.shifts, self._state.epoch)

    # the file

    @contextlib.contextmanager
    def _writing(self) -> Iterator[OutboxFile]:
        """One transaction; messages in memory go first. A failure takes the state back to what it was before."""
        if self._file is None:
            self._try_to_open()
        file = self._file
        if file is None:
            raise sqlite3.OperationalError(self.unwritable)
        before = self._state.copy()
        try:
            with file.transaction(self._state):
                for row in self._memory:
                    self._write_down(file, row)
                self._state.pending -= file.delete(self._acknowledged)
                yield file
        except BaseException:
            self._state = before
            raise
        self.committed_s = time.monotonic()
        self._memory.clear()
        self._acknowledged.clear()
        if self.unwritable:
            log.info("the disk takes messages again")
            self.unwritable = ""

    def _write_down(self, file: OutboxFile, row: Row) -> None:
        self._make_room(file, len(row.body))
        file.insert(row)
        self._state.pending += 1

    @contextlib.contextmanager
    def _handling_failures(self) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            self._handle_failure(error)

    def _handle_failure(self, error: BaseException) -> bool:
        """Replace a damaged file (True: try again), or remember that the disk takes nothing (False)."""
        if is_damage(error):
            if self._file is not None:
                self._file.close()
                self._file = None
            with contextlib.suppress(*FAILURES):
                self._adopt(replace_damaged(self._path, self._budget, str(error)))
                return True
        if not self.unwritable:
            log.error("the disk takes nothing; the newest messages are kept in memory", error=str(error))
        self.unwritable = str(error) or type(error).__name__
        return False

    def _try_to_open(self) -> None:
        with self._handling_failures():
            self._adopt(open_file(self._path, self._budget))

    def _adopt(self, file: OutboxFile) -> None:
        """Go on with this file: with the state it holds, and the counts made without it."""
        if not self._next_id:
            self._clock.begin(file.state.last_us or file.latest_us(), file.state.last_boot)
        state = _resumed_state(file, self._state, self._clock)
        try:
            with file.transaction(state):
                pass
            self._next_id = max(self._next_id, file.highest_id())
            if any(file.has(row.id) for row in self._memory):
                self._rename_in_memory()
            to_repeat = [row for row in file.numbered_frames() if row.id not in self._handed_out]
        except BaseException:
            file.close()
            raise
        self._file, self._state, self._to_repeat, self._ready, self._backlog = file, state, to_repeat, [], []

    def _rename_in_memory(self) -> None:
        """Give the messages in memory ids that no file holds: a file that turned up late has some of theirs.

        The broker's word for one that is on its way comes under the id of before, and must not cost the message of the
        file that has it.
        """
        before_of = {id_: given for given, id_ in self._renamed.items()}
        for row in list(self._memory):
            renamed = self._with_id(row)
            self._memory.replace(row.id, renamed)
            if row.id in self._handed_out:
                self._handed_out[renamed.id] = self._handed_out.pop(row.id)
                self._renamed[before_of.get(row.id, row.id)] = renamed.id

    def _delete_spoiled(self) -> None:
        if self._file is not None and self._file.spoiled:
            spoiled = self._file.spoiled
            log.error("damaged messages in the outbox are given up", messages=len(spoiled))
            with self._handling_failures(), self._writing() as file:
                self._state.pending -= file.delete(spoiled)
                for lane in spoiled.values():
                    self._state.count_loss(lane, 0)
            spoiled.clear()


def _take(rows: list[Row], count: int) -> list[Row]:
    """The first ``count``, which leave the list."""
    taken = rows[: max(0, count)]
    del rows[: len(taken)]
    return taken


def _resumed_state(file: OutboxFile, counted: OutboxState, clock: Clock) -> OutboxState:
    """The state to go on with in ``file``; ``counted`` is what this process has counted without it."""
    stored = file.state
    if counted.epoch:  # the file broke while in use: memory knows more than the file had saved
        state = counted.copy()
        state.epoch, state.seqs, state.pending = new_epoch(clock, counted.epoch), {}, file.count()
    else:
        state = stored.copy()
        if not (stored.clean and stored.epoch):
            state.epoch, state.seqs = new_epoch(clock, stored.epoch), {}
            state.pending = file.count()
        for name in ("frames", "readings", "events", "lost_frames", "lost_readings", "lost_events"):
            setattr(state, name, getattr(state, name) + getattr(counted, name))
        state.shifts |= counted.shifts
    if state.shifts:
        boots = file.boots()
        state.shifts = {boot: by for boot, by in state.shifts.items() if boot in boots}
    state.clean = False
    return state


def read_totals(path: Path) -> Totals:
    """The totals of an outbox that its agent has closed, or still uses."""
    state = read_state(path)
    return _totals(state, state.pending)


def _totals(state: OutboxState, pending: int) -> Totals:
    return Totals(
        frames=state.frames,
        readings=state.readings,
        events=state.events,
        lost_frames=state.lost_frames,
        lost_readings=state.lost_readings,
        lost_events=state.lost_events,
        pending=pending,
    )
