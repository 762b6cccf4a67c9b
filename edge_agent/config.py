"""A home's configuration: one TOML file, checked strictly before anything starts."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec

from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig
from firmware_profiles.mqtt import Broker
from firmware_profiles.wire import GatewayName


class ConfigError(ValueError):
    """The configuration can not be used; the text names the file, the key and what is wrong."""


class BufferConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: Path
    budget_mb: Annotated[int, msgspec.Meta(ge=1)] = 512


class FrameConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    interval_s: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 1.0
    """A frame is sent this often; a reading is at most so much older than it need be."""


class DriverConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    """The name of an entry point in the group ``shouwang.edge_drivers``."""
    options: dict[str, Any] = {}


class HomeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    gateway: GatewayName
    broker: Broker
    buffer: BufferConfig
    devices: list[DeviceConfig]
    drivers: list[DriverConfig]
    frames: FrameConfig = FrameConfig()


def load_config(file: Path) -> HomeConfig:
    """The configuration in ``file``. Raises ConfigError with a text for the installer."""
    try:
        config = msgspec.convert(tomllib.loads(file.read_text("utf-8")), HomeConfig, dec_hook=_path)
    except OSError as error:
        raise ConfigError(f"{file}: can not be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{file}: {error}") from error
    names = [device.name for device in config.devices]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{file}: two devices are called {name!r}; a name is used once in a home")
    for device in config.devices:
        if device.model not in MODELS:
            raise ConfigError(
                f"{file}: device {device.name}: unknown model {device.model!r}; known: {', '.join(sorted(MODELS))}"
            )
    if not config.drivers:
        raise ConfigError(f"{file}: no [[drivers]]: the agent would hear nothing")
    return config


def _path(kind: type[Any], value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
