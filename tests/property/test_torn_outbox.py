"""The outbox after a power cut: its files truncated or changed anywhere. It opens, it sends nothing that was never put,
it keeps what the files still hold, and no number stands for two contents."""

import shutil
import tempfile
from pathlib import Path

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.outbox.outbox import Outbox
from firmware_profiles import wire
from tests.property.test_outbox import START, Hand, abandon, series, value_of

BUDGET = 64 << 20
"""So large that its log is not folded into the file before the end."""
SIZE = 40
"""Readings in a frame."""


class Sent:
    """What the district has received: contents by number."""

    def __init__(self) -> None:
        self.by_number: dict[tuple[int, str, int], bytes] = {}
        self.frames: set[int] = set()
        self.events: set[int] = set()

    def send(self, outbox: Outbox, limit: int = 10_000) -> None:
        for message in outbox.next("events", START, limit) + outbox.next("frames", START, limit):
            if message.lane == "events":
                event = wire.decode(wire.Event, message.payload)
                key, n = (event.epoch, "events", event.seq), int(event.values["n"])
                self.events.add(n)
                assert event.evidence == bytes([n % 251]) * 700
            else:
                frame = wire.decode(wire.Frame, message.payload)
                key, n = (frame.epoch, str(frame.stream), frame.seq), int(value_of(frame))
                assert frame.series == series(float(n), SIZE)
                self.frames.add(n)
            assert self.by_number.setdefault(key, message.payload) == message.payload, "one number, two contents"


def put(outbox: Outbox, n: int) -> None:
    if n % 3:
        outbox.put_frame(START + n, series(float(n), SIZE))
    else:
        outbox.put_event("pendant", "fall_suspected", START + n, {"n": n}, bytes([n % 251]) * 700)


def wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, int]], Sent]:
    """The files of an outbox that was cut off after 60 messages, the first of which were sent; by message, the length
    of the log at which it was acknowledged to its maker; and what the district has by then."""
    folder = tmp_path_factory.mktemp("crashed")
    path = folder / "live.db"
    sent = Sent()
    outbox = Outbox(path, "gw-1", Hand().clock(), BUDGET)
    ends = []
    for n in range(60):
        put(outbox, n)
        ends.append((n, wal(path).stat().st_size))
        if n % 10 == 4:
            sent.send(outbox, 3)
    for file in (path, wal(path)):
        shutil.copy(file, folder / file.name.replace("live", "torn"))
    abandon(outbox)
    return folder / "torn.db", ends, sent


def copies(torn: Path, folder: str) -> Path:
    path = Path(folder) / "b.db"
    shutil.copy(torn, path)
    shutil.copy(wal(torn), wal(path))
    return path


def go_on(path: Path, sent: Sent) -> tuple[set[int], set[int]]:
    """Open, send everything, work on, crash, open again; the messages that arrived from the first 60."""
    after = Sent()
    after.by_number = dict(sent.by_number)
    hand = Hand(START + 1_000_000)
    with structlog.testing.capture_logs():
        outbox = Outbox(path, "gw-1", hand.clock(), BUDGET)
        for n in range(100, 106):
            put(outbox, n)
        after.send(outbox)
        for n in range(106, 109):
            put(outbox, n)
        abandon(outbox)
        hand.wait(1)
        outbox = Outbox(path, "gw-1", hand.clock(), BUDGET)
        assert not outbox.unwritable
        after.send(outbox)
        outbox.close()
    new = set(range(100, 109))
    assert {n for n in new if n % 3} <= after.frames
    assert {n for n in new if n % 3 == 0} <= after.events
    assert after.frames | after.events <= set(range(60)) | new
    return after.frames - new, after.events - new


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_log_cut_off_anywhere_costs_what_came_after_the_cut_and_nothing_else(
    crashed: tuple[Path, list[tuple[int, int]], Sent], data: st.DataObject
) -> None:
    torn, ends, sent = crashed
    with tempfile.TemporaryDirectory() as folder:
        path = copies(torn, folder)
        length = data.draw(st.integers(0, ends[-1][1]))
        with wal(path).open("r+b") as file:
            file.truncate(length)
        frames, events = go_on(path, sent)
        held = {n for n, end in ends if end <= length}
        assert held <= frames | events, "what the file held before the cut"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_log_changed_anywhere_costs_what_came_after_it(
    crashed: tuple[Path, list[tuple[int, int]], Sent], data: st.DataObject
) -> None:
    torn, ends, sent = crashed
    with tempfile.TemporaryDirectory() as folder:
        path = copies(torn, folder)
        at = damage(wal(path), data)
        frames, events = go_on(path, sent)
        assert {n for n, end in ends if end <= at} <= frames | events


@settings(max_examples=60, deadline=None)
@given(data=st.data(), closed=st.booleans())
def test_a_file_damaged_anywhere_opens_again(
    crashed: tuple[Path, list[tuple[int, int]], Sent], data: st.DataObject, closed: bool
) -> None:
    torn, _, sent = crashed
    with tempfile.TemporaryDirectory() as folder:
        path = copies(torn, folder)
        before = Sent()
        before.by_number = dict(sent.by_number)
        outbox = Outbox(path, "gw-1", Hand(START + 500_000).clock(), BUDGET)
        before.send(outbox, 5)
        if closed:
            outbox.close()
        else:
            abandon(outbox)
        if data.draw(st.booleans(), label="truncate"):
            with path.open("r+b") as file:
                file.truncate(data.draw(st.integers(0, path.stat().st_size)))
        else:
            for _ in range(data.draw(st.integers(1, 3), label="places")):
                damage(path, data)
        go_on(path, before)


def damage(file: Path, data: st.DataObject) -> int:
    """Overwrite up to a sector; the place."""
    size = file.stat().st_size
    at = data.draw(st.integers(0, size - 1), label="at")
    noise = data.draw(st.one_of(st.binary(min_size=1, max_size=64), st.just(bytes(512))), label="noise")
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(noise[: size - at])
    return at


def test_one_bad_page_costs_the_messages_on_it_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    outbox = Outbox(path, "gw-1", Hand().clock(), BUDGET)
    for n in range(300):
        put(outbox, n)
    outbox.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(b"\xff" * 4096)
    sent = Sent()
    outbox = Outbox(path, "gw-1", Hand(START + 1_000_000).clock(), BUDGET)
    for _ in range(3):  # the damage is met on the way
        sent.send(outbox)
    assert len(sent.frames | sent.events) > 270
    outbox.close()


@pytest.mark.parametrize("damage", [b"", b"not a database at all" * 100])
def test_a_file_that_is_none_is_put_aside_and_a_new_epoch_begins(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "b.db"
    path.write_bytes(damage)
    outbox = Outbox(path, "gw-1", Hand().clock(), 10_000_000)
    assert START <= outbox.epoch < START + 1_000_000
    assert (tmp_path / "b.db.damaged").exists() == bool(damage)
    outbox.close()


def test_an_epoch_goes_on_after_a_good_end_only(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    hand = Hand()
    first = Outbox(path, "gw-1", hand.clock(), 10_000_000)
    first.close()
    second = Outbox(path, "gw-1", hand.clock(), 10_000_000)
    assert second.epoch == first.epoch
    abandon(second)
    third = Outbox(path, "gw-1", hand.clock(), 10_000_000)
    assert third.epoch != second.epoch
    third.close()
