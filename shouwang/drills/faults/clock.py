"""Clocks that are wrong: a gateway's, or those of the services' hosts, set while they work and set right again."""

import time

import psycopg

from shouwang.drills.place import Place
from shouwang.drills.places import WrongClocks
from shouwang.platform.processes import wait_until

WRONG_S = 40.0
"""Of the gateway: less than the lead that ingest still takes; one further ahead is refused, and told
(docs/data-doors.md)."""
HOST_WRONG_S = 2 * 3600 + 25.0
TELLING = frozenset({"ingest", "alerting"})
"""Services that tell of a wrong clock, which is a technical alert."""
NAMED_S = 60.0
PAUSE = 0.2
"""Share of the fault during which the clock is right again between the two."""


def gateway_wrong(place: Place, seconds: float) -> None:
    """Set the clock of the first home ahead, right, behind, and right. Its press is over by then."""
    gateway = place.homes.gateways[0]
    for off_s, share in ((WRONG_S, 0.4), (0, PAUSE), (-WRONG_S, 0.4), (0, 0)):
        gateway.wrong_by_us = round(off_s * 1e6)
        time.sleep(share * seconds)


def hosts_wrong(place: Place, seconds: float) -> None:
    """Set the clocks of hosts ahead, right, behind, and right.

    Raises RuntimeError where the place has none to set, TimeoutError where a host that looks at its clock is not named.
    """
    if not isinstance(place, WrongClocks):
        raise RuntimeError("this drill needs a place whose clocks can be set")
    place.set_clocks(HOST_WRONG_S)
    if place.wrong & TELLING:
        wait_until(lambda: _named(place), NAMED_S, "the host whose clock is wrong is named")
    for off_s, share in ((HOST_WRONG_S, 0.4), (0, PAUSE), (-HOST_WRONG_S, 0.4), (0, 0)):
        place.set_clocks(off_s)
        time.sleep(share * seconds)


def _named(place: Place) -> bool:
    with psycopg.connect(place.postgres.url, autocommit=True) as conn:
        return conn.execute("SELECT FROM alert WHERE rule = 'host_clock' LIMIT 1").fetchone() is not None
