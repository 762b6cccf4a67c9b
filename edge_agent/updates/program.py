"""Carry out signed updates of the gateway's own program: collect the parts, verify, store, try, go back.

The installed program (version 0) starts first, always: it counts the start, verifies the bundle of the version to run,
unpacks it anew and gives the process to it. So a power cut or a dying card at any moment ends in a program that starts:
what is unpacked is never trusted, and the state and the bundles are replaced as whole files.
"""

import hashlib
import importlib.metadata
import io
import os
import shutil
import signal
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import structlog

from edge_agent.config import HomeConfig, HomeConfigError, UpdatesConfig, load_home
from edge_agent.files import write_durably
from edge_agent.updates import trial as updates
from edge_agent.updates.keeper import TrialKeeper
from edge_agent.updates.signed_config import SignatureError
from edge_agent.updates.signed_program import MAX_PARTS, PART_BYTES, unseal_program
from edge_agent.updates.store import STATE, UpdateStore
from edge_agent.updates.trial import UpdateRefusedError, UpdateState
from edge_agent.uplink import Interim
from firmware_profiles import wire

log = structlog.get_logger(__name__)

LATER = "later: "
"""The answer of a gateway that takes no program now begins with it."""
NO_WORD_S = 60
"""A program on trial that has not said so long after its time whether it stays is ended by the kernel."""
INSTALLED = "installed"
"""File with the release that was installed when the bundles came: another one, put there by hand, goes before them."""


class ProgramUpdater(TrialKeeper):
    """The updates of one gateway's program. ``running``: the version of this process; 0: the installed program."""

    subject, command = "program", "update_program"

    def __init__(
        self, config: HomeConfig, settings: UpdatesConfig, now_us: Callable[[], int], running: int = 0
    ) -> None:
        """Raises HomeConfigError where a public key is none, OSError where the folder cannot be made or read."""
        self._folder = folder_of(config)
        super().__init__(settings, UpdateStore(self._folder), now_us)
        self._running = running
        self._parts: dict[int, bytes] = {}
        self._parts_of = ""

    def begin(self) -> Path | None:
        """The folder of the program to give the process to, made anew from its bundle; None: the installed program.

        For the installed program alone. A program on trial is given its time by the kernel's alarm clock, which goes on
        over the change of the program: one that never comes to decide is ended, and its start was counted.
        """
        self._prefer_installed()
        folder = self._begin(self._unpack, None)
        if folder is not None and self._state.trial is not None:
            signal.alarm(round(self._settings.online_within_s) + NO_WORD_S)
        return folder

    def check_running(self) -> None:
        """Take back a version on trial where another program than that one runs: it shall not be kept unseen."""
        trial = self._state.trial
        if trial is not None and trial.version != self._running:
            self._give_up(f"program {self._running} runs in its place")

    def receive(self, command: wire.Command) -> str:
        """Handle ``update_program`` (args: sha256 of the bundle, part, parts; body: the part); the last one decides.

        Raises ValueError (UpdateRefusedError, SignatureError) with the reason where it is not taken.
        """
        trial = self._state.trial
        if trial is not None and trial.command_id == command.id:
            return Interim(f"version {trial.version} is on trial already")
        for told in (self._state.report, self._state.last):
            if told is not None and told.command_id == command.id:
                if told is self._state.report:
                    return Interim(f"version {told.version} was tried; the result follows")
                if not told.applied:
                    raise UpdateRefusedError(told.text)
                return told.text
        reason = self.busy()
        if reason:
            raise UpdateRefusedError(LATER + reason)
        bundle = self._collect(command)
        if bundle is None:
            return f"part {command.args['part']} of {command.args['parts']} is here"
        update, archive = unseal_program(bundle, self._keys)
        answer = self._heard_before(command.id, update.version, bundle)
        if answer is not None:
            return answer
        state = updates.accept_version(self._state, update.version, command.id)
        if not zipfile.is_zipfile(io.BytesIO(archive)):
            raise UpdateRefusedError("the archive is no ZIP file")
        return self._try(state, update.version, bundle)

    def _collect(self, command: wire.Command) -> bytes | None:
        """The whole bundle with its last part; None: parts are missing."""
        sha256, part, parts = (command.args.get(name) for name in ("sha256", "part", "parts"))
        if not isinstance(sha256, str) or not isinstance(part, int) or not isinstance(parts, int):
            raise UpdateRefusedError("args are sha256, part and parts: send it with 'shouwang gateways update'")
        if not 1 <= part <= parts <= MAX_PARTS or len(command.body) > PART_BYTES:
            raise UpdateRefusedError(f"part {part} of {parts}, {len(command.body)} bytes: no program is so long")
        if sha256 != self._parts_of:
            self._parts, self._parts_of = {}, sha256
        self._parts[part] = command.body
        if len(self._parts) < parts:
            if part == parts:
                raise UpdateRefusedError(f"only {len(self._parts)} of {parts} parts are here: send all of them again")
            return None
        bundle = b"".join(self._parts[number] for number in sorted(self._parts))  # kept: the last part may come again
        if hashlib.sha256(bundle).hexdigest() != sha256:
            self._parts = {}
            raise UpdateRefusedError("the parts do not make the bundle: send all of them again")
        return bundle

    def _kept(self) -> None:
        signal.alarm(0)

    def _prefer_installed(self) -> None:
        file, release = self._folder / INSTALLED, importlib.metadata.version("shouwang")
        known = file.read_text("utf-8") if file.exists() else ""
        if known == release:
            return
        if known and self._state.running:
            log.warning("another program was installed; it goes before the bundles", was=known, release=release)
            self._save(UpdateState(highest=self._state.highest))
        write_durably(file, release.encode())

    def _unpack(self, version: int) -> Path:
        update, archive = unseal_program(self._store.get(version), self._keys)
        if update.version != version:
            raise SignatureError(f"the file of version {version} holds version {update.version}")
        for old in self._folder.glob("running-*"):
            shutil.rmtree(old)
        folder = self._folder / f"running-{version}"
        try:
            with zipfile.ZipFile(io.BytesIO(archive)) as packed:
                packed.extractall(folder)
        except zipfile.BadZipFile as error:
            raise SignatureError(f"version {version}: {error}") from error
        return folder


