"""A row of the table of drills: which fault, for how long, on which place, and how late an alert may be."""

from collections.abc import Callable

import msgspec

from shouwang.drills.load import PRESS_S, Homes
from shouwang.drills.place import Place

TAKEN_OVER_S = 10.0
"""Latest alert where one process of several dies or stands still."""
ELECTED_S = 30.0
"""Latest alert where one of three NATS servers dies: new leaders are elected in up to 9 s, a home tries again in 8 s,
and a message that a service had in its hands comes again after 10 s (``shouwang.brokers.config.ACK_WAIT``)."""
MAJORITY_BACK_S = 41.0
"""Latest alert after a NATS cluster has its majority again: two elections, one after the other (9 s each), a connection
that fails for want of a leader (5 s) and the next try (8 s), a message that comes again (10 s)."""
GAP_S = 20.0
"""Longest time until the gateways are asked again for the events that a broker or a database has lost: they are looked
for every 10 s, asked for when they are 5 s old, and again after 10 s."""


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table.

    ``seconds``: how long the fault lasts. ``limit_s``: how late an alert may reach a telephone. ``press_s``: interval
    of the presses, s; there is a home for each.
    """

    name: str
    zh: str
    en: str
    inflict: Callable[[Place, float], None]
    seconds: float
    limit_s: float
    press_s: float = PRESS_S
    pairs: bool = False
    standby: bool = False
    place: Callable[..., Place] = Place
    """The place that starts before the fault."""
    load: type[Homes] = Homes
    short: bool = False
    """Part of the short form."""


def single(seconds: float) -> float:
    """The limit of a part that stands alone: as long as it is away, and the start of a Python service."""
    return seconds + 20.0
