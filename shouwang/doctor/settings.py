"""The settings of the services on this machine, as systemd gives them: from /etc/shouwang and the units."""

import re
from pathlib import Path

import msgspec

from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.config import BESIDE_BROKER
from shouwang.setup import environment

ETC = Path("/etc/shouwang")
WANTED = Path("/etc/systemd/system/multi-user.target.wants")
_UNIT = re.compile(r"shouwang-([a-z]+)(?:-[a-z]+)?(?:@(\w+))?\.service\Z")


class ServiceUnit(msgspec.Struct, frozen=True):
    """A unit that is enabled on this machine. ``probe_port``: None where the program has no probes."""

    name: str
    service: str
    probe_port: int | None


def service_environments(folder: Path = ETC) -> dict[str, dict[str, str]]:
    """The environment of each service whose file is here, with what is common to all, by the service's name."""
    common = read(folder / "common.env")
    found = {}
    for file in sorted(folder.glob("*.env")):
        settings = read(file)
        if "SHOUWANG_DATABASE_URL" in settings and file.stem != "admin":
            found[file.stem] = {**common, **settings}
    return found


def broker_of(settings: dict[str, str]) -> Broker | None:
    """The broker as a service reaches it; None for a service without an identity there."""
    cert, key, ca = (settings.get(f"SHOUWANG_BROKER_{name}") for name in ("CERT", "KEY", "CA"))
    if cert is None or key is None:
        return None
    host, port = settings.get("SHOUWANG_BROKER_HOST", "127.0.0.1"), int(settings.get("SHOUWANG_BROKER_PORT", "8883"))
    return Broker(host, port, None if ca is None else Path(ca), Path(cert), Path(key))


def identities(folder: Path = ETC) -> dict[str, Broker]:
    """The broker by each identity of this machine: of the services, and of what runs beside a NATS server."""
    found = {}
    for name, values in service_environments(folder).items():
        if (broker := broker_of(values)) is not None:
            found[f"svc-{name}"] = broker
    beside = folder / "tls" / f"{BESIDE_BROKER}.crt"
    if beside.exists():
        pair = {"SHOUWANG_BROKER_CERT": str(beside), "SHOUWANG_BROKER_KEY": str(beside.with_suffix(".key"))}
        broker = broker_of({**read(folder / "common.env"), **pair})
        if broker is not None:
            found[BESIDE_BROKER] = broker
    return found


def enabled_units(wanted: Path = WANTED) -> list[ServiceUnit]:
    """The units of services that are started with this machine."""
    units = []
    for link in sorted(wanted.glob("shouwang-*.service")):
        match = _UNIT.match(link.name)
        if match is None:
            continue
        port = re.search(r"^Environment=SHOUWANG_PROBE_PORT=(\S+)$", link.read_text("utf-8"), re.MULTILINE)
        number = None if port is None else int(port[1].replace("%i", match[2] or ""))
        units.append(ServiceUnit(link.name.removesuffix(".service"), match[1], number))
    return units


def read(file: Path) -> dict[str, str]:
    """The settings of an environment file; none where it is not there."""
    return environment.parse(file.read_text("utf-8")) if file.exists() else {}