def folder_of(config: HomeConfig) -> Path:
    """The folder of the program's bundles."""
    return config.buffer.path.absolute().parent / "program"


def start_program(file: Path, now_us: Callable[[], int], failed: str = "") -> str:
    """Give this process to the program that is to run, where that is not the installed one (it returns then, with "").

    ``failed``: why the program that ran could not go on; a version on trial is taken back for it. Returned where none
    was on trial: the fault is another's.
    """
    signal.alarm(0)
    try:
        if not failed and not _ever_updated(file):
            return ""
        config = load_home(file).config
        if config.updates is None:
            return failed
        updater = ProgramUpdater(config, config.updates, now_us)
        if failed and not updater.failed(failed):
            return failed
        folder = updater.begin()
        version = updater.state.running
    except (HomeConfigError, OSError) as error:
        log.error("the installed program runs: the bundles cannot be used", reason=str(error))
        return failed
    if folder is not None:
        command = [sys.executable, str(folder), "--config", str(file), "--program", str(version)]
        os.execv(sys.executable, command)  # noqa: S606 - verified a moment ago
    return ""


def _ever_updated(file: Path) -> bool:
    """Whether there is a state of bundles, found without loading the whole configuration: most gateways have none."""
    try:
        outbox = tomllib.loads(file.read_text("utf-8"))["buffer"]["path"]
        return (Path(outbox).absolute().parent / "program" / STATE).exists()
    except (OSError, ValueError, KeyError, TypeError):
        return False  # the agent says what is wrong
