"""Carry out signed updates of the configuration: verify, check, store, try, and go back where one does not work."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from edge_agent.config import Home, HomeConfigError, UpdatesConfig, load_home, parse_home
from edge_agent.timekeeping.ntp import read_clock
from edge_agent.updates import signed_config
from edge_agent.updates import trial as updates
from edge_agent.updates.check import errors, examine
from edge_agent.updates.keeper import TrialKeeper
from edge_agent.updates.signed_config import HomeUpdate, SignatureError
from edge_agent.updates.store import UpdateStore, folder_of
from edge_agent.updates.trial import UpdateRefusedError
from firmware_profiles import wire

log = structlog.get_logger(__name__)


class Updater(TrialKeeper):
    """The updates of one gateway's configuration."""

    subject, command = "config", "update_config"

    def __init__(self, installed: Home, settings: UpdatesConfig, now_us: Callable[[], int]) -> None:
        """Raises HomeConfigError where a public key is none, OSError where the folder cannot be made or read."""
        super().__init__(settings, UpdateStore(folder_of(installed.config, settings)), now_us)
        self._installed = installed

    def begin(self) -> Home:
        """The version to run now. One that cannot be loaded is taken back, down to the installed file."""
        return self._begin(self._load, self._installed)

    def receive(self, command: wire.Command) -> str:
        """Handle ``update_config``: check exactly as ``--check`` does, store, ask for a restart.

        Raises ValueError (UpdateRefusedError, SignatureError, HomeConfigError) with the reason where it is not taken.
        """
        update = signed_config.unseal(command.body, self._keys)
        answer = self._heard_before(command.id, update.version, command.body)
        if answer is not None:
            return answer
        reason = self.busy()
        if reason:
            raise UpdateRefusedError(f"{reason}; send it again later")
        state = updates.accept(self._state, update, self._installed.config.gateway, command.id)
        home = self._adopt(update)
        now = dt.datetime.fromtimestamp(self._now_us() / 1e6, dt.UTC)
        faults = errors(examine(home, now, read_clock(), None))
        if faults:
            raise UpdateRefusedError(f"version {update.version} fails the check: {'; '.join(faults)}")
        return self._try(state, update.version, command.body)

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
            raise HomeConfigError(f"{source}: [updates] cannot be changed by an update; leave it out")
        commands = home.config.commands or base.commands
        return Home(msgspec.structs.replace(home.config, updates=base.updates, commands=commands), home.models)


def choose(file: Path, now_us: Callable[[], int]) -> tuple[Home, Updater | None]:
    """Choose the version to run, from the installed ``file`` and the updates since. None: no updates are possible.

    Raises HomeConfigError where the installed file itself cannot be used.
    """
    installed = load_home(file)
    settings = installed.config.updates
    if settings is None:
        return installed, None
    try:
        updater = Updater(installed, settings, now_us)
    except OSError as error:
        log.error("no updates: their folder cannot be used; running the installed file", reason=str(error))
        return installed, None
    return updater.begin(), updater
