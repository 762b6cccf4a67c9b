"""Translate payload values to readings and events by the table of a device model (Zigbee2MQTT, ESPHome, radars)."""

import math
from typing import Any

import msgspec

from firmware_profiles.devices import DeviceModel
from firmware_profiles.errors import DecodeError
from firmware_profiles.readings import DeviceEvent, Heard, Reading, StateOver

MAX_JSON = 64 * 1024
_LONGEST_WORD = 40


def parse_json(payload: bytes) -> Any:
    """The JSON value in ``payload``. Raises DecodeError, and nothing else, where there is none."""
    if len(payload) > MAX_JSON:
        raise DecodeError(f"a payload of {len(payload)} bytes is longer than {MAX_JSON}")
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not valid JSON: {error}") from error


def translate(model: DeviceModel, key: str, value: Any) -> list[Heard]:
    """Translate ``value`` under ``key``; nothing where the model's table does not name the key.

    Raises DecodeError for a value that is neither a number nor a word of the table. A state is returned each time it
    is sent: drivers remember states and drop repetitions.
    """
    heard: list[Heard] = []
    if value is None:  # Zigbee2MQTT: nothing is known yet
        return heard
    target = model.keys.get(key)
    if target is not None:
        word = _word(value)
        if word in target.map:
            number = target.map[word]
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise DecodeError(f"{model.id}: {key}: {word!r} is neither a number nor one of {sorted(target.map)}")
        else:
            try:
                number = float(value) * target.scale + target.offset
            except OverflowError as error:
                raise DecodeError(f"{model.id}: {key}: the number is too large") from error
            if not math.isfinite(number):
                raise DecodeError(f"{model.id}: {key}: {word} is not a finite number")
        heard.append(Reading(target.channel, number))
    if key in model.events:
        event = model.events[key].get(_word(value))
        heard.append(StateOver(key) if event is None else DeviceEvent(event, {key: _word(value)}))
    return heard


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else repr(value)[:_LONGEST_WORD]
