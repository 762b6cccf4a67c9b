"""Fill the demonstration's district with care and services, part by part."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from psycopg import Connection

from care_services.demo import (
    arranged_meals,
    assessment,
    bed_services,
    equipment,
    grants,
    home_beds,
    home_services,
    library,
    meals,
    privacy,
    quality,
    time_bank,
    workforce,
)

PARTS: tuple[Callable[[Connection[Any], dt.datetime], None], ...] = (
    assessment.fill,
    home_beds.fill,
    equipment.fill,
    grants.fill,
    home_services.fill,
    bed_services.fill,
    workforce.fill,
    library.fill,
    meals.meals,
    arranged_meals.fill,
    quality.complaints,
    quality.quality,
    privacy.fill,
    time_bank.fill,
)
"""In order: a part may use what an earlier one made. Each is safe to repeat and leaves alone what people changed."""


def fill(conn: Connection[Any], now: dt.datetime) -> None:
    """Add what is missing, in one transaction. ``now``: the time of the start, by which the made-up past ends."""
    with conn.transaction():
        for part in PARTS:
            part(conn, now)
