"""What alerting knows of the district: residents, devices, parameters, pauses, people on duty; with copies on disk."""

import datetime as dt
import threading
import time

import psycopg
import structlog

from alerting.detection.engine.engine import Engine
from alerting.detection.kit.context import District, Pause
from alerting.service.district import RegistryCache, build_district, build_notice
from alerting.service.settings import AlertingSettings
from alerting.service.spool import Record
from alerting.tuning.pauses import PauseCache
from care_network.records.registry import Registry
from database.pool import connect_options
from database.settings import DatabaseSettings
from dispatch.core.notice import AlertNotice
from dispatch.ladders.people import Called
from dispatch.ladders.picture import PictureCache

log = structlog.get_logger(__name__)
RETRY_S = 1.0


class Surroundings:
    """Read anew now and then by :meth:`keep_fresh`, in a thread of its own; the engine takes what changed."""

    def __init__(self, settings: AlertingSettings, database: DatabaseSettings) -> None:
        self._settings, self._database = settings, database
        self._registry = RegistryCache(settings.data_dir / "registry.bin")
        self._pauses = PauseCache(settings.data_dir / "pauses.json")
        self._people = PictureCache(settings.data_dir / "people.json")
        self._people_at = 0.0
        self._changed = threading.Event()
        self._paused = threading.Event()
        self._deafness: Pause | None = None

    @property
    def registry(self) -> Registry:
        return self._registry.registry

    def wait_until_known(self, stop: threading.Event) -> None:
        """Read it, however long the database is away, unless there is a copy: an event of a home that nobody knows
        would be refused, and the broker keeps it as long as it is not taken."""
        self.refresh()
        while not self._registry.known and not stop.wait(RETRY_S):
            self.refresh()

    def first_district(self, before: District | None) -> District:
        """The district to begin with; people known in ``before`` keep their rows."""
        self._changed.clear()
        self._paused.set()
        return build_district(self.registry, before)

    def settle(self, engine: Engine, deafness: Pause | None) -> None:
        """Give the engine what has changed. ``deafness``: the time in which the homes were not heard."""
        if self._changed.is_set():
            self._changed.clear()
            engine.redistrict(build_district(self.registry, engine.district))
            self._paused.set()
        if self._paused.is_set() or deafness != self._deafness:
            self._paused.clear()
            self._deafness = deafness
            engine.pause([*self._pauses.pauses, *([] if deafness is None else [deafness])])

    def refresh(self) -> None:
        """Read it anew; while the database is away everything stays as it was."""
        now = dt.datetime.now(dt.UTC)
        try:
            with psycopg.connect(self._database.url, **connect_options(self._database, "alerting-registry")) as conn:
                if self._registry.refresh(conn):
                    self._changed.set()
                if self._pauses.refresh(conn, now):
                    self._paused.set()
                if time.monotonic() >= self._people_at:
                    self._people_at = time.monotonic() + self._settings.people_refresh_s
                    self._people.refresh(conn, now)
        except psycopg.Error as error:
            log.warning("the registry stays as it was", error=str(error).strip())

    def keep_fresh(self, stop: threading.Event) -> None:
        while not stop.wait(self._settings.registry_refresh_s):
            self.refresh()

    def whom(self, record: Record, now: dt.datetime) -> tuple[AlertNotice, tuple[Called, ...]]:
        """For an emergency that the database does not take: its notice and the people of its first step."""
        alert = build_notice(self.registry, record.finding, record.received_us, record.raised_us, "raised", 1)
        picture = self._people.picture
        if picture is None:
            raise ValueError("there is no copy of the people on duty yet")
        return alert, picture.first_step(alert.severity, alert.household_id, alert.area_path, now)
