"""Visits ahead that need another person, as a notice on pages that come anew every few seconds on many screens."""

import datetime as dt
from typing import Any

import psycopg

from care_network.upkeep.recent import Recent
from care_services.home_services.visits import unfit

_KNOWN: Recent[unfit.Count] = Recent(5.0)
"""By area, for all who look at it. The visits themselves, their list and every door ask anew each time."""


def needing_another(conn: psycopg.Connection[Any], under: str | None, now: dt.datetime) -> unfit.Count:
    """How many there are below an area, and when the first is: five seconds old at most."""
    return _KNOWN.of(f"{conn.info.dbname} {under}", lambda: unfit.count(conn, under, now))
