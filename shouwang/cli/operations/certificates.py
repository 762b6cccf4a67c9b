"""The commands ``shouwang certificates …``: the issuing service, and the brokers' lists."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import Url, refusals

app = typer.Typer(help="Certificates: issue them, keep the brokers' lists.", no_args_is_help=True)

StorePath = Annotated[
    Path | None, typer.Option(help="Folder or file of waiting messages; half full, it is a technical alert.")
]
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
    store: StorePath = None,
    bound_mb: Annotated[int, typer.Option(min=1, help="Of the store, by the arithmetic of docs/scaling.md.")] = 64_000,
    replicas: Annotated[int, typer.Option(min=1, max=5, help="mqtt.stream_replicas of nats.conf.")] = 3,
) -> None:
    """Keep the users of a NATS server as the registry has them, and bound what waits in it; runs beside each server.

    The bound needs SHOUWANG_BROKER_… of the identity svc-broker.
    """
    from firmware_profiles.settings import BrokerSettings
    from shouwang.brokers.stream_bound import bound_stream
    from shouwang.certificates.follow import Store, by_pid_file, follow, keep_bound, nats_files

    watched = None if store is None else Store(store, bound_mb * 1_000_000)
    broker, stop = BrokerSettings().broker(), _stop()
    if broker.cert is not None:
        arguments = (lambda: bound_stream(broker, replicas), stop)
        threading.Thread(target=keep_bound, args=arguments, name="bound", daemon=True).start()
    follow(url, nats_files(users), by_pid_file(pid_file), stop, watched)


@app.command("follow-mosquitto")
def follow_mosquitto(
    url: Url,
    acl: Annotated[Path, typer.Option(help="The access list that mosquitto.conf names.")],
    crl: Annotated[Path, typer.Option(help="The revocation lists that it names (crlfile).")],
    pid_file: PidFile,
    store: StorePath = None,
    bound_mb: Annotated[int, typer.Option(min=1, help="Of mosquitto.db, by the arithmetic of docs/scaling.md.")] = 190,
) -> None:
    """Keep the access list and the revocation lists of mosquitto as the registry has them; runs beside it."""
    from shouwang.certificates.follow import Store, by_pid_file, follow, mosquitto_files

    watched = None if store is None else Store(store, bound_mb * 1_000_000)
    follow(url, mosquitto_files(acl, crl), by_pid_file(pid_file), _stop(), watched)


def _stop() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
