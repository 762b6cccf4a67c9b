"""Any input from a gateway: nothing is raised; every reading is stored, refused with a reason, or a repetition."""

from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles import wire
from ingest.batches.batch import Batch, Limits
from ingest.batches.batcher import Batcher
from ingest.batches.marks import Mark
from ingest.batches.senml_rows import Delivery, SenmlBatcher

NOW = 1_800_000_000_000_000
LIMITS = Limits(NOW - 90 * 86_400_000_000, NOW + 300_000_000)
TOPIC = wire.topic("gw-1", "readings")


class Directory:
    """One gateway with one device."""

    def gateway(self, name: str) -> int | None:
        return {"gw-1": 1}.get(name)

    def device(self, gateway_id: int, name: str) -> int | None:
        return {"radar": 10}.get(name)

    def series(self, device_id: int, channel: str) -> int:
        return 1

    def arrival(self, gateway_id: int, digest: bytes) -> int | None:
        return None


def build(*messages: tuple[str, bytes]) -> Batch:
    return Batcher(Directory(), lambda _: Mark()).build(messages, LIMITS)


words = st.sampled_from(
    ["radar", "toaster", "heart_rate", "spo2", "gw-1", "gw-2", "live", "", "a\0b", "温度", "x" * 300]
)
numbers = st.one_of(
    st.sampled_from([0, 1, -1, NOW, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1]),
    st.floats(),
    st.integers(0, 9),
)
raw = st.one_of(st.binary(max_size=24), st.integers(0, 6).map(lambda n: bytes(4 * n)), st.just(b"\x00\x00\xc0\x7f" * 3))
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), words, numbers, raw),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)
nearly_series = st.tuples(words | anything, words | anything, raw | anything, raw | anything).map(list)
nearly_frames = st.tuples(
    st.just(1) | anything,
    st.just("gw-1") | anything,
    st.just(5) | anything,
    st.just(6) | anything,
    st.sampled_from(["live", "backfill"]) | anything,
    st.integers(1, 3) | anything,
    st.just(NOW) | anything,
    st.lists(nearly_series, max_size=3) | anything,
).map(list)
payloads = st.one_of(
    st.binary(max_size=200), anything.map(msgspec.msgpack.encode), nearly_frames.map(msgspec.msgpack.encode)
)


@given(
    st.lists(st.tuples(st.sampled_from([TOPIC, wire.topic("gw-1", "events"), "x"]) | st.text(), payloads), max_size=8)
)
def test_every_message_is_accounted_for(messages: list[tuple[str, bytes]]) -> None:
    batch = build(*messages)
    assert len(batch.times_us) == len(batch.series_ids) == len(batch.values)
    assert ((batch.times_us >= LIMITS.earliest_us) & (batch.times_us <= LIMITS.latest_us)).all()
    assert all(refusal.reason and refusal.payload is not None for refusal in batch.refusals)
    for payload in {payload for _, payload in messages}:
        alone = build((TOPIC, payload))
        assert len(alone.values) or alone.refusals, "stored or refused"


channels = st.sampled_from(["heart_rate", "spo2", "room_temperature", "mood"])
columns = st.lists(st.tuples(st.integers(0, 2**32 - 1), st.floats(width=32)), min_size=1, max_size=12)


@given(
    st.lists(st.tuples(st.sampled_from(["radar", "toaster"]), channels, columns), min_size=1, max_size=5),
    st.sampled_from([NOW, NOW - 90 * 86_400_000_000, 0, 2**53]),
)
def test_of_a_frame_every_reading_is_stored_or_refused(shares: list[tuple[str, str, Any]], base_us: int) -> None:
    """Also where a device, a series or a moment comes twice."""
    series = [
        wire.Series(
            device,
            channel,
            np.array([ms for ms, _ in column], "<u4").tobytes(),
            np.array([value for _, value in column], "<f4").tobytes(),
        )
        for device, channel, column in shares
    ]
    batch = build((TOPIC, wire.encode(wire.Frame(1, "gw-1", 5, 6, "live", 1, base_us, series))))
    refused = [wire.decode(wire.Frame, refusal.payload or b"") for refusal in batch.refusals]
    assert len(batch.values) + sum(len(one) for frame in refused for one in frame.series) == sum(map(len, series))


@given(st.lists(st.tuples(st.sampled_from(["senml/v1/gw-1", "senml/v1/gw-2", "senml/x"]) | st.text(), payloads)))
def test_nor_does_the_other_door_raise(messages: list[tuple[str, bytes]]) -> None:
    rows = SenmlBatcher(Directory()).build(
        [Delivery(*one, NOW) for one in messages], LIMITS.earliest_us, LIMITS.latest_us
    )
    assert len(rows.rows) + len(rows.refusals) >= len(messages)


@given(st.lists(st.integers(1, 2**53), max_size=40), st.integers(0, 3))
def test_numbers_that_jump_about_leave_bounded_marks(numbers: list[int], most: int) -> None:
    mark, taken = Mark(), set()
    for seq in numbers:
        scatters = mark.scatters(seq, most)
        if not scatters:
            assert mark.take(seq) == (seq not in taken)
            taken.add(seq)
        assert len(mark.gaps) <= most
