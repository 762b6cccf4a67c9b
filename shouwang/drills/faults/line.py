"""Lines that are cut, carry nothing, lose one direction, are slow, or lose packets."""

import time
from collections.abc import Callable

from shouwang.drills.place import Place
from shouwang.verify.lines import Relay, RelayState

Fault = Callable[[Place, float], None]


def trouble(which: Callable[[Place], Relay], state: RelayState) -> Fault:
    """Put a line into a state for some seconds."""

    def inflict(place: Place, seconds: float) -> None:
        which(place).trouble(state, seconds)
        time.sleep(seconds)

    return inflict


def slow(which: Callable[[Place], Relay], delay_s: float) -> Fault:
    """Let each piece of data be ``delay_s`` on its way, in both directions, for some seconds."""

    def inflict(place: Place, seconds: float) -> None:
        which(place).slow_s = delay_s
        which(place).trouble("slow", seconds)
        time.sleep(seconds)

    return inflict


def lossy(which: Callable[[Place], Relay], loss: float) -> Fault:
    """Let each piece of data be lost with this probability, and be sent again, for some seconds."""

    def inflict(place: Place, seconds: float) -> None:
        which(place).loss = loss
        which(place).trouble("lossy", seconds)
        time.sleep(seconds)

    return inflict


def of_database(place: Place) -> Relay:
    return place.database_line


def of_broker(place: Place) -> Relay:
    return place.broker_line


def of_homes(place: Place) -> Relay:
    return place.home_line
