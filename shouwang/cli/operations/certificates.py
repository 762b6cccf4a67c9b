"""The commands ``shouwang certificates …``: the issuing service, and the brokers' lists."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Url, refusals

if TYPE_CHECKING:
    from firmware_profiles.link.mqtt import Broker
    from observability.liveness import Liveness, Part
    from shouwang.brokers.session_watch import SessionSource
    from shouwang.certificates.follow import Contents

app = typer.Typer(help="Certificates: issue them, keep the brokers' lists.", no_args_is_help=True)

MONITOR = "http://127.0.0.1:8222"
StorePath = Annotated[
    Path | None, typer.Option(help="Folder or file of waiting messages; half full, it is a technical alert.")
]
PidFile = Annotated[Path, typer.Option("--pid-file", help="Names the broker's process, which gets SIGHUP.")]


@app.command()
def issue() -> None:
    """Renew gateways' certificates and enrol new gateways. Settings: SHOUWANG_ISSUER_… and others."""
    from database.settings import DatabaseSettings
    from firmware_profiles.settings import BrokerSettings
    from observability.process import serve
    from shouwang.certificates.service import run
    from shouwang.certificates.settings import IssuerSettings

    def work(stop: threading.Event, liveness: "Liveness") -> None:
        run(IssuerSettings(), DatabaseSettings(), BrokerSettings().broker(), stop, liveness)

    with refusals():
        serve("issuer", work)


@app.command("follow-nats")
def follow_nats(
    url: Url,
    users: Annotated[Path, typer.Option(help="users.conf, which nats.conf includes.")],
    pid_file: PidFile,
    store: StorePath = None,
    bound_mb: Annotated[int, typer.Option(min=1, help="Of the store, by the arithmetic of docs/scaling.md.")] = 64_000,
    replicas: Annotated[int, typer.Option(min=1, max=5, help="mqtt.stream_replicas of nats.conf.")] = 3,
    monitor: Annotated[str, typer.Option(help="Where the server tells of its connections ('' : nowhere).")] = MONITOR,
) -> None:
    """Keep the users of a NATS server as the registry has them, bound what waits in it and how many sessions a gateway
    has; runs beside each server.

    The bounds need SHOUWANG_BROKER_… of the identity svc-broker.
    """
    from firmware_profiles.settings import BrokerSettings
    from shouwang.brokers.session_sources import NatsMonitor
    from shouwang.brokers.session_watch import NatsSessions
    from shouwang.brokers.stream_bound import bound_stream
    from shouwang.certificates.follow import BOUND_S, keep_bound, nats_files

    broker = BrokerSettings().broker()

    def beside(stop: threading.Event, liveness: "Liveness") -> None:
        if broker.cert is not None:
            liveness.certificates = broker.certificates
            liveness.start("bound", partial(keep_bound, partial(bound_stream, broker, replicas), stop), BOUND_S)
            if monitor:
                _watch_sessions(url, broker, NatsSessions(NatsMonitor(monitor)), stop, liveness)

    _follow(url, nats_files(users), pid_file, store, bound_mb, beside)


@app.command("follow-mosquitto")
def follow_mosquitto(
    url: Url,
    acl: Annotated[Path, typer.Option(help="The access list that mosquitto.conf names.")],
    crl: Annotated[Path, typer.Option(help="The revocation lists that it names (crlfile).")],
    pid_file: PidFile,
    store: StorePath = None,
    bound_mb: Annotated[int, typer.Option(min=1, help="Of mosquitto.db, by the arithmetic of docs/scaling.md.")] = 190,
) -> None:
    """Keep the access list and the revocation lists of mosquitto as the registry has them, and bound how many sessions
    a gateway has; runs beside it.

    The bound needs SHOUWANG_BROKER_… of the identity svc-broker, and reads the store.
    """
    from firmware_profiles.settings import BrokerSettings
    from shouwang.brokers.session_watch import MosquittoSessions
    from shouwang.certificates.follow import mosquitto_files

    broker = BrokerSettings().broker()

    def beside(stop: threading.Event, liveness: "Liveness") -> None:
        if broker.cert is not None:
            liveness.certificates = broker.certificates
            _watch_sessions(url, broker, MosquittoSessions(broker, store), stop, liveness)

    _follow(url, mosquitto_files(acl, crl), pid_file, store, bound_mb, beside)


def _watch_sessions(
    url: str, broker: "Broker", source: "SessionSource", stop: threading.Event, liveness: "Liveness"
) -> None:
    from shouwang.brokers.excess_record import ExcessRecord
    from shouwang.brokers.session_watch import LOOK_S, keep_few

    record = ExcessRecord(url)

    def work(part: "Part") -> None:
        try:
            keep_few(broker, source, record.revoked, record.tell, stop, part)
        finally:
            record.close()

    liveness.start("sessions", work, LOOK_S)


def _follow(
    url: str,
    contents: "Contents",
    pid_file: Path,
    store: Path | None,
    bound_mb: int,
    beside: "Callable[[threading.Event, Liveness], None] | None" = None,
) -> None:
    from observability.process import serve
    from shouwang.certificates.follow import Store, by_pid_file, follow

    watched = None if store is None else Store(store, bound_mb * 1_000_000)

    def work(stop: threading.Event, liveness: "Liveness") -> None:
        if beside is not None:
            beside(stop, liveness)
        part = liveness.part("lists")
        part.run(lambda: follow(url, contents, by_pid_file(pid_file), stop, watched, part))

    serve("lists", work)
