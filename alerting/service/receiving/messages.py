"""Messages of the homes, decoded."""

import msgspec

from firmware_profiles import wire
from firmware_profiles.errors import DecodeError
from firmware_profiles.event_reading import read_event


class HomeMessage(msgspec.Struct, frozen=True):
    """A decoded message; ``gateway`` is that of its topic, for which the broker's access list vouches."""

    gateway: str
    body: wire.Event | wire.Status | wire.Frame
    lost: tuple[str, ...] = ()
    """Parts of an event that could not be read."""
    by_exchange: bool = False
    """Readings of another system, which the exchange has published in the name of the home's gateway."""
    by_panel: bool = False
    """An event of the home's panel, which the console has published in its name."""


Content = HomeMessage | Exception
"""The decoded message, or the error of decoding it."""


def content_of(topic: str, payload: bytes) -> Content:
    """Decode a message. An error is returned, not raised: it is kept with the message, so that each is decoded once."""
    try:
        return _read(topic, payload)
    except Exception as error:  # also a fault of ours: one message must not end the thread that watches every home
        return error


def _read(topic: str, payload: bytes) -> HomeMessage:
    """Raises DecodeError, also for an event or a frame that names another gateway than its topic."""
    gateway, leaf = wire.parse_topic(topic)
    if leaf == "status":
        return HomeMessage(gateway, wire.decode(wire.Status, payload))
    if leaf == "events":
        read = read_event(payload, gateway)
        return HomeMessage(gateway, read.event, read.lost)
    if leaf == "panel":
        return HomeMessage(gateway, _press(payload, gateway), by_panel=True)
    body = wire.read_frame(payload)  # a device or channel that nobody knows is passed over, whatever its name
    if body.gateway != gateway:
        raise DecodeError(f"a message of the gateway {body.gateway} under the topic of {gateway}")
    if (leaf == "observations") != (body.epoch == wire.EXCHANGE_EPOCH):
        raise DecodeError(f"epoch {body.epoch} has no place under the leaf {leaf}")
    return HomeMessage(gateway, body, by_exchange=leaf == "observations")


def _press(payload: bytes, gateway: str) -> wire.Event:
    """A press on the panel: a call for help and nothing else, for a console that somebody has taken over, too."""
    event = read_event(payload, gateway).event
    if event.device != wire.PANEL or event.kind != "sos_pressed":
        raise DecodeError(f"a panel sends presses, not {event.kind!r} of {event.device!r}")
    return event
