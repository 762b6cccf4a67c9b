"""Device models: one TOML file each in ``devices/``. A model with a known transport needs a file and no code."""

import contextlib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from firmware_profiles import gatt
from firmware_profiles.channels import CHANNELS, EVENTS
from firmware_profiles.errors import ProfileError
from vocabulary.toml import read_toml

BodyPart = Literal["waist", "chest", "pocket", "wrist"]
PARTS: Mapping[BodyPart, tuple[str, ...]] = MappingProxyType(
    {"wrist": ("wrist", "腕"), "pocket": ("pocket", "袋"), "chest": ("chest", "胸"), "waist": ("waist", "腰")}
)
"""Words for each part in the name of a room."""
NOT_AT_THE_WRIST = (
    "falls are not detected at the wrist: an arm swings, strikes and rests apart from its body; "
    "wear the motion sensor at the waist, on the chest or in a trouser pocket",
    "手腕处的运动传感器不支持跌倒检测：手臂的挥动、碰撞和静止都与身体无关；请佩戴在腰部、胸前，或放在裤袋里",
)
"""English and Chinese."""

Transport = Literal["ble-gatt", "zigbee2mqtt", "esphome", "imu-pendant", "serial-radar", "gateway", "exchange"]


class ChannelKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One payload key that carries a channel: ``value * scale + offset``, or a table from words to numbers."""

    channel: str
    scale: float = 1.0
    offset: float = 0.0
    map: dict[str, float] = {}


class DeviceModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A product: its transport, and the translation of its payloads."""

    id: str
    maker: str
    name: str
    transport: Transport
    zh: str
    """Word for it, for people who need not know the product."""
    en: str = ""
    heartbeat_s: float
    """Longest time between two messages of a sound device; silence for three times this long is a fault."""
    characteristics: tuple[int, ...] = ()
    """BLE GATT: the measurement characteristics it notifies, 16-bit UUIDs."""
    keys: dict[str, ChannelKey] = {}
    """Zigbee2MQTT: payload key; ESPHome: object id of the entity."""
    events: dict[str, dict[str, str]] = {}
    """Payload key → (payload value → event code); true and false are written as words."""
    imu_characteristic: str = ""
    """BLE GATT: the characteristic (128-bit UUID) that notifies motion samples, see :mod:`firmware_profiles.imu`."""
    imu_rate_hz: float = 0.0
    acc_range_g: float = 0.0
    wearable: bool = False
    trust: Literal[1, 2, 3] = 2
    """Rank where several devices measure the same sign of a person: 3 a medical device on the body, 2 a wearable, 1
    without contact (radar, mat). The highest that speaks is believed; see docs/detectors.md."""
    continuous: bool = False
    """Whether it measures vital signs by itself all the time: then one odd reading says little."""
    worn_at: BodyPart | None = None
    """Part of the body that the product is made for; not given: it is not worn, or anywhere."""
    battery: bool = False
    firmware: tuple[str, ...] = ()
    """Versions known to work; empty: not checked."""
    source: str = ""
    """Source of these facts."""

    @property
    def label_en(self) -> str:
        """Word for it in English; the product's name where its profile does not say."""
        return self.en or self.name.partition(" (")[0]

    @property
    def channels(self) -> frozenset[str]:
        """Codes of the channels that it measures."""
        keys = (target.channel for target in self.keys.values())
        return frozenset(keys).union(*(gatt.GIVES.get(uuid, ()) for uuid in self.characteristics))

    @property
    def has_imu(self) -> bool:
        """Whether it sends motion samples, in which falls are looked for."""
        return bool(self.imu_characteristic or self.imu_rate_hz or self.transport == "imu-pendant")

    def falls_refused(self, room: str = "") -> bool:
        """Whether it sends motion samples from the wrist: by its model, or by ``room``, where a home has it.

        No model of falls is valid there (docs/fall-detection.md); :data:`NOT_AT_THE_WRIST` is the text for people.
        """
        return self.has_imu and self.worn_part(room) == "wrist"

    def worn_part(self, room: str = "") -> BodyPart | None:
        """The part of the body that wears it, as ``room`` says or else the model; None where neither does."""
        named = (part for part, words in PARTS.items() if any(word in room.lower() for word in words))
        return next(named, self.worn_at)


def load_model(text: str, model_id: str) -> DeviceModel:
    """The model in a TOML text. Raises ProfileError naming the file and the key that is wrong."""
    file = f"devices/{model_id}.toml"
    try:
        model = msgspec.convert({**read_toml(text), "id": model_id}, DeviceModel, strict=False)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ProfileError(f"{file}: {error}") from error
    for key, target in model.keys.items():
        if target.channel not in CHANNELS:
            raise ProfileError(f"{file}: keys.{key}: no channel {target.channel!r} in channels.toml")
    for key, table in model.events.items():
        for value, event in table.items():
            if event not in EVENTS:
                raise ProfileError(f"{file}: events.{key}.{value}: no event {event!r} in events.toml")
    if model.heartbeat_s <= 0:
        raise ProfileError(f"{file}: heartbeat_s must be above 0")
    if model.falls_refused():
        en, zh = NOT_AT_THE_WRIST
        raise ProfileError(f"{file}: worn_at: {en} / {zh}")
    return model


def _load_all() -> dict[str, DeviceModel]:
    files = sorted((Path(__file__).parent / "devices").glob("*.toml"))
    return {file.stem: load_model(file.read_text("utf-8"), file.stem) for file in files}


_models = _load_all()
MODELS: Mapping[str, DeviceModel] = MappingProxyType(_models)
"""By id: the models that come with this package, and those that :func:`install` added to this process."""


def install(own: Mapping[str, DeviceModel]) -> None:
    """Add a home's own models to :data:`MODELS`, for the life of this process; one of the same id is replaced.

    Called once, before any driver is made: drivers look models up when they start.
    """
    _models.update(own)


@contextlib.contextmanager
def tentatively(own: Mapping[str, DeviceModel]) -> Iterator[None]:
    """Like :func:`install`, but undone at the end, to test whether drivers accept the models; no await inside."""
    before = dict(_models)
    _models.update(own)
    try:
        yield
    finally:
        _models.clear()
        _models.update(before)
