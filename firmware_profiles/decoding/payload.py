"""What Zigbee2MQTT and ESPHome payloads share: JSON values, by a model's table, to readings and events."""

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
    """What ``value`` under ``key`` means for this model; nothing where the model's table does not name the key.

    Raises DecodeError for a value that is neither a number nor a word of the table. A state is given each time it is
    told: that it has not changed is for the driver to notice, which remembers.
    """
    found: list[Heard] = []
    if value is None:  # Zigbee2MQTT's way to say that nothing is known yet
        return found
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
        found.append(Reading(target.channel, number))
    if key in model.events:
        event = model.events[key].get(_word(value))
        found.append(StateOver(key) if event is None else DeviceEvent(event, {key: _word(value)}))
    return found


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else repr(value)[:_LONGEST_WORD]
