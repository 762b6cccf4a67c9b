"""Read the names of the channels for the console; no secret is read."""

from pathlib import Path
from typing import Any

import msgspec
import structlog

from dispatch.channels.upkeep.kinds import USUAL
from vocabulary.toml import read_toml

log = structlog.get_logger(__name__)


class ChannelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One channel of the file without its options: they hold its secrets."""

    name: str
    zh: str
    en: str
    adapter: str
    address: str
    """Kind of its addresses."""
    enabled: bool
    per_minute: int
    """Ceiling of attempts in a minute; 0: none."""
    receipt_s: float
    """How long a receipt is waited for; 0: the channel promises none."""
    order: tuple[str, ...]
    """Kinds of recipients that are told by it, the others know it only by preference."""


class ChannelNames(msgspec.Struct, frozen=True):
    """Names of the channels by language, whether one is the demonstration's outbox, and the public key for Web Push."""

    names: dict[str, dict[str, str]] = {}
    outbox: bool = False
    push_key: str = ""
    push_services: tuple[str, ...] = ()
    channels: tuple["ChannelFacts", ...] = ()


def read_names(file: Path | None) -> ChannelNames:
    """Read the channels file; nothing where there is none or it is damaged (the delivery service says why)."""
    if file is None or not file.exists():
        return ChannelNames()
    try:
        tables = read_toml(file.read_text("utf-8"))
        channels: dict[str, Any] = tables.get("channels", {})
        names = {name: {"zh": entry.get("zh", name), "en": entry.get("en", name)} for name, entry in channels.items()}
        facts = tuple(_facts(name, entry, tables.get("order", {})) for name, entry in channels.items())
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
    return ChannelNames(names, "outbox" in adapters, public, services, facts)


def _facts(name: str, entry: dict[str, Any], order: dict[str, list[str]]) -> ChannelFacts:
    adapter = str(entry.get("adapter", ""))
    return ChannelFacts(
        name=name,
        zh=str(entry.get("zh", name)),
        en=str(entry.get("en", name)),
        adapter=adapter,
        address=str(entry.get("address") or USUAL.get(adapter, ("short", "phone"))[1]),
        enabled=entry.get("enabled", True) is not False,
        per_minute=int(entry.get("per_minute", 0)),
        receipt_s=float(entry.get("receipt_s", 0)),
        order=tuple(kind for kind, names in order.items() if name in names),
    )


def public_key_file(private: Path) -> Path:
    """The file in which ``shouwang notify push-key`` puts the key that browsers get."""
    return private.with_name(private.name + ".pub")
