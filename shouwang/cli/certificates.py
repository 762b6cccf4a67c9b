"""The commands ``shouwang certificates …``: the issuing service, and the brokers' lists."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import Url, refusals

app = typer.Typer(help="Certificates: issue them, keep the brokers' lists.", no_args_is_help=True)

PidFile = Annotated[Path, typer.Option("--pid-file", help="Names the broker's process, which gets SIGHUP.")]


@app.command()
def issue() -> None:
    """Renew gateways' certificates and enrol new gateways. Settings: SHOUWANG_ISSUER_… and others."""
    from database.settings import DatabaseSettings
    from firmware_profiles.settings import BrokerSettings
    from shouwang.certificates.service import run
    from shouwang.certificates.settings import IssuerSettings

    with refusals():
        run(IssuerSettings(), DatabaseSettings(), BrokerSettings().broker(), _stop())


@app.command("follow-nats")
def follow_nats(
    url: Url,
    users: Annotated[Path, typer.Option(help="users.conf, which nats.conf includes.")],
    pid_file: PidFile,
) -> None:
    """Keep the users of a NATS server as the registry has them; runs beside each server."""
    from shouwang.certificates.follow import by_pid_file, follow, nats_files

    follow(url, nats_files(users), by_pid_file(pid_file), _stop())


@app.command("follow-mosquitto")
def follow_mosquitto(
    url: Url,
    acl: Annotated[Path, typer.Option(help="The access list that mosquitto.conf names.")],
    crl: Annotated[Path, typer.Option(help="The revocation lists that it names (crlfile).")],
    pid_file: PidFile,
) -> None:
    """Keep the access list and the revocation lists of mosquitto as the registry has them; runs beside it."""
    from shouwang.certificates.follow import by_pid_file, follow, mosquitto_files

    follow(url, mosquitto_files(acl, crl), by_pid_file(pid_file), _stop())


def _stop() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
