"""Try a version and go back where it does not work: what the updates of the configuration and of the program share.

:mod:`edge_agent.updates.trial` decides; this module has the disk, the clock and the connection. It does not restart
anything itself: ``restart`` asks the owner of the process to replace it by a fresh one.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol, TypeVar

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.config import HomeConfigError, UpdatesConfig
from edge_agent.updates import trial as updates
from edge_agent.updates.signed_config import SignatureError, read_public_key
from edge_agent.updates.store import UpdateStore
from edge_agent.updates.trial import Subject, UpdateRefusedError, UpdateState
from edge_agent.uplink import Interim
from firmware_profiles import wire

log = structlog.get_logger(__name__)

SETTLE_S = 3.0
"""Connected for so long without a break counts as online: a broker that refuses the gateway's rights hangs up."""
LOOK_EVERY_S = 0.2

V = TypeVar("V")


class EventReporter(Protocol):
    """Stores an event, as ``Sink.event`` does."""

    def __call__(
        self, device: str, kind: str, time_us: int, values: Mapping[str, str | int | float | bool] | None = None
    ) -> None: ...


class TrialKeeper:
    """The versions of one subject on one gateway. Used from one thread; ``now_us`` is the wall clock, µs since 1970."""

    subject: ClassVar[Subject]
    command: ClassVar[str]
    """The kind of the command that brings a version; :meth:`receive` handles it."""

    def __init__(self, settings: UpdatesConfig, store: UpdateStore, now_us: Callable[[], int]) -> None:
        """Raises HomeConfigError where a public key is none, OSError where the folder cannot be read."""
        self._settings, self._store, self._now_us = settings, store, now_us
        try:
            self._keys: list[Ed25519PublicKey] = [read_public_key(text) for text in settings.public_keys]
        except ValueError as error:
            raise HomeConfigError(f"updates.public_keys: {error}") from error
        self._state = self._store.load()
        self.restart = asyncio.Event()
        """Set when the process shall be replaced by a new one that reads the state anew."""
        self.busy: Callable[[], str] = lambda: ""
        """Says why the process must not be replaced now; "": it may."""

    @property
    def state(self) -> UpdateState:
        return self._state

    def receive(self, command: wire.Command) -> str:
        """Handle the command. Raises ValueError with the reason where the version is not taken."""
        raise NotImplementedError

    def failed(self, reason: str) -> bool:
        """Take back a version on trial because the agent ended with an error. True: a restart will help."""
        if self._state.trial is None:
            return False
        self._give_up(reason)
        return True

    async def judge(
        self, online: Callable[[], bool], event: EventReporter, reply: Callable[[str, bool, str], None], device: str
    ) -> None:
        """Watch a version on trial, decide, and report it to the district by an event of ``device`` and a reply.

        Ends by cancellation only. A crash between the event and the note that it was stored repeats the event.
        """
        if self._state.trial is not None:
            if not await self._comes_online(online):
                self._give_up(f"it did not come online within {self._settings.online_within_s:g} s")
                self.restart.set()
                await asyncio.Event().wait()
            self._save(updates.came_online(self._state, self._now_us(), self.subject))
            self._kept()
        report = self._state.report
        if report is not None:
            values = {"version": report.version, "running": report.running}
            event(
                device, report.kind, report.time_us, values | ({"reason": report.reason[:200]} if report.reason else {})
            )
            self._save(updates.report_stored(self._state))
            log.info(report.kind.replace("_", " "), **values, reason=report.reason)
            while not online():  # noqa: ASYNC110 - paho sets it from its own thread
                await asyncio.sleep(LOOK_EVERY_S)
            if report.command_id:
                reply(report.command_id, report.applied, report.text)
        await asyncio.Event().wait()

    def _kept(self) -> None:
        """Do what a version that was kept needs."""

    def _begin(self, load: Callable[[int], V], installed: V) -> V:
        """Count the start and load the version to run. One that cannot be loaded is taken back, down to
        ``installed``."""
        state = updates.begin(self._state, self._now_us(), self.subject)
        if state != self._state and not self._save(state):
            # a trial that cannot be counted could go on for ever
            self._state = updates.give_up(state, "the disk refuses to write", self._now_us(), self.subject)
        while self._state.running:
            try:
                return load(self._state.running)
            except (HomeConfigError, SignatureError, OSError) as error:
                self._give_up(str(error))
        return installed

    def _heard_before(self, command_id: str, version: int, sealed: bytes) -> str | None:
        """The answer where this came already; None: it is new. Raises UpdateRefusedError where it was taken back."""
        report = self._state.report
        if report is not None and report.command_id == command_id:  # sent again while the result is on its way
            return Interim(f"version {report.version} was tried; the result follows")
        if version == self._state.running and self._is_stored(sealed, version):
            if self._state.trial is not None:
                return Interim(f"version {version} is on trial already")
            return f"version {version} is in force already"
        last = self._state.last
        if last is not None and last.command_id == command_id:
            raise UpdateRefusedError(last.text)
        return None

    def _try(self, state: UpdateState, version: int, sealed: bytes) -> str:
        """Store the version and the ``state`` in which it is on trial, and ask for a restart."""
        try:
            self._store.put(version, sealed)
            self._store.save(state)
        except OSError as error:
            raise UpdateRefusedError(f"version {version} cannot be stored: {error.strerror}") from error
        self._state = state
        self.restart.set()
        log.info("version accepted", subject=self.subject, version=version)
        return Interim(f"version {version} is checked and stored; trying it now")

    async def _comes_online(self, online: Callable[[], bool]) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.online_within_s
        since: float | None = None
        while since is None or loop.time() - since < SETTLE_S:
            if loop.time() >= deadline and since is None:
                return False
            await asyncio.sleep(LOOK_EVERY_S)
            since = (since or loop.time()) if online() else None
        return True

    def _give_up(self, reason: str) -> None:
        log.error("version taken back", subject=self.subject, version=self._state.running, reason=reason)
        self._save(updates.give_up(self._state, reason, self._now_us(), self.subject))

    def _save(self, state: UpdateState) -> bool:
        self._state = state
        try:
            self._store.save(state)
        except OSError as error:
            log.error("the state of updates cannot be stored", subject=self.subject, reason=str(error))
            return False
        return True

    def _is_stored(self, sealed: bytes, version: int) -> bool:
        try:
            return self._store.get(version) == sealed
        except OSError:
            return False
