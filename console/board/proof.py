"""The proof of the path as this console knows it: what it heard itself, and what the watcher of the path says."""

import datetime as dt
import threading
import time
import uuid
from typing import Any

import msgspec
import psycopg

from database.reports import path_proofs
from database.reports.path_proofs import PathProof
from vocabulary.path_links import words


class PathState(msgspec.Struct, frozen=True):
    """Seconds since the whole path was proved (None: not known, or never), and the broken links in words."""

    age_s: float | None
    broken_zh: str = ""
    broken_en: str = ""


class ProofOfPath:
    """Tells the database which synthetic alert this console heard of last, and keeps what it says of the path.

    Thread-safe.
    """

    def __init__(self, worker: str) -> None:
        self._worker, self._lock = worker, threading.Lock()
        self._noticed: tuple[uuid.UUID | None, dt.datetime | None] = (None, None)
        self._proof: PathProof | None = None
        self._read_at = 0.0

    def noticed(self, alert_id: str) -> None:
        """Remember the notice of a synthetic alert."""
        with self._lock:
            self._noticed = uuid.UUID(alert_id), dt.datetime.now(dt.UTC)

    def exchange(self, conn: psycopg.Connection[Any]) -> None:
        """Tell and read. Raises psycopg.Error while the database is away."""
        with self._lock:
            noticed = self._noticed
        path_proofs.tell_console(conn, self._worker, *noticed)
        proof = path_proofs.load(conn)
        with self._lock:
            self._proof, self._read_at = proof, time.monotonic()

    def lost(self) -> None:
        """Forget what the database said: from now on nothing is known."""
        with self._lock:
            self._proof = None

    def state(self) -> PathState:
        """The state now."""
        with self._lock:
            proof, since_s = self._proof, time.monotonic() - self._read_at
        if proof is None or proof.age_s is None:
            return PathState(None)
        zh, en = words(proof.broken)
        return PathState(proof.age_s + since_s, zh, en)
