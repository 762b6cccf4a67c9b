"""Clocks that are wrong: a gateway's is set ahead while it sends, and set right again."""

import time

from shouwang.drills.place import Place

AHEAD_S = 40.0
"""Less than the lead that ingest still takes; a gateway further ahead is refused, and told (docs/data-doors.md)."""


def gateway_ahead(place: Place, seconds: float) -> None:
    """Set the clock of the first home ahead for some seconds. Its press is over by then."""
    gateway = place.homes.gateways[0]
    gateway.wrong_by_us = round(AHEAD_S * 1e6)
    time.sleep(seconds)
    gateway.wrong_by_us = 0
