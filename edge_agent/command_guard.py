"""Admit commands that the district signed for this gateway, each once; where no key is known, as they come.

Freshness needs no right clock here: a command must not be older than others of the same service that were admitted. An
answer to an emergency (``alert_received``) names its event and ends that one alone, so that it has no age.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.config import CommandsConfig, HomeConfigError
from edge_agent.files import write_durably
from edge_agent.updates.signed_config import read_public_key
from firmware_profiles import wire
from firmware_profiles.signed_command import COMMANDERS, Commander, commander_of, verifies
from vocabulary.times import DAY_US, HOUR_US

log = structlog.get_logger(__name__)

SKEW_US = 600_000_000
"""How much older than the newest one a command may be: a service runs on several machines."""
AHEAD_US = DAY_US
"""A time that lies so far ahead of our clock makes no other command old: one of the two clocks is wrong, and a service
whose clock was set right again must be heard."""
AGELESS = frozenset({"alert_received"})
"""Kinds that name the one event they are about."""
REPORT_US = HOUR_US
"""Refusals within this time are one report."""

Report = Callable[[str], None]
"""Tells the district of a refusal: the reason."""


class CommandRefusedError(ValueError):
    """Raised where a command is not admitted; the text says why."""


class RepeatedCommandError(CommandRefusedError):
    """Raised for the very message that was admitted before: brokers deliver one twice."""


class Freshness:
    """The newest admitted times of each service. ``newest``: as they were kept over a restart."""

    def __init__(self, newest: Mapping[str, int] | None = None) -> None:
        self._floor = dict(newest or {})  # before the restart: what was admitted since is not remembered one by one
        self.newest = dict(self._floor)
        self._recent: dict[bytes, tuple[str, int]] = {}  # by signature: commander and time

    def admit(self, commander: str, signature: bytes, time_us: int, now_us: int) -> None:
        """Take a command in. Raises CommandRefusedError where it is old, or was taken in before."""
        if signature in self._recent:
            raise RepeatedCommandError("delivered twice")
        newest = self.newest.get(commander, 0)
        if time_us <= self._floor.get(commander, -1) or time_us < newest - SKEW_US:
            raise CommandRefusedError("older than a command that was carried out: sent once more by somebody")
        if time_us <= now_us + AHEAD_US:
            newest = self.newest[commander] = max(newest, time_us)
        self._recent[signature] = commander, time_us
        for old in [one for one, (of, at) in self._recent.items() if at < self.newest.get(of, 0) - SKEW_US]:
            del self._recent[old]


class CommandGuard:
    """The commands of one gateway. Used from one thread; ``now_us``: the gateway's clock, µs since 1970."""

    def __init__(
        self, config: CommandsConfig, gateway: str, memory: Path, now_us: Callable[[], int], report: Report
    ) -> None:
        """Raises HomeConfigError where a public key is none."""
        self._gateway, self._memory, self._now_us, self._report = gateway, memory, now_us, report
        self._keys: dict[Commander, Sequence[Ed25519PublicKey]] = {}
        for commander in COMMANDERS:
            try:
                keys = [read_public_key(text) for text in getattr(config, commander)]
            except ValueError as error:
                raise HomeConfigError(f"commands.{commander}: {error}") from error
            if keys:
                self._keys[commander] = keys
        self._fresh = Freshness(self._recall())
        self._reported_us: int | None = None
        self.refused = 0
        """Commands refused since the start."""

    @property
    def services(self) -> int:
        """Number of services whose commands have to be signed."""
        return len(self._keys)

    def admit(self, command: wire.Command) -> None:
        """Let a command pass. Raises CommandRefusedError where it is not the district's, or old."""
        commander = commander_of(command.kind)
        keys = None if commander is None else self._keys.get(commander)
        if commander is None or keys is None:
            return
        try:
            if not verifies(self._gateway, command, keys):
                state = "unsigned" if not command.signature else "not signed for this gateway by a key that it knows"
                raise CommandRefusedError(f"{command.kind} refused: {state}")
            if command.kind not in AGELESS:
                self._take_in(commander, command)
        except RepeatedCommandError:
            raise
        except CommandRefusedError as error:
            self._refuse(str(error))
            raise

    def _take_in(self, commander: Commander, command: wire.Command) -> None:
        before = dict(self._fresh.newest)
        self._fresh.admit(commander, command.signature, command.time_us, self._now_us())
        if self._fresh.newest != before:
            try:
                write_durably(self._memory, msgspec.json.encode(self._fresh.newest))
            except OSError as error:  # a full disk must make no gateway deaf
                log.error("the time of the last command cannot be stored", reason=str(error))

    def _refuse(self, reason: str) -> None:
        self.refused += 1
        now_us = self._now_us()
        log.warning("command refused", gateway=self._gateway, reason=reason)
        if self._reported_us is None or abs(now_us - self._reported_us) >= REPORT_US:
            self._reported_us = now_us
            self._report(reason)

    def _recall(self) -> dict[str, int]:
        try:
            return msgspec.json.decode(self._memory.read_bytes(), type=dict[str, int])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.error("the time of the last command cannot be read", reason=str(error))
            return {}
