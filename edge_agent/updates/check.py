"""Check that everything a configuration names is there: the report of ``--check``, which an update must pass too.

An *error* keeps the agent from doing its work; a *warning* is for the installer to look at.
"""

import datetime as dt
import ipaddress
import os
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from edge_agent.config import Home, HomeConfig, HomeConfigError
from edge_agent.driver_loading import make_driver
from edge_agent.files import probe_writable
from edge_agent.timekeeping.ntp import EARLIEST, ClockState
from edge_agent.updates.signed_config import read_public_key
from edge_agent.updates.store import STATE, folder_of, read_state
from edge_agent.upkeep.certificate import file_of, newest
from firmware_profiles import devices
from firmware_profiles.link.mqtt import Broker

Level = Literal["ok", "warning", "error"]

EXPIRES_SOON = dt.timedelta(days=30)
LARGEST_CLOCK_ERROR_MS = 1000.0


class CheckResult(msgspec.Struct, frozen=True):
    """One line of the report: the subject of the check and the result in words."""

    level: Level
    what: str
    text: str


def examine(
    home: Home, now: dt.datetime, clock: ClockState | None, resolve: Callable[[str], object] | None
) -> list[CheckResult]:
    """Check all that can be checked before the agent runs. ``resolve`` looks a host name up and raises OSError where it
    finds nothing; None: names are not looked up."""
    config = home.config
    with devices.tentatively(home.models):
        drivers = list(_drivers(config))
    return [
        *_devices(home),
        *drivers,
        *_broker(config, now),
        *_outbox(config),
        *_updates(config),
        *_clock(now, clock),
        *(_name(config.broker.host, resolve) if resolve is not None else ()),
    ]


def errors(results: list[CheckResult]) -> list[str]:
    """The errors among the results, as text; empty: the configuration can be used."""
    return [f"{result.what}: {result.text}" for result in results if result.level == "error"]


def report(results: list[CheckResult]) -> str:
    """The report: one line for each result, errors last, and a line that sums up."""
    order: dict[Level, int] = {"ok": 0, "warning": 1, "error": 2}
    lines = [
        f"{result.level.upper():8}{result.what}: {result.text}"
        for result in sorted(results, key=lambda result: order[result.level])
    ]
    bad = sum(result.level == "error" for result in results)
    odd = sum(result.level == "warning" for result in results)
    return "\n".join([*lines, f"{'NOT USABLE' if bad else 'in order'}: {bad} errors, {odd} warnings"])


def look_up(host: str) -> object:
    """Addresses of ``host``. Raises OSError where the name is not known."""
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)


def _devices(home: Home) -> Iterator[CheckResult]:
    own = f", models of its own: {', '.join(sorted(home.models))}" if home.models else ""
    yield CheckResult("ok", "devices", f"{len(home.config.devices)} at gateway {home.config.gateway}{own}")


def _drivers(config: HomeConfig) -> Iterator[CheckResult]:
    for driver in config.drivers:
        try:
            make_driver(driver, config)
        except HomeConfigError as error:
            yield CheckResult("error", f"driver {driver.kind}", str(error))
        except Exception as error:  # a third party's driver may raise anything; the report must name the driver
            yield CheckResult("error", f"driver {driver.kind}", f"{type(error).__name__}: {error}")
        else:
            yield CheckResult("ok", f"driver {driver.kind}", "installed, options understood")


def _broker(config: HomeConfig, now: dt.datetime) -> Iterator[CheckResult]:
    broker = config.broker
    if broker.ca is None:
        if broker.cert is not None or broker.key is not None:
            yield CheckResult(
                "error", "broker", "cert and key are of no use without ca: add the authority's certificate"
            )
        elif _is_loopback(broker.host):
            yield CheckResult("ok", "broker", f"plain TCP to {broker.host}:{broker.port}, this machine")
        else:
            yield CheckResult(
                "error", "broker", f"plain TCP to {broker.host} would send health data in the clear: add ca"
            )
        return
    yield _certificate("broker.ca", broker.ca, now, None)
    if (broker.cert is None) != (broker.key is None):
        yield CheckResult("error", "broker", "cert and key belong together: give both")
    elif broker.cert is None or broker.key is None:
        yield CheckResult("warning", "broker", "no cert and key: the district's broker refuses gateways without")
    else:
        yield _certificate("broker.cert", _in_use(config, broker.cert), now, config.gateway)
        yield from _key(broker.key)
    yield from _pair(broker)


def _in_use(config: HomeConfig, installed: Path) -> Path:
    try:
        return newest(config.broker, file_of(config))
    except (OSError, ValueError):  # reported with the installed file's name
        return installed


