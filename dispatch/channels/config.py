"""Read the channels from a TOML file (``SHOUWANG_NOTIFY_CHANNELS_FILE``), with secrets in files or the environment.

A text ``file:/path`` stands for the file's contents, ``env:NAME`` for the environment's value: no secret is written
into the settings themselves. A channel that cannot be used (its secret or its key is missing) is left out, and said;
the others work. Only without any usable channel there is no service.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from database.pool import Pool, make_pool
from database.settings import DatabaseSettings
from dispatch.channels.adapters import dingtalk, email, feishu, http_gateway, local, robots, wecom
from dispatch.channels.adapters.base import Adapter, ConfigError, Subscription, Subscriptions
from dispatch.channels.notifications import RecipientKind
from dispatch.channels.upkeep.kinds import USUAL, Address, Form
from vocabulary.synthetic import CHANNEL as LOOPBACK
from vocabulary.synthetic import RECIPIENT
from vocabulary.toml import read_toml

T = TypeVar("T")


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[channels.<name>]``."""

    adapter: str
    zh: str = ""
    en: str = ""
    form: Form | None = None
    address: Address | None = None
    timeout_s: float = 8.0
    """Time after which an attempt counts as failed, whatever the peer does."""
    workers: int = 4
    """Largest number of attempts at once in one process."""
    attempts: int = 3
    """Number of attempts before the next channel is tried."""
    receipt_s: float = 0.0
    """Time to wait for a receipt before the next channel is tried; 0: none is promised."""
    enabled: bool = True
    """False: as if it were not in the file; its secrets are not asked for."""
    per_minute: int = 0
    """Largest number of attempts in a minute, of all processes together; the gravest go first. 0: no ceiling."""
    options: dict[str, Any] = {}


class ServiceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[services.<key>]``: somebody outside the care network, as 120."""

    name_zh: str
    name_en: str
    phone: str
    language: Literal["zh", "en"] = "zh"


class RateLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most ``messages`` to one recipient in ``seconds``; further ones wait and become one. Emergencies are free."""

    messages: int = 12
    seconds: float = 600.0


class Ceiling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[ceiling]``: from so many open ``emergencies`` of one recipient on, one message in ``seconds`` lists them."""

    emergencies: int = 10
    seconds: float = 60.0


class Channels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. ``order``: for each kind of recipient the channels in the order in which they are tried.

    ``left_out``: why a channel of the file cannot be used, by its name; never in the file itself.
    """

    channels: dict[str, Channel]
    order: dict[RecipientKind, list[str]]
    services: dict[str, ServiceSettings] = {}
    rate: RateLimit = RateLimit()
    ceiling: Ceiling = Ceiling()
    left_out: dict[str, str] = {}

    def without(self, faults: Mapping[str, str]) -> "Channels":
        """Leave these channels out. Raises ConfigError, with every reason, where none remains."""
        channels = {name: channel for name, channel in self.channels.items() if name not in faults}
        left_out = {**self.left_out, **faults}
        if not channels and left_out:
            raise ConfigError("no channel can be used: " + "; ".join(left_out.values()))
        order: dict[RecipientKind, list[str]] = {
            kind: [name for name in names if name in channels] for kind, names in self.order.items()
        }
        return msgspec.structs.replace(self, channels=channels, order=order, left_out=left_out)

    def form(self, name: str) -> Form:
        """The form of the texts on a channel."""
        return self.channels[name].form or USUAL[self.channels[name].adapter][0]

    def address(self, name: str) -> Address:
        """The kind of address on a channel."""
        return self.channels[name].address or USUAL[self.channels[name].adapter][1]


def load(file: Path) -> Channels:
    """Read the channels file. Raises ConfigError, with the place and what to write, where it is missing or wrong."""
    try:
        return parse(file.read_text("utf-8"), os.environ)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the channels file {file} cannot be read: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error


