"""Which devices are judged: the most trusted that speak, whatever the batches."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alerting.detection.kit.columns import Latest
from alerting.detection.kit.context import COLUMN, COLUMNS, SEATS
from alerting.detection.kit.sources.choice import LIVE_STEPS, QUALITY_STEPS, judged, shared_bins
from alerting.detection.kit.sources.seats import SeatedDevices
from tests.support.bins import At, bins_of, cut

RADAR, CLIP, WATCH, BAND = 0, 1, 2, 3
RANKS = (1, 3, 2, 2)
Judged = dict[tuple[str, int, int], tuple[bool, bool]]  # (channel, step, seat): counts, leads


def seated() -> SeatedDevices:
    found = SeatedDevices()
    found.device = np.zeros((1, COLUMNS, SEATS), np.uint32)
    found.rank = np.zeros((1, COLUMNS, SEATS), np.int8)
    for code in ("heart_rate", "signal_quality"):
        found.device[0, COLUMN[code]] = (11, 13, 15, 17)
        found.rank[0, COLUMN[code]] = RANKS
    return found


def run(readings: list[At], cuts: list[int]) -> Judged:
    latest, of, shared, found = Latest(1, of_sources=True), seated(), np.ones(COLUMNS, np.bool_), {}
    for batch in cut(readings, cuts):
        bins = bins_of(batch)
        counts, leads = judged(bins, shared_bins(bins, latest, of, shared))
        latest.keep(bins)
        codes = {COLUMN[code]: code for code in ("heart_rate", "signal_quality")}
        for i in range(len(bins)):
            key = codes[int(bins.column[i])], int(bins.step[i]), int(bins.seat[i])
            found[key] = bool(counts[i]), bool(leads[i])
    return found


def test_who_is_less_trusted_is_left_out_while_the_other_speaks() -> None:
    found = run([At(10, RADAR, 140), At(20, CLIP, 70), At(20 + LIVE_STEPS, RADAR, 140)], [])
    assert found["heart_rate", 10, RADAR] == (True, True)
    assert found["heart_rate", 20, CLIP] == (True, True)
    assert found["heart_rate", 20 + LIVE_STEPS, RADAR] == (False, False)
    late = 21 + LIVE_STEPS
    assert run([At(20, CLIP, 70), At(late, RADAR, 140)], [])["heart_rate", late, RADAR] == (True, True)


def test_equals_are_both_judged_and_one_of_them_leads() -> None:
    found = run([At(10, WATCH, 70), At(10, BAND, 140)], [])
    assert found["heart_rate", 10, WATCH] == (True, True)
    assert found["heart_rate", 10, BAND] == (True, False)


def test_who_says_itself_that_its_signal_is_poor_is_believed_last() -> None:
    poor = At(10, CLIP, 10, "signal_quality")
    found = run([poor, At(11, RADAR, 70), At(11, CLIP, 140)], [])
    assert found["heart_rate", 11, RADAR] == (True, True)
    assert found["heart_rate", 11, CLIP] == (False, False)
    later = 11 + QUALITY_STEPS
    found = run([poor, At(later, RADAR, 70), At(later, CLIP, 140)], [])
    assert found["heart_rate", later, CLIP] == (True, True)
    assert run([poor, At(11, CLIP, 140)], [])["heart_rate", 11, CLIP] == (True, True), "nobody else speaks"


READINGS = st.lists(
    st.builds(
        At,
        st.integers(1, 120),
        st.integers(0, SEATS - 1),
        st.sampled_from((10.0, 60.0, 90.0)),
        st.sampled_from(("heart_rate", "heart_rate", "signal_quality")),
        st.just(0),
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda at: (at.step, at.seat, at.code),
)


@given(READINGS, st.lists(st.integers(1, 120), max_size=8))
def test_the_batches_do_not_matter(readings: list[At], cuts: list[int]) -> None:
    single = run(readings, list(range(1, 121)))
    assert run(readings, cuts) == single
    assert run(readings, []) == single


@given(READINGS)
def test_at_every_moment_the_most_trusted_counts_and_one_leads(readings: list[At]) -> None:
    pulses = [at for at in readings if at.code == "heart_rate"]
    for (_, step, seat), (counts, leads) in run(pulses, []).items():
        alive = {at.seat for at in pulses if 0 <= step - at.step <= LIVE_STEPS}
        best = max(RANKS[other] for other in alive)
        assert counts == (RANKS[seat] == best)
        assert leads == (seat == min(other for other in alive if RANKS[other] == best))
