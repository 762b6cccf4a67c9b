"""The month of the history of protection, by the clock on the wall in Shanghai."""

import datetime as dt

import pytest

from care_network.errors import ProvisioningError
from care_network.protection import history
from vocabulary.times import SHANGHAI


def test_a_month_begins_at_midnight_in_shanghai() -> None:
    new_year = dt.datetime(2027, 1, 1, tzinfo=SHANGHAI)
    before, after = (new_year + dt.timedelta(seconds=step) for step in (-30, 30))
    december = (dt.datetime(2026, 12, 1, tzinfo=SHANGHAI), new_year)
    assert history.month_of("", before.astimezone(dt.UTC)) == december
    assert history.month_of("2026-12", after) == december
    assert history.month_of("", after.astimezone(dt.UTC))[0] == new_year
    with pytest.raises(ProvisioningError, match="not begun"):
        history.month_of("2027-01", before)
