"""The watcher of the path: synthetic residents press and fall in turn, and every stamp of it is looked for.

A press is taken back as soon as it has arrived everywhere, and after ``patience_s`` in any case. The place at which it
stopped names the link (:mod:`~shouwang.path.judge`).
"""

import threading
import time
from collections import deque
from itertools import cycle
from typing import Any

import msgspec
import psycopg
import structlog

from alerting.service.direct import DirectSender
from care_network.records.synthetic import BUTTONS, GATEWAY, PENDANTS, SILENT_GATEWAY
from database.pool import connect_options
from database.settings import DatabaseSettings
from firmware_profiles.link import mqtt
from observability.liveness import Liveness, Part
from shouwang.path import stamps
from shouwang.path.gateway import SilentGateway, SyntheticGateway
from shouwang.path.judge import LASTING, Stamps, Surroundings, broken_links, lasting
from shouwang.path.settings import PathSettings
from shouwang.path.silence import SilenceDrill
from shouwang.path.stamps import Press
from shouwang.path.telling import Telling

log = structlog.get_logger(__name__)

LOOK_S = 1.0
HELD_S = 2.0
"""A button is held for about a second: a long press within 1.5 s of a short one is the same press told twice."""
TAKES_BACK = {"sos_pressed": "sos_cancelled", "fall_confirmed": "fall_recovered"}
TIDY_S = 600.0


class Watcher:
    """One process. Two of them would press by the same gateway, which no broker allows for long: run one."""

    def __init__(
        self, settings: PathSettings, database: DatabaseSettings, broker: mqtt.Broker, direct: DirectSender | None
    ) -> None:
        self._settings, self._database = settings, database
        self._gateway = SyntheticGateway(broker, GATEWAY, settings.data_dir)
        self._telling = Telling(GATEWAY, direct)
        self._conn: psycopg.Connection[Any] | None = None
        pairs = [
            (device, kind)
            for two in zip(BUTTONS, PENDANTS, strict=True)
            for device, kind in zip(two, TAKES_BACK, strict=True)
        ]
        self._turns = cycle(pairs)
        self._under_way: list[Press] = []
        self._found: deque[frozenset[str]] = deque(maxlen=LASTING)
        self._around = Surroundings(database=False)
        self._proved_at: float | None = None
        self._next_at = self._tidy_at = 0.0
        silent = None
        if settings.silent_cert is not None and settings.silent_key is not None:
            own = msgspec.structs.replace(broker, cert=settings.silent_cert, key=settings.silent_key)
            silent = SilentGateway(own, SILENT_GATEWAY)
        self._silence = SilenceDrill(silent, settings.silence_first_s, settings.silence_every_s)

    def run(self, stop: threading.Event, liveness: Liveness) -> None:
        """Run until ``stop``. Raises RuntimeError where a part of it ended by itself."""
        thread = liveness.start("gateway", self._gateway.run)
        part = liveness.part("path")
        self._silence.begin()
        try:
            while not stop.wait(LOOK_S) and not liveness.faults:
                self._turn(part)
        finally:
            died = list(liveness.faults)
            self._take_back(self._under_way)
            liveness.finish()
            self._silence.end()
            self._gateway.stop()
            thread.join(10)
            self._disconnect()
        if died:
            raise RuntimeError(f"died: {', '.join(died)}; see the log")

    def _turn(self, part: Part) -> None:
        now = time.monotonic()
        if now >= self._next_at:
            self._next_at = now + self._settings.every_s
            device, kind = next(self._turns)
            moment = self._gateway.send(device, kind)
            self._under_way.append(Press(device=device, kind=kind, time_us=moment, begun=now, stamps=Stamps()))
        fault = self._look()
        self._settle()
        broken = lasting(list(self._found)) | self._silence.broken
        age_s = None if self._proved_at is None else time.monotonic() - self._proved_at
        try:
            self._telling.tell(self._conn, broken, age_s)
            if self._conn is not None:
                self._tidy(self._conn)
        except psycopg.Error as error:
            fault = str(error)
            self._disconnect()
        if fault:
            part.held_up(f"the database is away: {fault}")
        elif broken:
            part.held_up(f"the path is broken: {', '.join(sorted(broken))}")
        else:
            part.turned()

    def _look(self) -> str:
        """Bring the stamps of what is under way up to date; gives why the database could not be asked, else ''."""
        fault = ""
        try:
            conn = self._connected()
            for press in self._under_way:
                self._around = stamps.look(conn, GATEWAY, press)
            self._silence.look(conn)
        except psycopg.Error as error:
            self._around, fault = Surroundings(database=False), str(error).strip() or type(error).__name__
            self._disconnect()
        for press in self._under_way:
            press.stamps.heard |= self._gateway.answered(press.time_us)
            press.stamps.acknowledged |= self._gateway.empty
        return fault

    def _settle(self) -> None:
        """Judge each press that has arrived everywhere, or whose time is over, and take it back."""
        now = time.monotonic()
        for press in list(self._under_way):
            age_s = now - press.begun
            whole = press.stamps.complete and self._around.database
            if not press.ended and (age_s >= self._settings.patience_s or (whole and age_s >= HELD_S)):
                self._take_back([press])
                found = frozenset() if whole else broken_links(press.stamps, self._around)
                self._found.append(found)
                if whole:
                    self._proved_at = now
                    log.info("path proved", device=press.device, seconds=round(age_s, 1))
                else:
                    log.warning("a press has not arrived everywhere", device=press.device, links=sorted(found))
                self._under_way.remove(press)

    def _take_back(self, presses: list[Press]) -> None:
        for press in presses:
            fall = press.kind == "fall_confirmed"
            self._gateway.send(press.device, TAKES_BACK[press.kind], press.time_us if fall else None)
            press.ended = True

    def _tidy(self, conn: psycopg.Connection[Any]) -> None:
        if time.monotonic() >= self._tidy_at:
            conn.execute("SELECT drop_old_proofs()")
            self._tidy_at = time.monotonic() + TIDY_S

    def _connected(self) -> psycopg.Connection[Any]:
        if self._conn is None or self._conn.closed:
            options = connect_options(self._database, "path")
            self._conn = psycopg.connect(self._database.url, autocommit=True, **options)
        return self._conn

    def _disconnect(self) -> None:
        if self._conn is not None:
            self._conn.close()
        self._conn = None


def run(
    settings: PathSettings,
    database: DatabaseSettings,
    broker: mqtt.Broker,
    stop: threading.Event,
    direct: DirectSender | None = None,
    liveness: Liveness | None = None,
) -> None:
    """Watch the path until ``stop``. ``direct`` tells people where the ladder cannot."""
    liveness = liveness or Liveness()
    liveness.until(stop)
    Watcher(settings, database, broker, direct).run(stop, liveness)
