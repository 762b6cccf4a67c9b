"""Clocks that are wrong: a gateway's, or those of the services' hosts, set while they work and set right again."""

import time

from shouwang.drills.place import Place
from shouwang.drills.places import WrongClocks

WRONG_S = 40.0
"""Of the gateway: less than the lead that ingest still takes; one further ahead is refused, and told
(docs/data-doors.md)."""
HOST_WRONG_S = 2 * 3600 + 25.0
PAUSE = 0.2
"""Share of the fault during which the clock is right again between the two."""


def gateway_wrong(place: Place, seconds: float) -> None:
    """Set the clock of the first home ahead, right, behind, and right. Its press is over by then."""
    gateway = place.homes.gateways[0]
    for off_s, share in ((WRONG_S, 0.4), (0, PAUSE), (-WRONG_S, 0.4), (0, 0)):
        gateway.wrong_by_us = round(off_s * 1e6)
        time.sleep(share * seconds)


def hosts_wrong(place: Place, seconds: float) -> None:
    """Set the clocks of hosts ahead, right, behind, and right. Raises RuntimeError where the place has none to set."""
    if not isinstance(place, WrongClocks):
        raise RuntimeError("this drill needs a place whose clocks can be set")
    for off_s, share in ((HOST_WRONG_S, 0.4), (0, PAUSE), (-HOST_WRONG_S, 0.4), (0, 0)):
        place.set_clocks(off_s)
        time.sleep(share * seconds)
