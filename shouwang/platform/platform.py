"""The district's side of the platform on one machine: embedded servers, and every service as a process."""

import contextlib
import datetime as dt
import fcntl
import os
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import psycopg

import dispatch.channels
from care_network.access.accounts import account_by_login
from care_network.demo.district import DemoDistrict, DemoHome, load_demo
from care_network.identity import keys as identity_keys
from care_network.medical.keyring import create_key_file, load_key_file
from care_network.records.synthetic import GATEWAY, GATEWAYS, SILENT_GATEWAY, add_synthetic
from care_services.demo.fill import fill
from care_services.demo.registers import fill as fill_registers
from database.grade import Grade
from database.migrate import migrate
from database.rights import checkpoints
from database.rights.grants import OF_CONSOLE
from database.rights.roles import create_roles, role_of
from database.server.embedded import EmbeddedPostgres
from database.server.postgres import PostgresServer
from dispatch.core.links import create_link_key_file, load_link_keys
from dispatch.family import panels
from dispatch.ladders import store
from firmware_profiles.link.mqtt import Broker
from firmware_profiles.signed_command import COMMANDERS
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.nats_cluster import AnyBroker
from shouwang.brokers.pki import Pki
from shouwang.gateways.signing import key_at
from shouwang.platform.processes import Child, end_orphans, wait_until
from vocabulary.times import local_day

DUTY_TESTS = "SHOUWANG_DISPATCH_DUTY_TESTS"
DEMO_CHANNELS = Path(dispatch.channels.__file__).with_name("demo_channels.toml")
MODULES = {
    "ingest": "ingest",
    "maintain": "shouwang.maintenance",
    "alerting": "alerting",
    "dispatch": "dispatch.escalation",
    "notify": "dispatch.channels",
    "orders": "shouwang.sweeping",
    "reports": "shouwang.reporting",
    "console": "console",
    "exchange": "exchange",
}
"""The services, in the order in which they start."""
SERVICES = tuple(MODULES)
BROKERLESS = frozenset({"maintain", "dispatch", "notify", "orders", "reports"})
"""Services that work on the database alone and have no identity at the broker."""
START_TIMEOUT_S = 180.0
"""A start takes 4 s on an idle machine; seven programs that start beside other work need minutes."""


