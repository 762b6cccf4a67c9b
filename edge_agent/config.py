"""A home's configuration: one TOML file and, where it needs them, device models of its own.

It is checked strictly before anything starts. :mod:`edge_agent.updates.check` compares it with the machine.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from edge_agent.alarm.settings import LocalAlarmConfig
from edge_agent.updates.signed_config import read_public_key
from firmware_profiles.devices import MODELS, NOT_AT_THE_WRIST, DeviceModel, load_model
from firmware_profiles.driver import DeviceConfig
from firmware_profiles.errors import ProfileError
from firmware_profiles.link.mqtt import Broker
from firmware_profiles.wire import GatewayName
from vocabulary.toml import read_toml


class HomeConfigError(ValueError):
    """The configuration cannot be used; the text names the file, the key and what is wrong."""


class OutboxConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[buffer]``: the file of the outbox and how much of the disk it may use."""

    path: Path
    budget_mb: Annotated[int, msgspec.Meta(ge=1)] = 512
    sent_mb: Annotated[int, msgspec.Meta(ge=2)] = 64
    """Share of the disk for messages that the broker has taken, in case the district asks for them again."""


class FrameConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    interval_s: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 1.0
    """Time between two frames; it delays a reading by as much at most."""


class DriverConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    """The name of an entry point in the group ``shouwang.edge_drivers``."""
    options: dict[str, Any] = {}


class UpdatesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[updates]``: permits changes of this configuration over MQTT. No update may hold it."""

    public_keys: Annotated[list[str], msgspec.Meta(min_length=1)]
    """The district's Ed25519 keys, base64: more than one while keys are changed."""
    online_within_s: Annotated[float, msgspec.Meta(ge=5, le=3600)] = 300
    """A new version that is not connected to the broker so long after the start is taken back."""
    folder: Path | None = None
    """Folder of the versions; not given: the folder ``config`` beside the outbox."""


class CommandsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[commands]``: public Ed25519 keys, base64, by the service whose commands they sign. The commands of a service
    without keys are taken unsigned."""

    alerting: list[str] = []
    ingest: list[str] = []
    console: list[str] = []


class HomeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    gateway: GatewayName
    broker: Broker
    buffer: OutboxConfig
    devices: list[DeviceConfig]
    drivers: list[DriverConfig]
    frames: FrameConfig = FrameConfig()
    profiles: Path | None = None
    """A folder of device models (TOML) of this home's own."""
    updates: UpdatesConfig | None = None
    local_alarm: LocalAlarmConfig = LocalAlarmConfig()
    commands: CommandsConfig | None = None
    """None in a signed update: those of the installed file."""


class Home(msgspec.Struct, frozen=True):
    """A configuration and the device models that it brings along, by id."""

    config: HomeConfig
    models: Mapping[str, DeviceModel] = {}


def load_home(file: Path) -> Home:
    """The configuration in ``file`` and its models. Raises HomeConfigError with a text for the installer."""
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise HomeConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise HomeConfigError(f"{file}: {error}") from error
    return parse_home(text, {}, str(file))


def parse_home(text: str, profiles: Mapping[str, str], source: str) -> Home:
    """The configuration in ``text``; ``profiles`` (TOML by model id) are added to those in its folder.

    ``source`` names the text in errors. Raises HomeConfigError with a text for the installer.
    """
    try:
        config = msgspec.convert(read_toml(text), HomeConfig, dec_hook=_path)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise HomeConfigError(f"{source}: {error}") from error
    own = {**_read_profiles(config.profiles, source), **profiles}
    try:
        models = {model_id: load_model(profile, model_id) for model_id, profile in own.items()}
    except ProfileError as error:
        raise HomeConfigError(f"{source}: {error}") from error
    all_models = {**MODELS, **models}
    names = [device.name for device in config.devices]
    for name in names:
        if names.count(name) > 1:
            raise HomeConfigError(f"{source}: two devices are called {name!r}; a name is used once in a home")
    for device in config.devices:
        if device.model not in all_models:
            choice = ", ".join(sorted(all_models))
            raise HomeConfigError(f"{source}: device {device.name}: unknown model {device.model!r}; known: {choice}")
        if all_models[device.model].falls_refused(device.room):
            en, zh = NOT_AT_THE_WRIST
            raise HomeConfigError(f"{source}: device {device.name}: room {device.room!r}: {en} / {zh}")
    for commander in () if config.commands is None else config.commands.__struct_fields__:
        for text in getattr(config.commands, commander):
            try:
                read_public_key(text)
            except ValueError as error:
                raise HomeConfigError(f"{source}: commands.{commander}: {error}") from error
    for mistake in config.local_alarm.mistakes():
        raise HomeConfigError(f"{source}: {mistake}")
    if not config.drivers:
        raise HomeConfigError(f"{source}: no [[drivers]]: the agent would hear nothing")
    return Home(config, models)


def _read_profiles(folder: Path | None, source: str) -> dict[str, str]:
    if folder is None:
        return {}
    if not folder.is_dir():
        raise HomeConfigError(f"{source}: profiles: {folder} is not a folder")
    try:
        return {file.stem: file.read_text("utf-8") for file in sorted(folder.glob("*.toml"))}
    except (OSError, UnicodeDecodeError) as error:
        raise HomeConfigError(f"{source}: profiles: {folder} cannot be read: {error}") from error


def _path(kind: type[Any], value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
