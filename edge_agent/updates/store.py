"""Store the versions of a gateway's configuration, or of its program, on its disk: one signed file each, and the state.

A version is stored as it was signed and verified again when it is loaded: a file that a dying card has changed, or
that somebody has edited, does not pass.
"""

import re
from pathlib import Path

import msgspec
import structlog

from edge_agent.config import HomeConfig, UpdatesConfig
from edge_agent.files import sync_folder, write_durably
from edge_agent.updates.trial import UpdateState

log = structlog.get_logger(__name__)

STATE = "state.json"
_VERSION = re.compile(r"^([0-9]{1,16})\.signed\Z")


def folder_of(config: HomeConfig, settings: UpdatesConfig) -> Path:
    """The folder of this home's versions."""
    return settings.folder or config.buffer.path.absolute().parent / "config"


def read_state(folder: Path) -> UpdateState | None:
    """The state as it is, for other programs; None where none can be read."""
    try:
        return msgspec.json.decode((folder / STATE).read_bytes(), type=UpdateState)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


class UpdateStore:
    """Files in ``folder``, which is made where it is missing. Raises OSError where the disk refuses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def load(self) -> UpdateState:
        """The stored state. One that cannot be read is put aside: what is installed runs, and no version that was
        ever stored here is taken again."""
        file = self._folder / STATE
        try:
            return msgspec.json.decode(file.read_bytes(), type=UpdateState)
        except FileNotFoundError:
            pass  # the first start, or somebody removed it
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            aside = file.with_name("state.damaged")
            file.replace(aside)
            log.error("state of updates damaged, put aside", file=str(aside), error=str(error))
        state = UpdateState(highest=max(self._versions(), default=0))
        self.save(state)
        return state

    def save(self, state: UpdateState) -> None:
        """Store the state so that it survives a power cut, and remove versions that it does not need any more."""
        write_durably(self._folder / STATE, msgspec.json.encode(state))
        unneeded = self._versions() - state.needed() - {state.highest}  # load derives ``highest`` from it
        for version in unneeded:
            self._file(version).unlink(missing_ok=True)
        if unneeded:
            sync_folder(self._folder)

    def put(self, version: int, sealed: bytes) -> None:
        """Store a version beside the others; nothing refers to it before :meth:`save`."""
        write_durably(self._file(version), sealed)

    def get(self, version: int) -> bytes:
        """The version as it was signed. Raises OSError where it cannot be read."""
        return self._file(version).read_bytes()

    def _file(self, version: int) -> Path:
        return self._folder / f"{version}.signed"

    def _versions(self) -> set[int]:
        matches = (_VERSION.match(file.name) for file in self._folder.iterdir())
        return {int(match[1]) for match in matches if match}
