"""Radar frames: what is sent is found, whatever lies between and however it is cut."""

from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles.devices import MODELS
from firmware_profiles.errors import DecodeError
from firmware_profiles.serial_radar import FrameParser, RadarFrame, decode, encode

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


@given(st.binary(max_size=400), st.lists(st.integers(1, 50), min_size=1, max_size=4))
def test_no_bytes_break_it(data: bytes, sizes: list[int]) -> None:
    found, _ = parse(data, sizes)
    for frame in found:
        for model in ("seeed-mr60fda1", "seeed-mr60bha1"):
            try:
                decode(MODELS[model], frame)
            except DecodeError as error:
                assert model in str(error)
