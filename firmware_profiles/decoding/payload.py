"""Translate payload values to readings and events by the table of a device model (Zigbee2MQTT, ESPHome, radars)."""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from firmware_profiles.channels import CHANNELS
from firmware_profiles.devices import DeviceModel
from firmware_profiles.errors import DecodeError
from firmware_profiles.readings import DeviceEvent, Heard, Oddity, Reading, StateOver

MAX_JSON = 64 * 1024
PADDING = b"\0 \t\r\n"
"""Bytes around a text that mean nothing; the zero is what ends a text in C."""
_LONGEST_WORD = 40
_LARGEST = 3.4e38
"""About the largest float32, in which values travel."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_TRUTH = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
"""Words for yes and no that converters and firmwares use for one another (compared in lower case)."""


def parse_json(payload: bytes) -> Any:
    """The JSON value in ``payload``. Raises DecodeError, and nothing else, where there is none.

    ``NaN`` and ``Infinity``, which JSON does not have and some programs write, are read as numbers: one of them must
    not cost the rest of its message.
    """
    if len(payload) > MAX_JSON:
        raise DecodeError(f"a payload of {len(payload)} bytes is longer than {MAX_JSON}")
    payload = payload.strip(PADDING)
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        strict = error
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not valid JSON: {strict}") from error


def translate(model: DeviceModel, key: str, value: Any) -> list[Heard]:
    """Translate ``value`` under ``key``; nothing where the model's table does not name the key.

    A number written as text is a number, and a word of the table may be written in another case or as another word for
    yes and no. Anything else is an :class:`Oddity`. A state is returned each time it is sent: drivers
    remember states and drop repetitions.
    """
    heard: list[Heard] = []
    if value is None:  # Zigbee2MQTT: nothing is known yet
        return heard
    target = model.keys.get(key)
    try:
        if target is not None:
            word = _match(value, target.map)
            if word is not None:
                number = target.map[word]
            elif target.map:
                raise DecodeError(f"{_word(value)!r} is none of {sorted(target.map)}")
            else:
                number = _number(value, CHANNELS[target.channel].unit) * target.scale + target.offset
            heard.append(Reading(target.channel, number))
        if key in model.events:
            heard.append(_event(model.events[key], key, value))
    except DecodeError as error:
        heard.append(Oddity(key, f"{model.id}: {key}: {error}"))
    return heard


def _event(table: dict[str, str], key: str, value: Any) -> DeviceEvent | StateOver:
    word = _match(value, table)
    if word is not None:
        return DeviceEvent(table[word], {key: word})
    if _says(value) is None and any(_says(known) is not None for known in table):
        raise DecodeError(f"{_word(value)!r} is neither yes nor no")
    return StateOver(key)


def _match(value: Any, words: Iterable[str]) -> str | None:
    """The word of a table that ``value`` means."""
    said, word = _says(value), _word(value)
    known = list(words)
    if word in known:
        return word
    folded = word.strip().casefold()
    for one in known:
        if one.casefold() == folded or (said is not None and _says(one) is said):
            return one
    return None


def _says(value: Any) -> bool | None:
    """Yes or no, in whatever word; None where it is neither."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _TRUTH.get(_word(value).strip().casefold()) if isinstance(value, bool | int | str) else None


def _number(value: Any, unit: str) -> float:
    if isinstance(value, str):
        text = value.strip()
        text = text[:-1].rstrip() if unit == "%" and text.endswith("%") else text
        if not _NUMBER.fullmatch(text):
            raise DecodeError(f"{_word(value)!r} is not a number")
        value = float(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DecodeError(f"{_word(value)!r} is not a number")
    try:
        number = float(value)
    except OverflowError as error:
        raise DecodeError("the number is too large") from error
    if not math.isfinite(number):
        raise DecodeError(f"{_word(value)} is not a finite number")
    if abs(number) > _LARGEST:
        raise DecodeError("the number is too large")
    return number


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:_LONGEST_WORD] if isinstance(value, str) else repr(value)[:_LONGEST_WORD]
