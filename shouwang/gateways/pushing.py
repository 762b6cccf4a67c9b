"""Carry a rollout on: look, decide, offer the bundle to a few gateways at a time, store how each one ended."""

import datetime as dt
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from firmware_profiles.link.mqtt import Broker
from shouwang.gateways import rollout_store as store
from shouwang.gateways.bundle import is_later, send_bundle
from shouwang.gateways.rollout import Rollout, State, Step, next_step

AT_A_TIME = 8
"""Gateways that try a program at the same time: their homes are a few seconds without eyes."""
TRIAL_S = 600.0
"""How long a gateway may take from the last part to its word; its own time is ``online_within_s``, 300 s."""
LOOK_S = 5.0
STATUS_S = 60.0

Tell = Callable[[str], None]


class Pusher:
    """One rollout in one process. ``stop``: set it to end after the offers that are under way."""

    def __init__(self, url: str, broker: Broker, bundle: bytes, version: int, tell: Tell) -> None:
        self._url, self._broker, self._bundle, self._version, self._tell = url, broker, bundle, version, tell
        self.stop = threading.Event()

    def run(self, once: bool = False, look_s: float = LOOK_S) -> Rollout:
        """Go on until the rollout ends or stops by itself; ``once``: until nothing can be offered at this moment.

        Raises LookupError where it was never begun.
        """
        said = ""
        while True:
            step = self.turn()
            if step.says != said:
                said = step.says
                self._tell(said)
            if step.rollout.ended_at is not None or self.stop.is_set() or (once and not step.offer):
                return step.rollout
            if not step.offer:
                self.stop.wait(look_s)

    def turn(self) -> Step:
        """Look and decide once, and make the offers that are due."""
        with self._connect() as conn:
            store.interrupted(conn, self._version, dt.timedelta(seconds=2 * TRIAL_S))
            rollout = store.newest(conn)
            if rollout is None or rollout.version != self._version:
                raise LookupError(f"version {self._version} is not the rollout that is under way")
            row = conn.execute("SELECT clock_timestamp()").fetchone()
            assert row is not None  # noqa: S101 - a SELECT without FROM has a row
            step = next_step(rollout, store.standings(conn, self._version), row[0])
            store.keep(conn, step.rollout)
            for gateway, reason in step.waits.items():
                store.move(conn, self._version, gateway, "waiting", reason)
        if step.offer:
            batch = step.offer[:AT_A_TIME]
            with ThreadPoolExecutor(len(batch)) as pool:
                list(pool.map(self._offer, batch))
        return step

    def _offer(self, gateway: str) -> None:
        tried = False

        def trying() -> None:
            nonlocal tried
            tried = True
            self._move(gateway, "trying", "has the bundle")

        try:
            with self._connect() as conn:
                if store.has_open_alert(conn, gateway):  # since the look
                    store.move(conn, self._version, gateway, "waiting", "an alert of this home is open")
                    return
            answer = send_bundle(self._broker, gateway, self._bundle, TRIAL_S, trying)
        except TimeoutError as error:
            self._move(gateway, "silent" if tried else "waiting", str(error))
            return
        if answer.ok:
            self._move(gateway, "running", answer.text)
            self._await_status(gateway)
        elif is_later(answer):
            self._move(gateway, "waiting", answer.text)
            self.stop.wait(1.0)  # a buffer empties within a second
        else:
            self._move(gateway, "returned" if answer.text.startswith("taken back") else "refused", answer.text)

    def _await_status(self, gateway: str) -> None:
        """Wait until ingest has stored the status that names the version: the next look would miss it."""
        deadline = time.monotonic() + STATUS_S
        with self._connect() as conn:
            while not store.runs_it(conn, self._version, gateway) and time.monotonic() < deadline:
                self.stop.wait(0.2)

    def _move(self, gateway: str, state: State, text: str) -> None:
        with self._connect() as conn:
            store.move(conn, self._version, gateway, state, text)

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url, autocommit=True, connect_timeout=10, application_name="shouwang-gateways")
