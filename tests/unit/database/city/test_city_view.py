"""The view for the city measures the steps of an alert as the service level does, and names no person's column."""

import re
from pathlib import Path

import pytest

from dispatch.sla import clock

SQL = (Path(__file__).parents[4] / "database/migrations/sql/0095_for_the_city.sql").read_text()


@pytest.mark.parametrize(
    ("column", "milestone"),
    [("acknowledged_at", "acknowledged"), ("on_scene_at", "on_scene"), ("closed_at", "resolved")],
)
def test_a_step_is_reached_by_the_same_actions(column: str, milestone: clock.Milestone) -> None:
    found = re.search(rf"WHERE action (?:IN|=) ([^)]*'|\([^)]*\))\)? AS {column}|action = ('\w+')\) AS {column}", SQL)
    assert found is not None
    actions = set(re.findall(r"'(\w+)'", found[0].rpartition("FILTER")[2] or found[0]))
    assert actions == clock._REACHED_BY[milestone]