def _certificate(what: str, file: Path, now: dt.datetime, name: str | None) -> CheckResult:
    try:
        certificate = x509.load_pem_x509_certificates(file.read_bytes())[0]
    except OSError as error:
        return CheckResult("error", what, f"{file}: cannot be read: {error.strerror}")
    except ValueError as error:
        return CheckResult("error", what, f"{file}: holds no certificate (PEM): {error}")
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end:
        return CheckResult("error", what, f"{file}: expired on {end:%Y-%m-%d}")
    if now < begin:
        return CheckResult("error", what, f"{file}: valid from {begin:%Y-%m-%d %H:%M} UTC; is the clock right?")
    names = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if name is not None and name not in names:
        return CheckResult("error", what, f"{file}: made out to {', '.join(names) or 'nobody'}, not to gateway {name}")
    if end - now < EXPIRES_SOON:
        return CheckResult("warning", what, f"{file}: expires on {end:%Y-%m-%d}; renew it")
    return CheckResult("ok", what, f"{file}: valid until {end:%Y-%m-%d}")


def _key(file: Path) -> Iterator[CheckResult]:
    try:
        load_pem_private_key(file.read_bytes(), None)
        mode = file.stat().st_mode
    except OSError as error:
        yield CheckResult("error", "broker.key", f"{file}: cannot be read: {error.strerror}")
    except (ValueError, TypeError) as error:
        yield CheckResult("error", "broker.key", f"{file}: holds no private key without a password (PEM): {error}")
    else:
        if mode & (stat.S_IRWXG | stat.S_IRWXO) & ~stat.S_IRGRP:
            yield CheckResult("warning", "broker.key", f"{file}: others can use it; chmod 600 (or 640, root's)")
        else:
            yield CheckResult("ok", "broker.key", f"{file}: private")


def _pair(broker: Broker) -> Iterator[CheckResult]:
    """Load ca, cert and key together: the TLS library finds a key that belongs to another certificate."""
    try:
        context = ssl.create_default_context(cafile=str(broker.ca))
        if broker.cert is not None and broker.key is not None:
            context.load_cert_chain(str(broker.cert), str(broker.key))
    except ssl.SSLError as error:
        yield CheckResult("error", "broker", f"ca, cert and key do not fit together: {error.reason or error}")
    except OSError:
        return  # reported above, with the file's name


def _outbox(config: HomeConfig) -> Iterator[CheckResult]:
    folder = config.buffer.path.absolute().parent
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        probe_writable(existing)
    except OSError as error:
        yield CheckResult("error", "buffer", f"{existing}: cannot be written: {error.strerror}")
        return
    if config.buffer.path.exists() and not os.access(config.buffer.path, os.R_OK | os.W_OK):
        yield CheckResult(
            "error", "buffer", f"{config.buffer.path}: belongs to somebody else: not readable and writable"
        )
        return
    figures = os.statvfs(existing)
    free_mb = figures.f_bavail * figures.f_frsize // 2**20
    if free_mb < config.buffer.budget_mb:
        text = f"{existing}: {free_mb} MB are free, less than budget_mb = {config.buffer.budget_mb}"
        yield CheckResult("warning", "buffer", text)
    else:
        yield CheckResult("ok", "buffer", f"{existing}: writable, {free_mb} MB free")


def _updates(config: HomeConfig) -> Iterator[CheckResult]:
    if config.updates is None:
        yield CheckResult("ok", "updates", "none: no [updates], this configuration changes by hand only")
        return
    for text in config.updates.public_keys:
        try:
            read_public_key(text)
        except ValueError as error:
            yield CheckResult("error", "updates.public_keys", str(error))
            return
    yield CheckResult("ok", "updates", f"taken from the owner of {len(config.updates.public_keys)} key(s)")
    folder = folder_of(config, config.updates)
    state = read_state(folder)
    if state is not None and state.running:
        text = (
            f"version {state.running} from the district runs, not this file; to run this file remove {folder / STATE}"
        )
        yield CheckResult("warning", "updates", text)


def _clock(now: dt.datetime, clock: ClockState | None) -> Iterator[CheckResult]:
    if now < EARLIEST:
        yield CheckResult("error", "clock", f"{now:%Y-%m-%d %H:%M} UTC cannot be: set the clock, switch NTP on")
    elif clock is None:
        yield CheckResult("ok", "clock", f"{now:%Y-%m-%d %H:%M} UTC")
    elif not clock.synchronised:
        yield CheckResult("warning", "clock", f"{now:%Y-%m-%d %H:%M} UTC, not synchronised: is NTP on?")
    elif clock.error_ms > LARGEST_CLOCK_ERROR_MS:
        yield CheckResult("warning", "clock", f"synchronised, but it may be wrong by {clock.error_ms:.0f} ms")
    else:
        yield CheckResult("ok", "clock", f"{now:%Y-%m-%d %H:%M} UTC, synchronised")


def _name(host: str, resolve: Callable[[str], object]) -> Iterator[CheckResult]:
    try:
        resolve(host)
    except OSError as error:
        yield CheckResult("warning", "broker", f"the name {host} is not known here: {error.strerror or error}")
    else:
        yield CheckResult("ok", "broker", f"the name {host} is known")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
