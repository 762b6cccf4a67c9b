"""``python -m edge_agent --config home.toml``: the agent of one home gateway."""

import argparse
import asyncio
import datetime as dt
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from edge_agent.config import Home, HomeConfigError, load_home
from edge_agent.timekeeping.clock import wall_us
from edge_agent.timekeeping.ntp import read_clock
from edge_agent.updates.keeper import TrialKeeper
from edge_agent.updates.program import ProgramUpdater, start_program
from edge_agent.updates.updater import choose
from firmware_profiles import devices
from observability import logs
from observability.liveness import Liveness
from observability.probes import listening
from observability.process import PRIVATE
from observability.settings import LogSettings, ProbeSettings
from observability.structs import understand_structs
from observability.systemd import Notifier

log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM. Returns the exit status: 0, or 2 where the configuration cannot be used.

    A new configuration or program, or the return to the old one, replaces the process by a fresh one with the same id.
    """
    parser = argparse.ArgumentParser(prog="edge_agent", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the home's configuration (TOML)")
    parser.add_argument("--enrol", metavar="CODE", help="get the first certificate for this code, and end")
    parser.add_argument("--at", metavar="URL", default="", help="where: https://enrol.example.org:8443")
    parser.add_argument("--check", action="store_true", help="only check the configuration, thoroughly")
    parser.add_argument("--program", type=int, metavar="VERSION", help=argparse.SUPPRESS)  # a bundle's own start
    parser.add_argument("--failed", metavar="REASON", default="", help=argparse.SUPPRESS)  # a bundle's last word
    options = parser.parse_args(arguments)
    if not options.check:
        os.umask(PRIVATE)
        logs.configure(LogSettings.read())
    try:
        if options.check:
            return _check(options.config)
        if options.enrol:
            from edge_agent.upkeep.enrolment import enrol

            print(enrol(load_home(options.config).config, options.enrol, options.at))
            return 0
        if options.program is None and (fault := start_program(options.config, wall_us, options.failed)):
            raise HomeConfigError(fault)
        home, updater = choose(options.config, wall_us)
        program = _program(home, options.program or 0)
        again = _run(home, [one for one in (updater, program) if one is not None])
    except HomeConfigError as error:
        if options.program is not None:
            _start_again(options.config, "--failed", str(error)[:200])
        print(error, file=sys.stderr)
        return 2
    if again:
        _start_again(options.config)
    return 0


def _start_again(file: Path, *further: str) -> None:
    """Replace the process by the installed program, which chooses what runs."""
    command = [sys.executable, "-m", "edge_agent", "--config", str(file), *further]
    os.execv(sys.executable, command)  # noqa: S606 - the same program, with the same argument


def _program(home: Home, running: int) -> ProgramUpdater | None:
    if home.config.updates is None:
        return None
    try:
        updater = ProgramUpdater(home.config, home.config.updates, wall_us, running)
    except OSError as error:
        log.error("no updates of the program: their folder cannot be used", reason=str(error))
        return None
    updater.check_running()
    return updater


def _run(home: Home, updaters: Sequence[TrialKeeper]) -> bool:
    """Run the agent. True: replace the process by a fresh one."""
    try:
        devices.install(home.models)
        stopped = asyncio.run(_until_stopped(home, updaters))
    except Exception as error:
        log.exception("the agent failed")
        if not any(updater.failed(f"{type(error).__name__}: {error}") for updater in updaters):
            raise
        return True
    return not stopped


async def _until_stopped(home: Home, updaters: Sequence[TrialKeeper]) -> bool:
    """True: a signal stopped it; False: a restart is asked for."""
    from edge_agent.agent import run_agent  # after the choice of the program: one from a bundle brings its own

    understand_structs()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    settings = ProbeSettings.read()
    liveness = Liveness(turn_s=settings.turn_s)
    with listening("edge", liveness, settings):
        await run_agent(home.config, stop, updaters, Notifier.from_environment(), liveness)
    return stop.is_set()


def _check(file: Path) -> int:
    from edge_agent.updates.check import errors, examine, look_up, report

    results = examine(load_home(file), dt.datetime.now(dt.UTC), read_clock(), look_up)
    print(f"{file}\n{report(results)}")
    return 2 if errors(results) else 0


if __name__ == "__main__":
    sys.exit(main())
