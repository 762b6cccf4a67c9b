"""Messages in memory while the disk takes nothing: bounded, and numbered in an epoch of their own."""

from edge_agent.outbox.file import Lane, Row
from edge_agent.outbox.memory import CAPACITY, MemoryFallback
from edge_agent.timekeeping.clock import Clock

NOW = 1_800_000_000_000_000


def memory() -> MemoryFallback:
    return MemoryFallback(Clock(lambda: NOW, lambda: 1, lambda: True))


def row(id_: int, lane: Lane = "frames") -> Row:
    return Row(id=id_, lane=lane, boot=5, made_us=NOW, readings=3, body=b"x")


def test_the_oldest_that_waits_is_given_up_and_what_was_handed_out_stays() -> None:
    kept = memory()
    handed_out = {1: "events"}
    kept.add(row(0, "frames"), handed_out)
    lost = [kept.add(row(id_, "events"), handed_out) for id_ in range(1, CAPACITY["events"] + 3)]
    assert [one.id for one in lost if one is not None] == [2]
    assert 1 in kept
    assert 0 in kept, "the other lane has room of its own"


def test_numbers_rise_in_an_epoch_that_is_not_the_files() -> None:
    kept = memory()
    kept.add(row(1), {})
    numbered = [kept.number(row(id_), "live", {5: 1000}, NOW) for id_ in (1, 2)]
    assert [one.seq for one in numbered] == [1, 2]
    assert {one.epoch for one in numbered} == {kept.epoch(NOW)}
    assert kept.epoch(NOW) != NOW
    assert numbered[0].made_us == NOW + 1000
    assert kept.numbers(kept.epoch(NOW), "live", 1, 9) == {1}, "the second one is not kept here"


def test_the_epoch_outlives_the_rows() -> None:
    kept = memory()
    kept.add(row(1), {})
    first = kept.number(row(1), "live", {}, 0)
    kept.clear()
    assert kept.number(row(2), "live", {}, 0).seq == first.seq + 1
    assert len(kept) == 0
