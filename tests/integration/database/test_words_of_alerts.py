"""SQL and Python agree about alerts: the order of severities, and which states are open."""

from typing import get_args

import psycopg

from care_network.matching.crew import URGENCIES
from vocabulary.alert_state import OPEN, AlertState
from vocabulary.severity import RANK, SEVERITIES


def test_severities_have_the_same_order_in_sql_and_python(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        rows = conn.execute("SELECT s FROM unnest(%s::text[]) AS s ORDER BY severity_rank(s)", (sorted(URGENCIES),))
        assert [row[0] for row in rows] == [*sorted(SEVERITIES, key=RANK.__getitem__), "planned"]


def test_the_same_states_are_open_in_sql_and_python(database_url: str) -> None:
    states = list(get_args(AlertState))
    with psycopg.connect(database_url) as conn:
        rows = conn.execute("SELECT s FROM unnest(%s::text[]) AS s WHERE alert_is_open(s)", (states,))
        assert {row[0] for row in rows} == set(OPEN)
