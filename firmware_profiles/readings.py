"""Results of the payload decoders: readings of channels, and events."""

from typing import Literal

import msgspec

Beyond = Literal["", "above", "below"]


class Reading(msgspec.Struct, frozen=True):
    """One measured value.

    ``channel`` is a code of ``channels.toml``; ``value`` is in that channel's unit; ``time_us`` is the device's own
    time stamp (µs since 1970, UTC) where the payload carries one, else None: the gateway stamps it at arrival.
    """

    channel: str
    value: float
    time_us: int | None = None
    beyond: Beyond = ""
    """The meter says no more than that the value lies beyond what it measures (HI, LO): ``value`` is that bound."""


class DeviceEvent(msgspec.Struct, frozen=True):
    """Something that happened, by its code in ``events.toml``, with the details the device gave."""

    kind: str
    values: dict[str, str | int | float | bool] = {}
    time_us: int | None = None


class StateOver(msgspec.Struct, frozen=True):
    """The state under ``key`` is now one without an event (``battery_low`` false): the event before is over."""

    key: str


class Oddity(msgspec.Struct, frozen=True):
    """A property of a message that cannot be understood; the other ones are as good as without it."""

    key: str
    reason: str


Heard = Reading | DeviceEvent | StateOver | Oddity
"""The content of a payload."""
