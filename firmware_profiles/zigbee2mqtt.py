"""Decode Zigbee2MQTT payloads: the JSON object that it publishes on ``zigbee2mqtt/<friendly name>``."""

import msgspec

from firmware_profiles.decoding.payload import PADDING, parse_json, translate
from firmware_profiles.devices import DeviceModel
from firmware_profiles.errors import DecodeError
from firmware_profiles.readings import Heard


def decode(model: DeviceModel, payload: bytes) -> list[Heard]:
    """Decode a payload; keys that the model does not name are ignored.

    Zigbee2MQTT repeats the whole state with every change, so the same door state comes again and again: the driver
    drops the repetitions. A value that does not fit the model's table is an Oddity among the good ones. Raises
    DecodeError, and nothing else, where the payload is not a JSON object.
    """
    state = parse_json(payload)
    if not isinstance(state, dict):
        raise DecodeError(f"{model.id}: a JSON object was expected, not {type(state).__name__}")
    return [item for key, value in state.items() for item in translate(model, key, value)]


def decode_attribute(model: DeviceModel, key: str, payload: bytes) -> list[Heard]:
    """Decode the payload of ``<friendly name>/<key>``, one property as text (Zigbee2MQTT's setting ``advanced.output:
    attribute``). Raises DecodeError, and nothing else, where it is no text."""
    try:
        text = payload.strip(PADDING).decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"{model.id}: {key}: the value is not UTF-8 text") from error
    return [] if text in ("", "null") else translate(model, key, text)


def last_seen(payload: bytes) -> str:
    """The time at which Zigbee2MQTT heard the device (setting ``advanced.last_seen``), as written; "" where none."""
    try:
        state = parse_json(payload)
    except DecodeError:
        return ""
    seen = state.get("last_seen") if isinstance(state, dict) else None
    return "" if seen is None else str(seen)


MOST_DEVICES = 4 * 1024 * 1024
"""Bytes of the list of devices: some kB for each, with all that its converter exposes."""


class _Listed(msgspec.Struct):
    friendly_name: str = ""
    software_build_id: str | None = None


def firmware(payload: bytes) -> dict[str, str]:
    """By friendly name: the version of the device's program, from ``bridge/devices``; {} where that is unreadable.

    Zigbee2MQTT's documentation, "MQTT topics and messages": ``software_build_id``, of devices that tell it.
    """
    if len(payload) > MOST_DEVICES:
        return {}
    try:
        listed = msgspec.json.decode(payload.strip(PADDING), type=list[_Listed])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {one.friendly_name: one.software_build_id for one in listed if one.software_build_id}


def available(payload: bytes) -> bool | None:
    """Whether an availability topic says ``online``; None where it says neither that nor ``offline``.

    ``{"state": "online"}`` since Zigbee2MQTT 1.17, the bare word before (its documentation, "Device availability").
    """
    try:
        state = parse_json(payload)
    except DecodeError:
        state = payload.decode(errors="replace")
    word = state.get("state") if isinstance(state, dict) else state
    return {"online": True, "offline": False}.get(word) if isinstance(word, str) else None