class Platform:
    """Use as a context manager: servers are up inside, everything is stopped by its own pid afterwards.

    Data, certificates and logs stay in ``data``; a second start continues with them. All its processes end with this
    one, however it ends, and what an earlier start left running is ended by the next (``ended``). Raises RuntimeError
    where another platform runs on the same folder or a service does not start (with the end of its log).
    """

    def __init__(self, data: Path, port: int, exchange_port: int = 0) -> None:
        self.data = data.absolute()
        self.address = f"http://127.0.0.1:{port}"
        self.children: dict[str, Child] = {}
        self.ended: list[str] = []
        """The processes of an earlier start that still lived and were ended by this one."""
        self.simulated_days = 0
        """Days before the first start that are made up, as the pages have to say; 0: none."""
        self._port, self._exchange_port = port, exchange_port
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Platform":
        with contextlib.ExitStack() as stack:
            self.data.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_only_one(self.data / "lock"))
            self.ended = end_orphans(self.data / "log")
            self.postgres: PostgresServer = stack.enter_context(self._make_postgres())
            self._passwords = {service: secrets.token_urlsafe(24) for service in (*SERVICES, *OF_CONSOLE, "path")}
            self.grade = self._prepare_database()
            self.broker = self._make_broker()
            stack.enter_context(self.broker)
            found = {"PostgreSQL": self.postgres.ended_orphan, "NATS": self.broker.ended_orphan}
            self.ended += [name for name, ended in found.items() if ended]
            stack.callback(self._stop_children)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _make_postgres(self) -> PostgresServer:
        return EmbeddedPostgres(self.data / "postgres")

    def _make_broker(self) -> AnyBroker:
        return EmbeddedBroker(self.data / "broker", Pki(self.data / "pki"))

    def _prepare_database(self) -> Grade:
        with psycopg.connect(self.postgres.url, autocommit=True) as conn:
            create_roles(conn, self._passwords)
        return migrate(self.postgres.url)

    def load_district(self, homes: Sequence[DemoHome]) -> DemoDistrict:
        """Load the demonstration district with these homes; their gateways may use the broker from now on."""
        key_file = self.data / "medical.keys"
        ring = load_key_file(key_file) if key_file.exists() else create_key_file(key_file)
        with psycopg.connect(self.postgres.url) as conn:
            district = load_demo(conn, homes, ring=ring)
            add_synthetic(conn, local_day(dt.datetime.now(dt.UTC)))
            _demo_policies(conn)
        self.broker.allow_gateways([*GATEWAYS, *(home.gateway for home in homes)])
        return district

    def fill_care_services(self) -> None:
        """Add the demonstration's care and services: assessments, beds, visits, meals, the time bank."""
        now, keys_file, report_key = dt.datetime.now(dt.UTC), self.data / "identity.keys", self.data / "report.key"
        ring = identity_keys.load(keys_file) if keys_file.exists() else identity_keys.create(keys_file)
        checkpoints.make_key(report_key)
        with psycopg.connect(self.postgres.url) as conn:
            fill(conn, now)
            fill_registers(conn, now, ring, checkpoints.load_key(report_key))

    def panel(self, gateway: str) -> str | None:
        """The address of the panel in a simulated home, made at the first start; None where there is no such home."""
        create_link_key_file(self.data / "link.key")
        keys, now = load_link_keys(self.data / "link.key"), dt.datetime.now(dt.UTC)
        with psycopg.connect(self.postgres.url) as conn:
            path = panels.address(conn, keys, gateway)
            if path is None:
                admin = account_by_login(conn, "admin")
                if conn.execute("SELECT FROM gateway WHERE name = %s", (gateway,)).fetchone() is None or admin is None:
                    return None
                path = panels.make(conn, keys, admin, gateway, now, "demo")
        return f"{self.address}{path}"

    def start_services(self, services: Sequence[str] = SERVICES) -> None:
        """Start each service as a child process and wait until the console answers; messages go to the demo outbox."""
        create_link_key_file(self.data / "link.key")
        checkpoints.make_key(self.data / "audit.key")
        self.command_keys  # noqa: B018 - makes them
        for service in services:
            self.start_service(service)
        if "console" in services:
            wait_until(self._console_answers, START_TIMEOUT_S, f"the console answers at {self.address}/healthz")

    def start_service(self, service: str) -> None:
        """Start one service as a child process."""
        broker = None if service in BROKERLESS else self.service_broker(f"svc-{service}")
        own = {**self.service_settings(), "SHOUWANG_DATABASE_URL": self.service_database_url(service)}
        if service == "maintain":
            own["SHOUWANG_DATABASE_DISK"] = str(self.data)
        if service == "console":
            own |= {f"SHOUWANG_CONSOLE_{name.upper()}_DATABASE": self.service_database_url(name) for name in OF_CONSOLE}
        self.start_child(service, ["-m", MODULES[service]], broker, own)

    def start_path(self, settings: Mapping[str, str] | None = None) -> None:
        """Start the watcher of the path, with further ``settings``; the district has to be loaded."""
        silent = self.service_broker(SILENT_GATEWAY)
        own = {
            "SHOUWANG_DATABASE_URL": self.service_database_url("path"),
            "SHOUWANG_PATH_SILENT_CERT": str(silent.cert),
            "SHOUWANG_PATH_SILENT_KEY": str(silent.key),
        }
        broker = self.service_broker(GATEWAY)
        self.start_child(
            "path", ["-m", "shouwang.path"], broker, {**self.service_settings(), **own, **(settings or {})}
        )

    def service_settings(self) -> dict[str, str]:
        """The environment that all services share."""
        return {
            "SHOUWANG_CONSOLE_PORT": str(self._port),
            "SHOUWANG_EXCHANGE_PORT": str(self._exchange_port),
            "SHOUWANG_CONSOLE_SIMULATED_DAYS": str(self.simulated_days),
            "SHOUWANG_NOTIFY_CHANNELS_FILE": str(DEMO_CHANNELS),
            "SHOUWANG_NOTIFY_CONSOLE_URL": self.address,
            "SHOUWANG_LINK_KEY_FILE": str(self.data / "link.key"),
            "SHOUWANG_MEDICAL_KEY_FILE": str(self.data / "medical.keys"),
            "SHOUWANG_IDENTITY_KEY_FILE": str(self.data / "identity.keys"),
            "SHOUWANG_REPORT_KEY_FILE": str(self.data / "report.key"),
            "SHOUWANG_AUDIT_KEY_FILE": str(self.data / "audit.key"),
            "SHOUWANG_AUDIT_CHECKPOINT_FOLDER": str(self.data / "checkpoints"),
            # nobody here would answer, and what comes must not depend on the hour
            DUTY_TESTS: os.environ.get(DUTY_TESTS, "false"),
        }

    def service_database_url(self, service: str) -> str:
        """The connection string of a service's own role; its password is new at each start of the platform."""
        return self.postgres.url_as(role_of(service), self._passwords[service])

    def service_broker(self, identity: str) -> Broker:
        """The settings with which a service reaches the broker, and its key for commands to gateways."""
        file = self._command_key(identity.removeprefix("svc-"))
        return msgspec.structs.replace(self.broker.settings(identity), command_key=file if file.exists() else None)

    @cached_property
    def command_keys(self) -> dict[str, str]:
        """The public keys with which gateways verify commands, by service; the private ones are made once."""
        return {service: key_at(self._command_key(service)) for service in COMMANDERS}

    def _command_key(self, service: str) -> Path:
        return self.data / f"command-{service}.key"

    def start_child(
        self, name: str, arguments: Sequence[str], broker: Broker | None, environment: Mapping[str, str]
    ) -> None:
        """Start a Python process of ours with its log in ``log/<name>.log``."""
        variables = {f"SHOUWANG_{name.upper()}_DATA_DIR": str(self.data / name), **environment}
        if broker is not None:
            fields = {key: getattr(broker, key) for key in broker.__struct_fields__}
            variables |= {f"SHOUWANG_BROKER_{key.upper()}": str(value) for key, value in fields.items() if value}
        child = Child(name, [sys.executable, *arguments], variables, self.data / "log" / f"{name}.log")
        child.start()
        self.children[name] = child

    def stop_child(self, name: str) -> None:
        self.children.pop(name).stop()

    def _stop_children(self) -> None:
        # The last started stops first, so that its messages still find the others: homes, console, alerting, ingest.
        for name in reversed(list(self.children)):
            self.stop_child(name)

    def _console_answers(self) -> bool:
        for child in self.children.values():
            if not child.alive():
                raise RuntimeError(f"{child.name} did not start; its last words:\n{child.log_tail()}")
        try:
            with urllib.request.urlopen(f"{self.address}/healthz", timeout=2) as answer:  # noqa: S310 - our own console
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _demo_policies(conn: psycopg.Connection[Any]) -> None:
    """Store the demonstration's policies that are not there yet; policies that somebody has changed stay."""
    known = {row[0] for row in conn.execute("SELECT DISTINCT code FROM escalation_policy")}
    new = [policy for policy in store.demonstration() if policy.code not in known]
    store.save(conn, new, dt.datetime.now(dt.UTC))


@contextlib.contextmanager
def _only_one(file: Path) -> Iterator[None]:
    with file.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RuntimeError(f"a platform already runs on {file.parent}; stop it or choose another --data") from error
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
