"""Radar frames: what is sent is found, whatever lies between and however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles.devices import MODELS
from firmware_profiles.errors import DecodeError
from firmware_profiles.readings import DeviceEvent, Heard, Reading
from firmware_profiles.serial_radar import FrameParser, RadarFrame, decode, encode, queries

frames = st.builds(RadarFrame, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40))


def parse(data: bytes, sizes: list[int]) -> tuple[list[RadarFrame], FrameParser]:
    parser, found, at, turn = FrameParser(), [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found += parser.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    return found, parser


@given(st.lists(frames, max_size=8), st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_frames_come_back_however_they_are_cut(sent: list[RadarFrame], sizes: list[int]) -> None:
    found, parser = parse(b"".join(encode(frame) for frame in sent), sizes)
    assert found == sent
    assert parser.damaged == 0


@given(frames, st.binary(max_size=60).filter(lambda b: b"\x53" not in b), frames)
def test_garbage_between_frames_costs_no_frame(one: RadarFrame, garbage: bytes, other: RadarFrame) -> None:
    found, _ = parse(encode(one) + garbage + encode(other), [7])
    assert found == [one, other]


@given(frames, st.data(), frames)
def test_a_flipped_bit_is_never_taken_for_a_frame(damaged: RadarFrame, data: st.DataObject, good: RadarFrame) -> None:
    wire = bytearray(encode(damaged))
    bit = data.draw(st.integers(0, len(wire) * 8 - 1))
    wire[bit // 8] ^= 1 << bit % 8
    # a damaged length can make the parser wait for more: enough good frames follow, and they are found
    found, _ = parse(bytes(wire) + encode(good) * 80, [50])
    assert good in found
    if damaged != good:
        assert damaged not in found


@given(frames, st.data(), frames)
def test_when_the_line_goes_quiet_a_damaged_frame_hides_no_good_one(
    damaged: RadarFrame, data: st.DataObject, good: RadarFrame
) -> None:
    wire = bytearray(encode(damaged))
    bit = data.draw(st.integers(0, len(wire) * 8 - 1))
    wire[bit // 8] ^= 1 << bit % 8
    found, parser = parse(bytes(wire) + encode(good), [data.draw(st.integers(1, 60))])
    found += parser.settle()
    assert found[-1:] == [good]
    assert not parser.waiting


@given(st.binary(max_size=100), frames, st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_any_garbage_before_a_frame_costs_no_frame(garbage: bytes, good: RadarFrame, sizes: list[int]) -> None:
    """What is found, and how many frames are damaged, is the same however the bytes are cut."""
    whole, parser = parse(garbage + encode(good), [10_000])
    whole += parser.settle()
    assert good in whole
    cut, other = parse(garbage + encode(good), sizes)
    assert [*cut, *other.settle()] == whole
    assert parser.damaged == other.damaged


def test_the_questions_are_those_of_the_manual() -> None:
    asked = [encode(frame).hex(" ") for frame in queries(MODELS["seeed-mr60bha1"])]
    assert asked == ["53 59 80 81 00 01 0f bd 54 43", "53 59 84 81 00 01 0f c1 54 43"]


@pytest.mark.parametrize(
    ("model", "frame", "found"),
    [
        ("seeed-mr60bha1", "53 59 80 01 00 01 01 2f 54 43", [Reading("presence", 1.0)]),
        ("seeed-mr60bha1", "53 59 80 81 00 01 00 ae 54 43", [Reading("presence", 0.0)]),  # the answer to a query
        ("seeed-mr60bha1", "53 59 81 02 00 01 12 42 54 43", [Reading("respiration_rate", 18.0)]),
        ("seeed-mr60bha1", "53 59 85 02 00 01 4d 81 54 43", [Reading("heart_rate", 77.0)]),
        ("seeed-mr60bha1", "53 59 85 02 00 01 00 34 54 43", []),  # no heart found
        ("seeed-mr60bha1", "53 59 80 04 00 02 00 7d af 54 43", [Reading("target_distance", 1.25)]),
        ("seeed-mr60bha1", "53 59 84 01 00 01 01 33 54 43", [Reading("in_bed", 1.0)]),
        ("seeed-mr60bha1", "53 59 01 01 00 01 0f be 54 43", []),  # its heartbeat
        ("seeed-mr60fda1", "53 59 83 01 00 01 01 32 54 43", [DeviceEvent("fall_suspected", {"fall_state": "1"})]),
    ],
)
def test_frames_byte_by_byte(model: str, frame: str, found: list[Heard]) -> None:
    """Composed by hand from the manuals' tables: the codec's own encoder is not asked."""
    (one,) = FrameParser().feed(bytes.fromhex(frame))
    assert decode(MODELS[model], one) == found


@given(st.binary(max_size=400), st.lists(st.integers(1, 50), min_size=1, max_size=4))
def test_no_bytes_break_it(data: bytes, sizes: list[int]) -> None:
    found, _ = parse(data, sizes)
    for frame in found:
        for model in ("seeed-mr60fda1", "seeed-mr60bha1"):
            try:
                decode(MODELS[model], frame)
            except DecodeError as error:
                assert model in str(error)
