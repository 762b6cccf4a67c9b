"""Decode ESPHome payloads over MQTT: a topic for each entity, ``<node>/<component>/<object id>/state``, with text."""

from firmware_profiles.decoding.payload import PADDING, translate
from firmware_profiles.devices import DeviceModel
from firmware_profiles.errors import DecodeError
from firmware_profiles.readings import Heard

_LONGEST_STATE = 255
"""ESPHome's own limit for a text state."""
UNKNOWN = ("nan", "-nan", "unknown", "unavailable", "")


def decode(model: DeviceModel, object_id: str, payload: bytes) -> list[Heard]:
    """Decode the state of one entity; nothing for an entity that the model does not name or an unknown value.

    Binary sensors say ON and OFF, numbers come as decimal text, ``nan`` means "no value". A text that is no number and
    not a word of the model's table is an Oddity. Raises DecodeError, and nothing else, where it is no text.
    """
    if object_id not in model.keys and object_id not in model.events:
        return []
    try:
        text = payload[: _LONGEST_STATE + 1].strip(PADDING).decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"{model.id}: {object_id}: the state is not UTF-8 text") from error
    if len(text) > _LONGEST_STATE:
        raise DecodeError(f"{model.id}: {object_id}: a state of {len(payload)} bytes is longer than {_LONGEST_STATE}")
    if text.lower() in UNKNOWN:
        return []
    return translate(model, object_id, text)
