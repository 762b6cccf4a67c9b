"""Decide which version a gateway runs: accept a signed one, try it, keep it or go back. No clock, no disk.

The same for the configuration and for the program, each with a state of its own. Version 0 is what the installer put
there; it is always there. A new version is on trial until the agent has come online
with it. The number of starts on trial is counted *before* each start, so that a version that crashes the process, or a
power cut at any moment, ends in the old version after :data:`MAX_STARTS` starts at the latest.
"""

from typing import Literal

import msgspec

from edge_agent.updates.signed_config import HomeUpdate

MAX_STARTS = 3
"""Starts that a version on trial gets; a single power cut in the middle of a trial is not its fault."""

Subject = Literal["config", "program"]
ReportKind = Literal["config_applied", "config_rolled_back", "program_applied", "program_rolled_back"]
APPLIED: dict[Subject, ReportKind] = {"config": "config_applied", "program": "program_applied"}
ROLLED_BACK: dict[Subject, ReportKind] = {"config": "config_rolled_back", "program": "program_rolled_back"}


class UpdateRefusedError(ValueError):
    """The update is refused; the text says why. The running version goes on."""


class Trial(msgspec.Struct, frozen=True):
    """A version on trial."""

    version: int
    command_id: str
    """Id of the command that brought it: the final reply names it again."""
    starts: int = 0


class Report(msgspec.Struct, frozen=True):
    """The end of a trial, to be reported to the district."""

    kind: ReportKind
    version: int
    """The version that was tried."""
    running: int
    """The version that is in force since."""
    command_id: str
    time_us: int
    reason: str = ""

    @property
    def applied(self) -> bool:
        """Whether the version was kept."""
        return self.kind in APPLIED.values()

    @property
    def text(self) -> str:
        """The text of the final reply."""
        result = f"version {self.version} is in force" if self.applied else f"taken back: {self.reason}"
        return f"{result}; running version {self.running}"


class UpdateState(msgspec.Struct, frozen=True):
    """State of the updates, which must survive a power cut. Version 0 is what is installed. Programs of different
    releases read it: fields are only added, with defaults."""

    active: int = 0
    previous: int = 0
    """The version before ``active``."""
    highest: int = 0
    """The highest version ever accepted, kept or not: it and everything below it is refused from now on."""
    trial: Trial | None = None
    report: Report | None = None
    last: Report | None = None
    """The newest report that was sent: its command may come again, if the broker missed the acknowledgement."""

    @property
    def running(self) -> int:
        """The version to run."""
        return self.active if self.trial is None else self.trial.version

    def needed(self) -> frozenset[int]:
        """The versions whose files must be kept."""
        return frozenset({self.active, self.previous, self.running} - {0})


def accept(state: UpdateState, update: HomeUpdate, gateway: str, command_id: str) -> UpdateState:
    """Put a configuration, whose signature was verified, on trial at the next start.

    Raises UpdateRefusedError where it is for another gateway, was seen before, or another one is on trial.
    """
    if update.gateway != gateway:
        raise UpdateRefusedError(f"signed for {update.gateway!r}; this gateway is {gateway!r}")
    return accept_version(state, update.version, command_id)


def accept_version(state: UpdateState, version: int, command_id: str) -> UpdateState:
    """Put a version on trial at the next start. Raises UpdateRefusedError as :func:`accept`."""
    if state.trial is not None:
        raise UpdateRefusedError(f"version {state.trial.version} is on trial; wait for its end, then send this again")
    if version <= state.highest:
        raise UpdateRefusedError(
            f"version {version} is not above {state.highest}, the highest this gateway has seen;"
            " sign it with a higher version"
        )
    return msgspec.structs.replace(state, highest=version, trial=Trial(version, command_id))


def begin(state: UpdateState, now_us: int, subject: Subject = "config") -> UpdateState:
    """Count the start of the process; store the state before anything of the version is used."""
    if state.trial is None:
        return state
    if state.trial.starts >= MAX_STARTS:
        return give_up(state, f"it did not come online in {MAX_STARTS} starts", now_us, subject)
    return msgspec.structs.replace(state, trial=msgspec.structs.replace(state.trial, starts=state.trial.starts + 1))


def came_online(state: UpdateState, now_us: int, subject: Subject = "config") -> UpdateState:
    """Keep the version on trial: the agent is connected with it."""
    trial = state.trial
    if trial is None:
        return state
    report = Report(APPLIED[subject], trial.version, trial.version, trial.command_id, now_us)
    return msgspec.structs.replace(state, active=trial.version, previous=state.active, trial=None, report=report)


def give_up(state: UpdateState, reason: str, now_us: int, subject: Subject = "config") -> UpdateState:
    """Go back to the version before: the running one cannot be used. The installed one (0) stays as it is."""
    trial = state.trial
    if trial is not None:
        report = Report(ROLLED_BACK[subject], trial.version, state.active, trial.command_id, now_us, reason)
        return msgspec.structs.replace(state, trial=None, report=report)
    if state.active == 0:
        return state
    report = Report(ROLLED_BACK[subject], state.active, state.previous, "", now_us, reason)
    return msgspec.structs.replace(state, active=state.previous, previous=0, report=report)


def report_stored(state: UpdateState) -> UpdateState:
    """Note that the report is in the outbox."""
    return msgspec.structs.replace(state, report=None, last=state.report)
