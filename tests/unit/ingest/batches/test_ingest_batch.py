"""Frames become columns, repetitions, or refusals with reasons in words."""

import numpy as np
import pytest

from firmware_profiles import wire
from ingest.batches.batch import Batch, Limits, StreamKey
from ingest.batches.batcher import Batcher
from ingest.batches.marks import MOST_GAPS, Mark
from ingest.quarantine.refusals import Code

NOW = 1_800_000_000_000_000
LIMITS = Limits(NOW - 90 * 86_400_000_000, NOW + 300_000_000)


class Directory:
    """One gateway with two devices."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, str], int] = {}

    def gateway(self, name: str) -> int | None:
        return {"gw-1": 1}.get(name)

    def device(self, gateway_id: int, name: str) -> int | None:
        return {"radar": 10, "oximeter": 11}.get(name)

    def series(self, device_id: int, channel: str) -> int:
        return self.known.setdefault((device_id, channel), len(self.known) + 1)


def batcher() -> Batcher:
    return Batcher(Directory(), lambda _key: Mark())


def frame(seq: int = 1, *series: wire.Series, gateway: str = "gw-1", base_us: int = NOW) -> bytes:
    return wire.encode(wire.Frame(1, gateway, 5, 6, "live", seq, base_us, list(series) or [readings([60, 61])]))


def readings(values: list[float], device: str = "radar", channel: str = "heart_rate") -> wire.Series:
    times = NOW + np.arange(len(values), dtype=np.int64) * 1_000_000
    return wire.make_series(device, channel, NOW, times, np.array(values, np.float32))


def build(*payloads: bytes, topic: str | None = None) -> Batch:
    topic = topic or wire.topic("gw-1", "readings")
    return batcher().build([(topic, payload) for payload in payloads], LIMITS)


def test_a_good_frame_is_stored_whole() -> None:
    batch = build(frame(1, readings([60, 61]), readings([97], "oximeter", "spo2")))
    assert batch.values.tolist() == [60, 61, 97]
    assert batch.times_us.tolist() == [NOW, NOW + 1_000_000, NOW]
    assert batch.series_ids.tolist() == [1, 1, 2]
    assert batch.refusals == []
    (key,) = batch.marks
    assert key == (1, 5, "live")
    assert batch.marks[key].high == 1


def test_numbers_given_for_a_second_time_are_told_from_repetitions() -> None:
    topic, one, hour_us = wire.topic("gw-1", "readings"), batcher(), 3_600_000_000
    first = frame(5, base_us=NOW - 3 * hour_us)
    assert one.build([(topic, first)], LIMITS).values.tolist() == [60, 61]
    assert one.build([(topic, first)], LIMITS).repeated == 1
    again = one.build([(topic, frame(5))], LIMITS)
    assert (again.repeated, len(again.values)) == (0, 0)
    (refusal,) = again.refusals
    assert refusal.code is Code.REUSED_NUMBER
    assert "its number 5 was stored before" in refusal.reason
    # what is late is none: its number was missing
    assert len(one.build([(topic, frame(3))], LIMITS).values) == 2


def test_rows_are_clustered_by_series() -> None:
    batch = build(
        frame(1, readings([60]), readings([97], "oximeter", "spo2")),
        frame(2, readings([61]), readings([98], "oximeter", "spo2")),
    )
    assert batch.series_ids.tolist() == [1, 1, 2, 2]
    assert batch.values.tolist() == [60, 61, 97, 98]


def test_the_same_frame_a_thousand_times_is_stored_once() -> None:
    batch = build(*[frame(7)] * 1000)
    assert len(batch.values) == 2
    assert batch.repeated == 999
    assert batch.refusals == []


def test_a_batch_in_the_making_does_not_move_the_marks_of_the_one_before() -> None:
    one = batcher()
    topic = wire.topic("gw-1", "readings")
    first = one.build([(topic, frame(1))], LIMITS)
    one.build([(topic, frame(2))], LIMITS)
    key: StreamKey = (1, 5, "live")
    assert first.marks[key].high == 1


@pytest.mark.parametrize(
    ("values", "good"),
    [([60, float("nan"), 61], 2), ([60, float("inf")], 1), ([60, -5, 301, 62], 2), ([1e30], 0)],
)
def test_impossible_values_are_kept_apart_and_the_good_ones_stored(values: list[float], good: int) -> None:
    batch = build(frame(1, readings(values)))
    assert len(batch.values) == good
    (refusal,) = batch.refusals
    assert refusal.code is Code.IMPOSSIBLE_VALUE
    assert "0 to 300 /min" in refusal.reason
    kept = wire.decode(wire.Frame, refusal.payload)
    assert sum(len(s) for s in kept.series) == len(values) - good
    assert batch.marks, "the number is taken: the rest of the frame is stored"


def test_a_year_ahead_is_refused() -> None:
    batch = build(frame(1, base_us=NOW + 365 * 86_400_000_000))
    assert len(batch.values) == 0
    (refusal,) = batch.refusals
    assert refusal.code is Code.TIME_AHEAD
    assert "clock" in refusal.reason


@pytest.mark.parametrize(
    ("payload", "topic", "code"),
    [
        (frame(1)[:-3], None, Code.UNDECODABLE),
        (b"", None, Code.UNDECODABLE),
        (bytes(5_000_000), None, Code.TOO_LARGE),
        (frame(1, gateway="gw-2"), None, Code.WRONG_GATEWAY),
        (frame(1, gateway="gw-9"), wire.topic("gw-9", "readings"), Code.UNKNOWN_GATEWAY),
        (frame(1, readings([1], "toaster")), None, Code.UNKNOWN_DEVICE),
        (frame(1, readings([1], "radar", "mood")), None, Code.UNKNOWN_CHANNEL),
        (frame(1), "care/v1/00/gw-1/readings", Code.UNDECODABLE),
        (frame(1), "somewhere/else", Code.UNDECODABLE),
        (frame(1), wire.topic("gw-1", "commands"), Code.UNDECODABLE),
    ],
)
def test_what_can_not_be_stored_is_kept_with_a_reason(payload: bytes, topic: str | None, code: Code) -> None:
    batch = build(payload, topic=topic)
    (refusal,) = batch.refusals
    assert refusal.code is code
    assert len(refusal.reason) > 20
    assert refusal.payload == payload or refusal.code in (Code.UNKNOWN_DEVICE, Code.UNKNOWN_CHANNEL)
    assert len(batch.values) == 0


def test_one_unknown_device_does_not_cost_the_others() -> None:
    batch = build(frame(1, readings([60]), readings([1], "toaster")))
    assert batch.values.tolist() == [60]
    assert [refusal.code for refusal in batch.refusals] == [Code.UNKNOWN_DEVICE]


def test_a_refused_part_is_stored_later_without_its_number() -> None:
    batch = build(frame(1, readings([60]), readings([97], "oximeter", "spo2")))
    part = wire.encode(wire.Frame(1, "gw-1", 5, 6, "live", 1, NOW, [readings([97], "oximeter", "spo2")]))
    again = batcher().build([(wire.topic("gw-1", "readings"), part)], LIMITS, marked=False)
    assert again.values.tolist() == [97]
    assert again.marks == {}
    assert batch.marks


def test_a_stream_whose_numbers_jump_about_is_refused_and_not_remembered() -> None:
    one, topic = batcher(), wire.topic("gw-1", "readings")
    batch = one.build([(topic, frame(2 * n)) for n in range(1, MOST_GAPS + 3)], LIMITS)
    assert [(r.code, wire.decode(wire.Frame, r.payload or b"").seq) for r in batch.refusals] == [
        (Code.NUMBERING, 2 * MOST_GAPS + 2),
        (Code.NUMBERING, 2 * MOST_GAPS + 4),
    ]
    assert one.build([(topic, frame(2 * MOST_GAPS + 1))], LIMITS).refusals == [], "the next number is welcome"
    assert one.build([(topic, frame(3))], LIMITS).refusals == [], "and what closes a gap"
    assert one.build([(topic, frame(2 * MOST_GAPS + 4))], LIMITS).refusals == [], "and then one more"


def test_a_gateway_that_begins_anew_all_the_time_is_refused() -> None:
    topic = wire.topic("gw-1", "readings")
    batch = Batcher(Directory(), lambda _key: None).build([(topic, frame(1))], LIMITS)
    assert [refusal.code for refusal in batch.refusals] == [Code.NUMBERING]
    assert not batch.marks


def test_events_and_statuses() -> None:
    event = wire.encode(wire.Event(1, "gw-1", 5, 6, 1, NOW, "radar", "fall_confirmed", {"confidence": 0.9}))
    strange = wire.encode(wire.Event(1, "gw-1", 5, 6, 2, NOW, "radar", "party"))
    status = wire.encode(wire.Status(version=1, gateway="gw-1", state="offline", time_us=NOW, epoch=5, boot=6))
    batch = batcher().build(
        [
            (wire.topic("gw-1", "events"), event),
            (wire.topic("gw-1", "events"), strange),
            (wire.topic("gw-1", "status"), status),
        ],
        LIMITS,
    )
    assert [row.event.kind for row in batch.events] == ["fall_confirmed"]
    assert [row.status.state for row in batch.statuses] == ["offline"]
    assert [refusal.code for refusal in batch.refusals] == [Code.UNKNOWN_EVENT]


@pytest.mark.parametrize("base_us", [-28_800_000_000, -(2**53), 0, 2**53])
def test_no_date_makes_a_frame_unreadable(base_us: int) -> None:
    """A clock at 1970-01-01 00:00 in Shanghai is eight hours before 1970 in UTC."""
    batch = build(frame(1, base_us=base_us))
    (refusal,) = batch.refusals
    assert refusal.code in (Code.TIME_TOO_OLD, Code.TIME_AHEAD)
    assert len(batch.marks) == 1, "its number is taken: it is not asked for again"
    event = wire.Event(1, "gw-1", 5, 6, 1, base_us, "radar", "fall_suspected")
    batch = build(wire.encode(event), topic=wire.topic("gw-1", "events"))
    assert [(row.event.time_us, row.marked) for row in batch.events] == [(base_us, True)], "an event is never refused"
    assert batch.refusals == []


@pytest.mark.parametrize("kind", ["sos_pressed", "fall_confirmed"])
def test_a_bad_text_or_signal_costs_itself_and_is_kept(kind: str) -> None:
    event = wire.Event(1, "gw-1", 5, 6, 1, NOW, "radar", kind, {"note": "a\0b"}, b"\0" * 7)
    (row,) = (batch := build(wire.encode(event), topic=wire.topic("gw-1", "events"))).events
    assert row.event.values == {"note": "a\ufffdb"}
    assert [refusal.code for refusal in batch.refusals] == [Code.PARTLY_UNREADABLE] * (kind == "fall_confirmed")
    assert all(refusal.payload == wire.encode(event) for refusal in batch.refusals)


def test_a_device_name_that_can_not_be_read_is_kept_and_one_with_a_control_is_the_device() -> None:
    for device, stored in (("ra\0dar", 1), ("\0", 0)):
        event = wire.Event(1, "gw-1", 5, 6, 1, NOW, device, "sos_pressed")
        batch = build(wire.encode(event), topic=wire.topic("gw-1", "events"))
        assert len(batch.events) == stored
        assert Code.PARTLY_UNREADABLE in [refusal.code for refusal in batch.refusals]
