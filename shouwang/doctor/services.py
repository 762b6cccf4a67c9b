"""Check the services: each one's own word that it does its work, and that none is missing in the district."""

import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from database.reports.doctor_rows import Row
from dispatch.channels import config
from dispatch.channels.adapters.base import ConfigError
from shouwang.doctor.check import Check
from shouwang.doctor.settings import ServiceUnit

TIMEOUT_S = 3.0
CONSEQUENCES = {
    "ingest": "no reading is stored",
    "maintain": "no reading is rolled up or removed",
    "alerting": "no alert is raised",
    "dispatch": "nobody is called",
    "notify": "no message leaves",
    "orders": "no work order goes on",
    "reports": "no package goes to another level, and no register is fetched",
    "console": "nobody sees an alert",
    "exchange": "no other system reads, writes or hears of an alert",
    "path": "nobody knows whether an emergency would arrive",
    "issuer": "no certificate is renewed, no gateway enrols, and a revoked one is not on mosquitto's list",
}
"""Services that run once in a district, or more often. The lists run beside each broker, where there may be no doctor:
they are judged by what they write (:func:`shouwang.doctor.database.lists_check`)."""


def unit_checks(units: Iterable[ServiceUnit]) -> Iterator[Check]:
    """Ask each service of this machine whether it does its work."""
    for unit in units:
        if unit.probe_port is not None:
            yield _probe(unit)


def missing_services(units: Iterable[ServiceUnit], elsewhere: Iterable[Row]) -> Iterator[Check]:
    """Check that each service runs somewhere: enabled here, or seen well by another machine's doctor."""
    here = {unit.service for unit in units}
    there = {row.what.removeprefix("service ").partition("@")[0] for row in elsewhere if row.good and not row.stale}
    for service in CONSEQUENCES:
        if service not in here | there:
            text = f"runs on no machine: {CONSEQUENCES[service]}. systemctl enable --now shouwang-{service}"
            yield Check(f"service {service}", False, text)


def channels_check(file: Path) -> Check:
    """Check that people on duty can be told: the channels with their secrets, and an order for staff."""
    try:
        channels = config.check(config.load(file))
    except ConfigError as error:
        return Check("channels", False, str(error))
    if channels.left_out:
        return Check("channels", False, f"left out: {'; '.join(channels.left_out.values())}")
    staff = channels.order.get("staff", [])
    if not staff:
        return Check("channels", False, f"{file}: order.staff names no channel that is switched on: nobody is told")
    return Check("channels", True, f"staff are told by {', '.join(staff)}")


def _probe(unit: ServiceUnit) -> Check:
    what = f"service {unit.name.removeprefix('shouwang-')}"
    look = f"; look: systemctl status {unit.name}, journalctl -u {unit.name}"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{unit.probe_port}/ready", timeout=TIMEOUT_S):
            return Check(what, True, "does its work")
    except urllib.error.HTTPError as error:
        return Check(what, False, _words(error.read()) + look)
    except OSError as error:
        return Check(what, False, f"does not answer ({getattr(error, 'reason', error)}){look}")


def _words(body: bytes) -> str:
    try:
        parts = msgspec.json.decode(body)["parts"]
        return "; ".join(f"{one['name']}: {one['reason']}" for one in parts if one["state"] != "well")
    except (msgspec.DecodeError, KeyError, TypeError):
        return "is not ready"