def parse(text: str, environment: Mapping[str, str]) -> Channels:
    """Parse the settings and fill in their secrets; a channel whose secret is missing is left out.

    Raises ConfigError where the file is wrong, or no channel of it remains.
    """
    try:
        tables = read_toml(text)
        if "left_out" in tables:
            raise ConfigError("write enabled = false in a channel that is not to be used")
        channels: dict[str, Any] = tables.get("channels", {})
        disabled = {name for name, table in channels.items() if table.get("enabled") is False}
        faults: dict[str, str] = {}
        for name in channels.keys() - disabled:
            try:
                channels[name] = _with_secrets(channels[name], environment)
            except ConfigError as error:
                faults[name] = f"channel {name!r}: {error}"
        settings = msgspec.convert(
            {**_with_secrets({**tables, "channels": {}}, environment), "channels": channels}, Channels
        )
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, AttributeError) as error:
        raise ConfigError(str(error)) from error
    for name in {LOOPBACK} & settings.channels.keys() | {RECIPIENT} & settings.services.keys():
        raise ConfigError(f"the name {name!r} is the platform's own: it proves the path of alerts; choose another")
    for name, channel in settings.channels.items():
        if channel.adapter not in USUAL:
            raise ConfigError(f"channel {name!r}: there is no adapter {channel.adapter!r}; choose {', '.join(USUAL)}")
        if not 0 < channel.timeout_s <= 120 or channel.workers < 1 or channel.attempts < 1 or channel.receipt_s < 0:
            raise ConfigError(f"channel {name!r}: 0 < timeout_s <= 120, workers >= 1, attempts >= 1, receipt_s >= 0")
        if channel.per_minute < 0:
            raise ConfigError(f"channel {name!r}: per_minute >= 0 (0: no ceiling)")
    if settings.ceiling.emergencies < 2 or not 1 <= settings.ceiling.seconds <= 60:
        raise ConfigError("[ceiling]: emergencies >= 2, 1 <= seconds <= 60: an emergency waits no longer")
    for kind, order in settings.order.items():
        unknown = [name for name in order if name not in settings.channels]
        if unknown:
            raise ConfigError(f"order.{kind} names {', '.join(unknown)}; there is no such channel")
    usable = settings.without(faults)
    enabled = {name: channel for name, channel in usable.channels.items() if channel.enabled}
    if usable.channels and not enabled:
        raise ConfigError("; ".join(["every channel is switched off: enable one", *faults.values()]))
    in_use = {kind: [name for name in names if name in enabled] for kind, names in usable.order.items()}
    return msgspec.structs.replace(usable, channels=enabled, order=in_use)


def build(channels: Channels, pool: Pool, subscriptions: Subscriptions) -> dict[str, Adapter]:
    """Build the adapters, by channel. Raises ConfigError naming the channel whose options are wrong."""
    return {name: _build(name, channel, pool, subscriptions) for name, channel in channels.channels.items()}


def build_usable(channels: Channels, pool: Pool, subscriptions: Subscriptions) -> tuple[Channels, dict[str, Adapter]]:
    """Build the adapters of the channels that can be used, and leave the others out.

    Raises ConfigError, with every reason, where none remains.
    """
    adapters, faults = {}, {}
    for name, channel in channels.channels.items():
        try:
            adapters[name] = _build(name, channel, pool, subscriptions)
        except ConfigError as error:
            faults[name] = str(error)
    return channels.without(faults), adapters


def with_loopback(channels: Channels) -> Channels:
    """Add the channel by which the path is proved. No settings file has it, so that nobody can lead it to a person."""
    loopback = Channel(adapter="loopback", zh="链路自检", en="proof of the path", form="short", address="organisation")
    return msgspec.structs.replace(channels, channels={**channels.channels, LOOPBACK: loopback})


def check(channels: Channels) -> Channels:
    """Build every adapter without connecting anywhere; the channels that can be used, and why others cannot."""
    with make_pool(DatabaseSettings(pool_min=0), "check") as pool:
        return build_usable(channels, pool, NoBrowsers())[0]


class NoBrowsers:
    """Stands for the browsers' subscriptions where there is no database: none."""

    def of(self, account_id: int) -> list[Subscription]:
        return []

    def forget(self, endpoint: str) -> None:
        """There are none."""


def _build(name: str, channel: Channel, pool: Pool, subscriptions: Subscriptions) -> Adapter:
    def options(kind: type[T]) -> T:
        return msgspec.convert(channel.options, kind)

    try:
        match channel.adapter:
            case "http":
                return http_gateway.HttpGateway(options(http_gateway.HttpOptions))
            case "smtp":
                return email.Smtp(options(email.SmtpOptions))
            case "webpush":
                from dispatch.channels.adapters import webpush  # its library takes as long to load as a whole service

                return webpush.WebPush(options(webpush.WebPushOptions), subscriptions)
            case "wecom":
                return wecom.WeCom(options(robots.RobotOptions))
            case "dingtalk":
                return dingtalk.DingTalk(options(robots.RobotOptions))
            case "feishu":
                return feishu.Feishu(options(robots.RobotOptions))
            case "apprise":
                from dispatch.channels.adapters import apprise_bridge  # so does this one

                return apprise_bridge.Apprise(options(apprise_bridge.AppriseOptions))
            case "console":
                options(local.NoOptions)
                return local.ConsoleChannel(pool)
            case _:
                options(local.NoOptions)
                return local.DemoOutbox(pool)
    except (msgspec.ValidationError, ConfigError) as error:
        raise ConfigError(f"channel {name!r}: {error}") from error


def _with_secrets(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _with_secrets(part, environment) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_secrets(part, environment) for part in value]
    if isinstance(value, str) and value.startswith("file:"):
        try:
            return Path(value.removeprefix("file:")).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the secret {value} cannot be read: {error}") from error
    if isinstance(value, str) and value.startswith("env:"):
        name = value.removeprefix("env:")
        if not environment.get(name):
            raise ConfigError(f"the environment has no {name}, which the settings name")
        return environment[name]
    return value
