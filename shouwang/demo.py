"""The whole platform on one machine: embedded servers, every service as a process, simulated homes."""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import structlog
from rich.console import Console

from care_network.demo_district import DemoDistrict, load_demo
from database.embedded import EmbeddedPostgres
from database.migrate import migrate
from firmware_profiles.mqtt import Broker
from shouwang import report
from shouwang.broker import EmbeddedBroker
from shouwang.demo_homes import demo_home, gateway_name
from shouwang.homes import write_home
from shouwang.pki import Pki
from shouwang.probe import LiveProbe
from shouwang.processes import Child, wait_until

log = structlog.get_logger(__name__)

STORE_TIMEOUT_S = 60.0
"""How long the homes' last messages may take to reach the database when the demo ends."""


@dataclass(frozen=True)
class Options:
    """What ``shouwang demo`` was asked for."""

    data: Path
    homes: int = 20
    port: int = 8420
    seconds: float | None = None
    headless: bool = False
    report: Path | None = None


@dataclass
class Demo:
    """Starts everything in order, keeps it running, and stops it in the reverse order."""

    options: Options
    out: Console = field(default_factory=Console)

    def run(self) -> dict[str, Any]:
        """Run until the time is over or SIGINT or SIGTERM comes. Returns the report."""
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        with contextlib.ExitStack() as stack:
            self._start(stack)
            started = time.monotonic()
            while not stop.wait(1.0):
                now = time.monotonic()
                for child in self._children.values():
                    child.keep_alive(now)
                if self.options.seconds is not None and now - started >= self.options.seconds:
                    break
            self.out.print("\n[bold]停止中 Stopping …[/]")
            return self._finish(time.monotonic() - started)

    def _start(self, stack: contextlib.ExitStack) -> None:
        data = self.options.data.absolute()
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o711)
        stack.enter_context(_lock(data / "demo.lock"))
        with self.out.status("Starting PostgreSQL …"):
            self._postgres = stack.enter_context(EmbeddedPostgres(data / "postgres"))
            grade = migrate(self._postgres.url)
        with self.out.status("Loading the demonstration district …"):
            homes = [demo_home(number) for number in range(1, self.options.homes + 1)]
            with psycopg.connect(self._postgres.url) as conn:
                self._district: DemoDistrict = load_demo(conn, homes)
        with self.out.status("Starting the broker …"):
            pki = Pki(data / "pki")
            self._broker = stack.enter_context(EmbeddedBroker(data / "broker", pki))
            gateways = [gateway_name(number) for number in range(1, self.options.homes + 1)]
            self._broker.allow_gateways(gateways)
            self._home_files = [data / "homes" / f"{gateway}.toml" for gateway in gateways]
            for file, home, gateway in zip(self._home_files, homes, gateways, strict=True):
                write_home(file, gateway, self._broker.settings(gateway), home.devices, home.driver_options)
        self._address = f"http://127.0.0.1:{self.options.port}"
        self._children: dict[str, Child] = {}
        stack.callback(self._stop_children)
        with self.out.status("Starting ingest, alerting and the console …"):
            for service in ("ingest", "alerting", "console"):
                self._start_child(service, ["-m", service], self._broker.settings(f"svc-{service}"), data)
            wait_until(self._console_answers, 60, "the console answers at /healthz")
        self._probe: LiveProbe | None = None
        if self.options.headless or self.options.report:
            dispatcher = self._district.login("dispatcher")
            self._probe = LiveProbe(self._address, dispatcher.login, dispatcher.password)
            self._probe.start()
            stack.callback(self._probe.stop)
        self._start_child("homes", ["-m", "shouwang", "simulate", "homes", str(data / "homes")], None, data)
        self._greet(str(grade))

    def _start_child(self, name: str, arguments: list[str], broker: Broker | None, data: Path) -> None:
        environment = {
            "SHOUWANG_DATABASE_URL": self._postgres.url,
            "SHOUWANG_DATA_DIR": str(data / name),
            "SHOUWANG_CONSOLE_PORT": str(self.options.port),
        }
        if broker is not None:
            environment |= {
                f"SHOUWANG_BROKER_{key.upper()}": str(getattr(broker, key))
                for key in broker.__struct_fields__
                if getattr(broker, key) is not None
            }
        if name == "homes":
            del environment["SHOUWANG_DATABASE_URL"]  # the homes have no business in the database
        child = Child(name, [sys.executable, *arguments], environment, data / "log" / f"{name}.log")
        child.start()
        self._children[name] = child

    def _stop_children(self) -> None:
        for name in ("homes", "console", "alerting", "ingest"):
            if name in self._children:
                self._children.pop(name).stop()

    def _console_answers(self) -> bool:
        for child in self._children.values():
            if not child.alive():
                raise RuntimeError(f"{child.name} did not start; its last words:\n{child.log_tail()}")
        return _answers(f"{self._address}/healthz")

    def _greet(self, grade: str) -> None:
        self.out.print(f"\n[bold green]守望 Shouwang[/] — {self.options.homes} 户 homes, PostgreSQL ({grade}), NATS")
        self.out.print(f"  [bold]{self._address}[/]\n")
        for login in self._district.logins:
            self.out.print(f"  {login.role:<11} {login.login:<14} {login.password:<18} {login.note}")
        self.out.print(f"\n  logs and data: {self.options.data}    Ctrl-C stops everything and keeps the data.\n")

    def _finish(self, seconds: float) -> dict[str, Any]:
        """Stop the homes, let what they sent arrive, and draw up the account."""
        restarts = {child.name: child.restarts for child in self._children.values()}
        self._children.pop("homes").stop()
        buffers = [file.with_suffix(".db") for file in self._home_files]
        with psycopg.connect(self._postgres.url, autocommit=True) as conn:
            sent = report.sent(buffers)

            def everything_stored() -> bool:
                stored = report.stored(conn)
                return stored["frames"] >= sent["frames"] and stored["events"] >= sent["events"]

            with contextlib.suppress(TimeoutError):  # what is missing then stands in the account
                wait_until(everything_stored, STORE_TIMEOUT_S, "every message is stored", pause_s=0.5)
            stored = report.stored(conn)
            result = {
                "homes": self.options.homes,
                "seconds": round(seconds, 1),
                "sent": sent,
                "stored": stored,
                **report.account(sent, stored),
                "alerts_by_rule": report.alerts_by_rule(conn),
                "sensor_to_console_ms": report.latency(self._probe.latencies_ms if self._probe else {}),
                "service_restarts": restarts,
            }
        if self.options.report:
            self.options.report.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
        if self.options.headless or self.options.report:
            self.out.print_json(data=result)
        return result


def _answers(url: str) -> bool:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own console on loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def _lock(file: Path) -> Iterator[None]:
    """Only one demo per data folder. Raises RuntimeError naming the folder where another one runs."""
    import fcntl

    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RuntimeError(f"a demo already runs on {file.parent}; stop it or choose another --data") from error
        handle.write(str(os.getpid()))
        handle.flush()
        yield
