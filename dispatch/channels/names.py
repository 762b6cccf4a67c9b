"""Read the names of the channels for the console; no secret is read."""

from pathlib import Path
from typing import Any

import msgspec
import structlog

from vocabulary.toml import read_toml

log = structlog.get_logger(__name__)


class ChannelNames(msgspec.Struct, frozen=True):
    """Names of the channels by language, whether one is the demonstration's outbox, and the public key for Web Push."""

    names: dict[str, dict[str, str]] = {}
    outbox: bool = False
    push_key: str = ""
    push_services: tuple[str, ...] = ()


def read_names(file: Path | None) -> ChannelNames:
    """Read the channels file; nothing where there is none or it is damaged (the delivery service says why)."""
    if file is None or not file.exists():
        return ChannelNames()
    try:
        channels: dict[str, Any] = read_toml(file.read_text("utf-8")).get("channels", {})
        names = {name: {"zh": entry.get("zh", name), "en": entry.get("en", name)} for name, entry in channels.items()}
        adapters = {entry.get("adapter"): entry for entry in channels.values()}
        public, services = "", tuple[str, ...]()
        if "webpush" in adapters:
            services = tuple(map(str, adapters["webpush"]["options"].get("services", ())))
            public = (
                public_key_file(Path(adapters["webpush"]["options"]["private_key_file"])).read_text("ascii").strip()
            )
    except (OSError, ValueError, KeyError, AttributeError) as error:
        log.error("the channels file cannot be read", file=str(file), error=str(error))
        return ChannelNames()
    return ChannelNames(names, "outbox" in adapters, public, services)


def public_key_file(private: Path) -> Path:
    """The file in which ``shouwang notify push-key`` puts the key that browsers get."""
    return private.with_name(private.name + ".pub")
