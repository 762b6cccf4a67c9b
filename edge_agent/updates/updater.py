"""Carry out signed updates of the configuration: verify, check, store, try, and go back where one does not work.

:mod:`edge_agent.updates.trial` decides; this module has the disk, the clock and the connection. It does not restart
anything itself: ``restart`` asks the owner of the process to replace it by a fresh one.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from edge_agent.config import Home, HomeConfigError, UpdatesConfig, load_home, parse_home
from edge_agent.timekeeping.ntp import read_clock
from edge_agent.updates import signed_config
from edge_agent.updates import trial as updates
from edge_agent.updates.check import errors, examine
from edge_agent.updates.signed_config import HomeUpdate, SignatureError
from edge_agent.updates.store import UpdateStore, folder_of
from edge_agent.updates.trial import UpdateRefusedError, UpdateState
from edge_agent.uplink import Interim
from firmware_profiles import wire

log = structlog.get_logger(__name__)

COMMAND = "update_config"
SETTLE_S = 3.0
"""Connected for so long without a break counts as online: a broker that refuses the gateway's rights hangs up."""
LOOK_EVERY_S = 0.2


class EventReporter(Protocol):
    """Stores an event, as ``Sink.event`` does."""

    def __call__(
        self, device: str, kind: str, time_us: int, values: Mapping[str, str | int | float | bool] | None = None
    ) -> None: ...


class Updater:
    """The updates of one gateway. Used from one thread; ``now_us`` is the wall clock, µs since 1970."""

    def __init__(self, installed: Home, settings: UpdatesConfig, now_us: Callable[[], int]) -> None:
        """Raises HomeConfigError where a public key is none, OSError where the folder can not be made or read."""
        self._installed, self._settings, self._now_us = installed, settings, now_us
        try:
            self._keys = [signed_config.read_public_key(text) for text in settings.public_keys]
        except ValueError as error:
            raise HomeConfigError(f"updates.public_keys: {error}") from error
        self._store = UpdateStore(folder_of(installed.config, settings))
        self._state = self._store.load()
        self.restart = asyncio.Event()
        """Set when the process shall be replaced by a new one that reads the state anew."""

    @property
    def state(self) -> UpdateState:
        return self._state

    def begin(self) -> Home:
        """The version to run now. One that can not be loaded is taken back, down to the installed file."""
        state = updates.begin(self._state, self._now_us())
        if state != self._state and not self._save(state):
            # a trial that can not be counted could go on for ever
            self._state = updates.give_up(state, "the disk refuses to write", self._now_us())
        while self._state.running:
            try:
                return self._load(self._state.running)
            except (HomeConfigError, SignatureError, OSError) as error:
                self._give_up(str(error))
        return self._installed

    def receive(self, command: wire.Command) -> str:
        """Handle ``update_config``: check exactly as ``--check`` does, store, ask for a restart.

        Raises ValueError (UpdateRefusedError, SignatureError, HomeConfigError) with the reason where it is not taken.
        """
        update = signed_config.unseal(command.body, self._keys)
        report = self._state.report
        if report is not None and report.command_id == command.id:  # sent again while the result is on its way
            return Interim(f"version {report.version} was tried; the result follows")
        if update.version == self._state.running and self._is_stored(command.body, update.version):
            if self._state.trial is not None:
                return Interim(f"version {update.version} is on trial already")
            return f"version {update.version} is in force already"
        last = self._state.last
        if last is not None and last.command_id == command.id:
            raise UpdateRefusedError(last.text)
        state = updates.accept(self._state, update, self._installed.config.gateway, command.id)
        home = self._adopt(update)
        now = dt.datetime.fromtimestamp(self._now_us() / 1e6, dt.UTC)
        faults = errors(examine(home, now, read_clock(), None))
        if faults:
            raise UpdateRefusedError(f"version {update.version} fails the check: {'; '.join(faults)}")
        try:
            self._store.put(update.version, command.body)
            self._store.save(state)
        except OSError as error:
            raise UpdateRefusedError(f"version {update.version} can not be stored: {error.strerror}") from error
        self._state = state
        self.restart.set()
        log.info("configuration accepted", version=update.version, command=command.id)
        return Interim(f"version {update.version} is checked and stored; trying it now")

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
            self._save(updates.came_online(self._state, self._now_us()))
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
                reply(report.command_id, report.kind == "config_applied", report.text)
        await asyncio.Event().wait()

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
        log.error("configuration taken back", version=self._state.running, reason=reason)
        self._save(updates.give_up(self._state, reason, self._now_us()))

    def _save(self, state: UpdateState) -> bool:
        self._state = state
        try:
            self._store.save(state)
        except OSError as error:
            log.error("the state of updates can not be stored", reason=str(error))
            return False
        return True

    def _is_stored(self, sealed: bytes, version: int) -> bool:
        try:
            return self._store.get(version) == sealed
        except OSError:
            return False

    def _load(self, version: int) -> Home:
        update = signed_config.unseal(self._store.get(version), self._keys)
        if update.version != version:
            raise SignatureError(f"the file of version {version} holds version {update.version}")
        return self._adopt(update)

    def _adopt(self, update: HomeUpdate) -> Home:
        """The home of an update, with the settings that only the installed file may make."""
        source = f"version {update.version}"
        home = parse_home(update.home, update.profiles, source)
        base = self._installed.config
        if home.config.gateway != base.gateway:
            raise HomeConfigError(f"{source}: gateway {home.config.gateway!r} is not this one, {base.gateway!r}")
        if home.config.buffer.path != base.buffer.path:
            raise HomeConfigError(
                f"{source}: buffer.path must stay {base.buffer.path}: what waits there would be left behind"
            )
        if home.config.updates not in (None, base.updates):
            raise HomeConfigError(f"{source}: [updates] can not be changed by an update; leave it out")
        return Home(msgspec.structs.replace(home.config, updates=base.updates), home.models)


def choose(file: Path, now_us: Callable[[], int]) -> tuple[Home, Updater | None]:
    """Choose the version to run, from the installed ``file`` and the updates since. None: no updates are possible.

    Raises HomeConfigError where the installed file itself can not be used.
    """
    installed = load_home(file)
    settings = installed.config.updates
    if settings is None:
        return installed, None
    try:
        updater = Updater(installed, settings, now_us)
    except OSError as error:
        log.error("no updates: their folder can not be used; running the installed file", reason=str(error))
        return installed, None
    return updater.begin(), updater
