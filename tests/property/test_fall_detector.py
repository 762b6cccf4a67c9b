"""The detector gives the same events whatever the chunks, the mounting and the way of calling."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from device_simulators.recordings import SISFALL_HZ, extract
from edge_agent.fall import FallDetector, FallEvent, decode_evidence
from edge_agent.fall.signal import Resampler, resample

TRIALS = sorted(extract())
RATES = [20.0, 25.0, 50.0, 100.0, 200.0]


def signal(trial: str, rate_hz: float) -> np.ndarray:
    return extract()[trial][0][:: round(SISFALL_HZ / rate_hz)].astype(np.float32)


def run(acc: np.ndarray, rate_hz: float, sizes: list[int]) -> list[FallEvent]:
    detector, events, at, turn = FallDetector(rate_hz), [], 0, 0
    while at < len(acc):
        size = sizes[turn % len(sizes)]
        events += detector.feed(1_000_000 + round(at * 1e6 / rate_hz), acc[at : at + size])
        at, turn = at + size, turn + 1
    return events + detector.flush()


def plain(events: list[FallEvent]) -> list[tuple]:
    return [(e.kind, e.time_us, e.confidence, e.features, e.window_start_us, e.window_acc_g.tobytes()) for e in events]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(TRIALS),
    st.sampled_from(RATES),
    st.lists(st.integers(1, 500), min_size=1, max_size=5),
)
def test_the_chunks_do_not_matter(trial: str, rate_hz: float, sizes: list[int]) -> None:
    acc = signal(trial, rate_hz)
    assert plain(run(acc, rate_hz, sizes)) == plain(run(acc, rate_hz, [len(acc)]))


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(TRIALS), st.integers(0, 2**32 - 1))
def test_the_mounting_does_not_matter(trial: str, seed: int) -> None:
    acc = signal(trial, 50)
    from scipy.spatial.transform import Rotation  # a quarter of a second in each process that collects the tests

    turned = acc @ Rotation.random(rng=np.random.default_rng(seed)).as_matrix().T.astype(np.float32)
    one, other = run(acc, 50, [len(acc)]), run(turned, 50, [len(acc)])
    assert [(e.kind, e.time_us) for e in one] == [(e.kind, e.time_us) for e in other]


@pytest.mark.parametrize("rate_hz", RATES)
def test_falls_and_daily_living_at_every_rate(rate_hz: float) -> None:
    for trial in TRIALS:
        acc = signal(trial, rate_hz)
        kinds = [event.kind for event in run(acc, rate_hz, [max(1, round(rate_hz / 10))])]
        called = "confirmed" in kinds or kinds[-1:] == ["suspected"]
        assert called == trial.split("_")[1].startswith("F"), (trial, kinds)


def test_events_tell_one_story_and_carry_their_evidence() -> None:
    acc = signal("SA01_F01_R01", 200)
    suspected, confirmed = run(acc, 200, [20])
    assert (suspected.kind, confirmed.kind) == ("suspected", "confirmed")
    assert suspected.time_us == confirmed.time_us
    impact_us = 1_000_000 + int(np.linalg.norm(acc, axis=1).argmax()) * 5000
    assert abs(suspected.time_us - impact_us) < 300_000
    assert 0 <= suspected.confidence <= 1
    start_us, rate_hz, kept = decode_evidence(suspected.evidence_bytes())
    assert rate_hz == 50
    assert start_us <= suspected.time_us <= start_us + len(kept) / rate_hz * 1e6
    assert np.linalg.norm(kept, axis=1).max() > 1.5


@given(st.integers(1, 400), st.floats(15, 1000), st.lists(st.integers(1, 90), min_size=1, max_size=6))
@example(27, 15.000000000000002, [1])
@settings(deadline=None)
def test_streamed_and_whole_resampling_agree(n: int, rate_hz: float, sizes: list[int]) -> None:
    acc = np.random.default_rng(n).normal(size=(n, 3))
    resampler, rows, at, turn = Resampler(rate_hz), [np.empty((0, 3))], 0, 0
    while at < n:
        resampler.push(acc[at : at + sizes[turn % len(sizes)]])
        at, turn = at + sizes[turn % len(sizes)], turn + 1
        while (more := resampler.pull()) is not None:
            rows.append(more)
    streamed, whole = np.concatenate(rows), resample(acc, rate_hz)
    assert len(whole) - 2 <= len(streamed) <= len(whole)
    np.testing.assert_allclose(streamed, whole[: len(streamed)], atol=1e-9)


def test_a_clock_that_drifts_is_followed_and_a_hole_begins_anew() -> None:
    detector = FallDetector(50)
    quiet = np.tile(np.array([0, 1, 0], np.float32), (50, 1))
    t_us = 0
    for _ in range(200):  # 2 % slow: 4 s off after 200 s, never more than 20 ms at once
        detector.feed(t_us, quiet)
        t_us += 1_020_000
    acc = signal("SA01_F01_R01", 50)
    events = detector.feed(t_us, acc)
    impact_us = t_us + int(np.linalg.norm(acc, axis=1).argmax()) * 20_000
    assert abs(events[0].time_us - impact_us) < 300_000
    again = detector.feed(t_us + 3_600_000_000, acc)
    assert again[-1].time_us > t_us + 3_600_000_000


@pytest.mark.parametrize("rate_hz", [0.0, 14.9, 1001.0, float("nan")])
def test_a_rate_that_can_not_work_is_refused(rate_hz: float) -> None:
    with pytest.raises(ValueError, match="Hz is needed"):
        FallDetector(rate_hz)


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((4, 2)), np.full((4, 3), np.nan), np.full((4, 3), np.inf)])
def test_a_signal_that_is_none_is_refused_and_changes_nothing(bad: np.ndarray) -> None:
    detector = FallDetector(50)
    acc = signal("SA01_F01_R01", 50)
    half = len(acc) // 2
    events = detector.feed(0, acc[:half])
    with pytest.raises(ValueError, match="acc_g"):
        detector.feed(half * 20_000, bad)
    with pytest.raises(ValueError, match="gyro_dps"):
        detector.feed(half * 20_000, acc[half:], np.zeros((1, 3)))
    events += detector.feed(half * 20_000, acc[half:], np.zeros((len(acc) - half, 3))) + detector.flush()
    assert plain(events)[-1][0] == "confirmed"
