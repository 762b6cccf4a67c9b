"""Keeps the district as the database has it: residents, devices, parameters, pauses, people on duty; copies on disk."""

import datetime as dt
import threading
import time
from collections.abc import Callable

import psycopg
import structlog

from alerting.detection.engine.engine import Engine
from alerting.detection.kit.context import District, Pause
from alerting.service.district import RegistryCache, build_district, build_notice, resting
from alerting.service.settings import AlertingSettings
from alerting.service.storing.record import Record
from alerting.tuning.pauses import PauseCache
from care_network.records.registry import Registry
from database.clock import DatabaseClock
from database.pool import connect_options
from database.settings import DatabaseSettings
from dispatch.core.notice import AlertNotice
from dispatch.ladders.first_step_copy import FirstStepsCopy
from dispatch.ladders.people import Addressee
from observability.liveness import Part
from vocabulary.times import SECOND_US

log = structlog.get_logger(__name__)
RETRY_S = 1.0


class LiveDistrict:
    """Reads the database now and then (:meth:`keep_fresh`, in a thread of its own) and gives the engine the changes.

    ``clock`` learns the database's time on the way.
    """

    def __init__(
        self, settings: AlertingSettings, database: DatabaseSettings, clock: DatabaseClock | None = None
    ) -> None:
        self._settings, self._database = settings, database
        self._clock = clock or DatabaseClock()
        self._registry = RegistryCache(settings.data_dir / "registry.bin")
        self._pauses = PauseCache(settings.data_dir / "pauses.json")
        self._people = FirstStepsCopy(settings.data_dir / "people.json")
        self._people_at = 0.0
        self._refreshing = threading.Lock()
        """Each district is made from the one before, so that people keep their rows: one at a time."""
        self._built: District | None = None
        self.prepare: Callable[[District], None] = lambda district: None
        """Called with a changed district before the engine gets it, in the thread that read it."""
        self._changed = threading.Event()
        self._paused = threading.Event()
        self._outage: Pause | None = None

    @property
    def registry(self) -> Registry:
        return self._registry.registry

    def wait_until_known(self, stop: threading.Event, part: Part | None = None) -> None:
        """Read the registry, however long the database is away, unless there is a copy on disk.

        An event of an unknown home would be refused; until it is taken the broker keeps it.
        """
        self.refresh(part)
        while not self._registry.known and not stop.wait(RETRY_S):
            self.refresh(part)

    def first_district(self, before: District | None) -> District:
        """The district to begin with; people known in ``before`` keep their rows."""
        with self._refreshing:
            self._changed.clear()
            self._paused.set()
            self._built = build_district(self.registry, before)
            return self._built

    def settle(self, engine: Engine, outage: Pause | None) -> None:
        """Give the engine the changes. ``outage``: the time in which this program did not hear the homes."""
        if self._changed.is_set() and self._built is not None:
            self._changed.clear()
            engine.redistrict(self._built)
            self._paused.set()
        if self._paused.is_set() or outage != self._outage:
            self._paused.clear()
            self._outage = outage
            engine.pause([*self._pauses.pauses, *resting(self.registry), *([] if outage is None else [outage])])

    def refresh(self, part: Part | None = None) -> None:
        """Read the database; while it is away everything stays as it was. The outcome is told to ``part``."""
        with self._refreshing:
            self._refresh(part)

    def _refresh(self, part: Part | None) -> None:
        try:
            with psycopg.connect(self._database.url, **connect_options(self._database, "alerting-registry")) as conn:
                now = dt.datetime.fromtimestamp(self._clock.look(conn) / SECOND_US, dt.UTC)
                if self._registry.refresh(conn):
                    self._build()
                if self._pauses.refresh(conn, now):
                    self._paused.set()
                if time.monotonic() >= self._people_at:
                    self._people_at = time.monotonic() + self._settings.people_refresh_s
                    self._people.refresh(conn, now)
            if part is not None:
                part.turned()
        except psycopg.Error as error:
            if part is not None:
                part.held_up(f"the database is away: {error}")
            log.warning("the registry stays as it was", error=str(error).strip())

    def _build(self) -> None:
        """Make the detectors' district of the registry, unless there was none yet."""
        self._paused.set()  # somebody may have died or moved away
        if self._built is None:
            return
        try:
            district = build_district(self.registry, self._built)
        except Exception:  # the homes as they were are better watched than not at all
            log.exception("the changed registry cannot be used")
            return
        if district is not self._built:
            self.prepare(district)
            self._built = district
            self._changed.set()

    def keep_fresh(self, stop: threading.Event, part: Part) -> None:
        """Refresh at intervals until ``stop``."""
        while not stop.wait(self._settings.registry_refresh_s):
            self.refresh(part)

    def first_step(self, record: Record, now: dt.datetime) -> tuple[AlertNotice, tuple[Addressee, ...]]:
        """The notice of a finding and the people of its first step, from the copies.

        Raises ValueError where there is no copy of the people on duty.
        """
        alert = build_notice(self.registry, record.finding, record.received_us, record.raised_us, "raised", 1)
        first_steps = self._people.first_steps
        if first_steps is None:
            raise ValueError("there is no copy of the people on duty yet")
        return alert, first_steps.first_step(
            alert.severity, alert.household_id, alert.area_path, now, alert.resident_id
        )
