"""Measure how long the slowest of 64 simultaneous readers of one page waits.

PostgreSQL, broker and console run as in the demonstration, with 250 homes and 500 open alerts; the console's pool has
its eight connections. Each person has a session and an open connection; all send their request at once, ten times.
"""

import datetime as dt
import http.client
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psycopg

from bench.board import HOMES, OPEN, _fill
from bench.figures import Figure
from care_network.access import accounts, sessions
from console.shell.security import COOKIE
from device_simulators.homes import demo_home
from shouwang.brokers.local import free_port
from shouwang.platform.demo import login_of
from shouwang.platform.platform import Platform

PEOPLE, ROUNDS = 64, 10
LIMIT_S = 1.0


def run() -> list[Figure]:
    """The slowest answer of all rounds, for an alert, a resident and the work orders; and for the board, whose page has
    every one of the 500 alerts or its group, without a limit."""
    with (
        tempfile.TemporaryDirectory(prefix="shouwang-bench-") as folder,
        Platform(Path(folder), free_port()) as platform,
    ):
        district = platform.load_district([demo_home(number) for number in range(1, HOMES + 1)])
        with psycopg.connect(platform.postgres.url, autocommit=True) as conn:
            alerts = _fill(conn)
            sessions = _sessions(conn, login_of(district, "dispatcher")[0])
        platform.start_services(("console",))
        pages = {
            "an alert": f"/alerts/{alerts[0].id}",
            "the board": "/",
            "a resident": f"/residents/{alerts[0].resident_code}",
            "the work orders": "/orders",
        }
        return [
            _figure(name, _rounds(platform.address, path, sessions), LIMIT_S if path != "/" else None)
            for name, path in pages.items()
        ]


def _sessions(conn: psycopg.Connection[Any], login: str) -> list[str]:
    account = accounts.account_by_login(conn, login)
    assert account is not None  # noqa: S101 - the demonstration has it
    now = dt.datetime.now(dt.UTC)
    return [sessions.open_session(conn, account, "127.0.0.1", now) for _ in range(PEOPLE)]


def _rounds(address: str, path: str, sessions: list[str]) -> list[float]:
    """Seconds of every answer of every round; a first round, in which templates are compiled, does not count."""
    start = threading.Barrier(len(sessions))
    took: list[float] = []
    failed: list[int] = []

    def person(session: str) -> None:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
        connection.connect()
        for number in range(ROUNDS + 1):
            start.wait(60)
            began = time.perf_counter()
            connection.request("GET", path, headers={"Cookie": f"{COOKIE}={session}"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                failed.append(answer.status)
            if number:
                took.append(time.perf_counter() - began)
        connection.close()

    threads = [threading.Thread(target=person, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(f"{path}: {len(failed)} answers were no page, the first {failed[0]}")
    return took


def _figure(name: str, took: list[float], limit: float | None) -> Figure:
    return Figure(
        name=f"console: {PEOPLE} at once open {name}, slowest page",
        value=max(took),
        unit="s",
        reference=limit,
        reference_name="limit" if limit else "",
        note=f"{OPEN} open alerts, {ROUNDS} times; median {np.median(took):.2f} s",
    )
