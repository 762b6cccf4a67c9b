"""``shouwang demo``: the platform, a demonstration district and simulated homes, in one command."""

import contextlib
import datetime as dt
import json
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console

from care_network.demo.district import DemoDistrict
from care_services.demo.time_bank import answered
from device_simulators.homes import SimulatedHome, demo_home
from shouwang.past.writing import MONTHS_BEFORE, PastError, live_since, write_past
from shouwang.platform import report
from shouwang.platform.homes import write_home
from shouwang.platform.platform import Platform
from shouwang.platform.probe import LiveProbe
from shouwang.platform.processes import wait_until

STORE_TIMEOUT_S = 60.0
"""How long the homes' last messages may take to reach the database when the demo ends."""

EXCHANGE_PORT = 10
"""The exchange listens so far above the console."""

PANEL = "gw-yt-0013"
"""The gateway of the home through which the tour of care walks."""

HOMES_TIMEOUT_S = 15.0
"""How long the address waits for the homes; a demonstration of hundreds begins before all are there."""


@dataclass(frozen=True)
class DemoOptions:
    """The options of ``shouwang demo``."""

    data: Path
    homes: int = 20
    port: int = 8420
    seconds: float | None = None
    headless: bool = False
    report: Path | None = None
    past_days: int = 30
    """Days before now that are made up for homes that have none yet; 0: none."""


def run(options: DemoOptions, out: Console) -> dict[str, Any]:
    """Run until the time is over or SIGINT or SIGTERM comes; returns the report.

    Raises RuntimeError or TimeoutError, with a text for the operator, where something does not start.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with contextlib.ExitStack() as stack:
        with out.status("正在启动数据库和消息服务 Starting PostgreSQL and the broker …"):
            platform = stack.enter_context(Platform(options.data, options.port, options.port + EXCHANGE_PORT))
        if platform.ended:
            out.print(f"已结束上次遗留的进程 Ended what an earlier start had left running: {', '.join(platform.ended)}")
        with out.status("正在载入示范区 Loading the demonstration district …"):
            homes = [demo_home(number) for number in range(1, options.homes + 1)]
            district = platform.load_district(homes)
            platform.fill_care_services()
        if options.past_days:
            with out.status("正在写入模拟历史 Writing the simulated past …"):
                _write_past(platform, homes, options.past_days, out)
        with out.status("正在启动接入、预警和控制台 Starting ingest, alerting and the console …"):
            platform.start_services()
            platform.start_path()
        probe = stack.enter_context(LiveProbe(platform.address, *login_of(district, "dispatcher")))
        started = time.monotonic()
        configurations = start_homes(platform, homes)
        if not options.headless:
            with out.status("正在等待各家网关上线 Waiting for the homes' gateways …"):
                _await_homes(platform, len(homes), stop)
        _greet(platform, district, options, out)
        while not stop.wait(1.0):
            now = time.monotonic()
            for child in platform.children.values():
                child.keep_alive(now)
            if options.seconds is not None and now - started >= options.seconds:
                break
        out.print("\n停止中，数据会保留 Stopping; the data is kept …")
        result = {"homes": options.homes, "seconds": round(time.monotonic() - started, 1)}
        result |= _account(platform, configurations, probe)
    if options.report:
        options.report.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    if options.headless:
        out.print_json(data=result)
    return result


def login_of(district: DemoDistrict, role: str) -> tuple[str, str]:
    """Return (login, password) of the first account with that role."""
    found = next(login for login in district.logins if login.role == role)
    return found.login, found.password


def _write_past(platform: Platform, homes: list[SimulatedHome], days: int, out: Console) -> None:
    """Write the past of the homes that have none; where it cannot be written the demonstration begins empty."""
    try:
        with psycopg.connect(platform.postgres.url, autocommit=True) as conn:
            write_past(conn, homes, days, dt.datetime.now(dt.UTC), before=MONTHS_BEFORE)
            platform.simulated_days = days if live_since(conn) else 0
            with conn.transaction():
                answered(conn, dt.datetime.now(dt.UTC))
    except PastError as error:
        out.print(f"{error.message_zh} {error.message_en}")


def start_homes(platform: Platform, homes: list[SimulatedHome]) -> list[Path]:
    """Start the homes in a process of their own; one with a simulated past goes on where that ends."""
    files = []
    with psycopg.connect(platform.postgres.url, autocommit=True) as conn:
        since = live_since(conn)
    for home in homes:
        file = platform.data / "homes" / f"{home.gateway}.toml"
        options = {**home.driver_options, "memory": str(file.with_suffix(".told"))}
        if home.gateway in since:
            options["since_us"] = round(since[home.gateway].timestamp() * 1e6)
        write_home(file, home.gateway, platform.broker.settings(home.gateway), home.devices, options,
                   {service: [public] for service, public in platform.command_keys.items()})  # fmt: skip
        files.append(file)
    platform.start_child("homes", ["-m", "shouwang", "simulate", "homes", *map(str, files)], None, {})
    return files


def _await_homes(platform: Platform, homes: int, stop: threading.Event) -> None:
    """Wait until the homes are seen: who looks before that is told, rightly, that nobody is watched."""
    with psycopg.connect(platform.postgres.url, autocommit=True) as conn:

        def seen() -> bool:
            row = conn.execute("SELECT count(*) FROM gateway WHERE state = 'online'").fetchone()
            return stop.is_set() or (row is not None and row[0] >= homes)

        with contextlib.suppress(TimeoutError):  # the desk says itself which are not
            wait_until(seen, HOMES_TIMEOUT_S, "every home is online", pause_s=0.2)


def _greet(platform: Platform, district: DemoDistrict, options: DemoOptions, out: Console) -> None:
    out.print(f"\n[bold green]守望 Shouwang[/]  {options.homes} 户 homes · PostgreSQL ({platform.grade}) · NATS")
    out.print(f"  [bold]{platform.address}[/]")
    out.print(f"  http://127.0.0.1:{options.port + EXCHANGE_PORT}/ 外部系统接口 for other systems\n")
    for login in district.logins:
        out.print(f"  {login.role:<11} {login.login:<16} {login.password:<18} {login.note}")
    panel = platform.panel(PANEL)
    if panel:
        out.print("\n  长者家中平板 the panel in home 13, for docs/tour-of-care.md")
        out.print(f"  {panel}", soft_wrap=True)
    out.print(f"\n  数据和日志 data and logs: {options.data}    Ctrl-C 停止 stops everything, keeps the data\n")


def _account(platform: Platform, configurations: list[Path], probe: LiveProbe) -> dict[str, Any]:
    """Stop the homes, wait until their messages are stored, and count."""
    restarts = {child.name: child.restarts for child in platform.children.values()}
    platform.stop_child("homes")
    sent = report.sent(told for file in configurations if (told := file.with_suffix(".db")).exists())
    with psycopg.connect(platform.postgres.url, autocommit=True) as conn:

        def everything_stored() -> bool:
            stored = report.stored(conn)
            return stored["frames"] >= sent["frames"] - sent["pending"] and stored["events"] >= sent["events"]

        with contextlib.suppress(TimeoutError):  # the report says what is missing
            wait_until(everything_stored, STORE_TIMEOUT_S, "every message is stored", pause_s=0.5)
        stored = report.stored(conn)
        return {
            "sent": sent,
            "stored": stored,
            **report.account(sent, stored),
            "alerts_by_rule": report.alerts_by_rule(conn),
            "sensor_to_console_ms": report.latency(probe.latencies_ms),
            "service_restarts": restarts,
        }
