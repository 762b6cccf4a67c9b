"""Which hours of which series are late."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.batches.horizon import late_hours
from vocabulary.times import HOUR_US

READINGS = st.lists(st.tuples(st.integers(-5 * HOUR_US, 500_000 * HOUR_US), st.integers(1, 2**31 - 1)), max_size=60)


@given(READINGS, st.integers(-5 * HOUR_US, 500_000 * HOUR_US))
def test_each_late_hour_of_a_series_once(readings: list[tuple[int, int]], before_us: int) -> None:
    times = np.array([time for time, _ in readings], np.int64)
    ids = np.array([series for _, series in readings], np.int32)
    found_ids, found_hours = late_hours(times, ids, before_us)
    wanted = {(series, time // HOUR_US * HOUR_US) for time, series in readings if time < before_us}
    found = list(zip(found_ids.tolist(), found_hours.tolist(), strict=True))
    assert len(found) == len(set(found))
    assert set(found) == wanted
