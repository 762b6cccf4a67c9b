"""No date of any driver makes a frame that the district cannot read."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.agent import dated
from edge_agent.outbox.frames import FrameCutter
from firmware_profiles import wire

NOW_US = 1_800_000_000_000_000


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_frames_of_any_dates_are_readable(times_us: list[int]) -> None:
    cutter = FrameCutter()
    times = dated(np.array(times_us, np.int64), NOW_US)
    cutter.add("radar", "heart_rate", times, np.full(len(times), 70, np.float32))
    read = 0
    for number, (base_us, series) in enumerate(cutter.cut(), 1):
        frame = wire.Frame(1, "gw-1", 5, 6, "live", number, base_us, series)
        read += sum(map(len, wire.decode(wire.Frame, wire.encode(frame)).series))
    assert read == len(times_us)
