"""Certificates: all of them renewed at once, expired ones, and a gateway that renews its own."""

import datetime as dt
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from firmware_profiles.link.connection_watch import LOOK_S, WATCH
from shouwang.brokers.pki import Pki
from shouwang.drills.place import Place
from shouwang.drills.places import Renewing
from shouwang.platform.processes import wait_until

HANG_UP_S = 0.5
"""How long a line is cut so that everybody on it has to show its certificate again."""
BROKER_SERVICES = ("ingest", "alerting", "console")
TAKEN_S = LOOK_S
"""A service takes a file that was written anew after so long at the latest."""
RENEWED_S = 60.0
"""A gateway asks as soon as it is connected; a renewed file is in use within a minute."""


def renewed(place: Place, seconds: float) -> None:
    """Issue every certificate anew, and restart the broker with its own as an administrator does after a renewal."""
    for file in (*place.data.joinpath("pki").rglob("*.crt"), *place.data.joinpath("pki").rglob("*.pem")):
        if file != place.broker.pki.ca and "ca" not in file.stem:
            file.unlink()
    names = [child.split("-")[0] for child in place.children]
    for identity in {f"svc-{name}" for name in names} | {gateway.name for gateway in place.homes.gateways}:
        place.broker.settings(identity)
    place.broker.stop()
    place.broker.start()
    time.sleep(seconds)


def services_expired(place: Place, seconds: float) -> None:
    """Let the certificates that the services on the broker use expire and their connections end; renew the files.

    Raises TimeoutError where they use no such certificate, or are let in with it.
    """
    names = [f"svc-{name}" for name in BROKER_SERVICES]
    end = _let_expire(place, names, TAKEN_S + 5)
    logs = [place.data / "log" / f"{name}.log" for name in BROKER_SERVICES]
    _wait_for(end)
    place.broker_line.trouble("cut", HANG_UP_S)
    begun = time.monotonic()
    wait_until(
        lambda: all(" expired on " in log.read_text(errors="replace") for log in logs), RENEWED_S, "they are refused"
    )
    time.sleep(max(0.0, seconds - (time.monotonic() - begun)))
    _renew(place, names)


def gateways_expired(place: Place, seconds: float) -> None:
    """Let the certificates that the gateways use expire and their connections end; renew the files.

    Raises TimeoutError where they are let in.
    """
    names = [gateway.name for gateway in place.homes.gateways]
    end = _let_expire(place, names, len(names) * 0.5 + 5)
    WATCH.look()  # the gateways of a drill live in its own process; a home looks each minute
    _wait_for(end)
    place.home_line.trouble("cut", HANG_UP_S)
    begun = time.monotonic()
    wait_until(lambda: place.homes.pending > len(names), RENEWED_S, "they are refused")
    time.sleep(max(0.0, seconds - (time.monotonic() - begun)))
    _renew(place, names)


def broker_expired(place: Place, seconds: float) -> None:
    """Let the broker's certificate expire and all connections end; renew it, and let the broker read it (a reload)."""
    cert, _ = _of_broker(place)
    sign_until(dt.datetime.now(dt.UTC) - dt.timedelta(hours=1), cert, place.broker.pki)
    _reload(place)
    for line in (place.broker_line, place.home_line):
        line.trouble("cut", HANG_UP_S)
    time.sleep(seconds)
    _of_broker(place)
    _reload(place)


def renewed_by_itself(place: Place, seconds: float) -> None:
    """Install a gateway whose certificate ends within a minute, wait until it has another one, and cut its line.

    Raises TimeoutError where it gets none, or does not come back with it.
    """
    if not isinstance(place, Renewing):
        raise RuntimeError("this drill needs a place with an issuing service")
    deadline = time.monotonic() + seconds
    end = place.install()
    later = end + dt.timedelta(days=30)
    wait_until(lambda: _good_until(place.renewed) > later, RENEWED_S, "the gateway renews its certificate", 0.5)
    wait_until(lambda: dt.datetime.now(dt.UTC) > end, RENEWED_S + 30, "the old certificate ends", 0.5)
    place.home_line.trouble("cut", HANG_UP_S)
    before = _frames(place)
    wait_until(lambda: _frames(place) > before + 2, RENEWED_S, "it sends with the renewed certificate", 0.5)
    time.sleep(max(0.0, deadline - time.monotonic()))


def sign_until(end: dt.datetime, file: Path, pki: Pki) -> None:
    """Write a certificate anew, as it is, but for its end."""
    old = x509.load_pem_x509_certificate(file.read_bytes())
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(old.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - dt.timedelta(days=1))
        .not_valid_after(end)
    )
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    made = builder.sign(pki.signing_key, hashes.SHA256())
    beside = file.with_suffix(".new")
    beside.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    beside.replace(file)


def _let_expire(place: Place, names: Iterable[str], seconds: float) -> dt.datetime:
    """Write certificates that end in so many seconds; returns when."""
    end = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    for name in names:
        sign_until(end, place.broker.pki.client(name)[0], place.broker.pki)
    return end


def _renew(place: Place, names: Iterable[str]) -> None:
    for name in names:
        place.broker.pki.client(name)  # makes one that is good


def _wait_for(end: dt.datetime) -> None:
    # a certificate's end is in whole seconds
    time.sleep(max(0.0, (end - dt.datetime.now(dt.UTC)).total_seconds()) + 1)


def _of_broker(place: Place) -> tuple[Path, Path]:
    return place.broker.pki.server("broker", ["localhost", "127.0.0.1"])


def _reload(place: Place) -> None:
    for pid in place.broker.pids:
        os.kill(pid, signal.SIGHUP)
    time.sleep(HANG_UP_S)


def _good_until(file: Path) -> dt.datetime:
    # the issuing authority's certificate follows the gateway's in the file; before, there is the installed one, or none
    if not file.exists():
        return dt.datetime.min.replace(tzinfo=dt.UTC)
    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc


def _frames(place: Renewing) -> int:
    with psycopg.connect(place.postgres.url, autocommit=True) as conn:
        row = conn.execute(
            "SELECT coalesce(sum(high), 0)::bigint FROM ingest_stream JOIN gateway g ON g.id = gateway_id"
            " WHERE g.name = %s",
            (place.agent_gateway,),
        ).fetchone()
    return 0 if row is None else int(row[0])
