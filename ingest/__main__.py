"""``python -m ingest``: the ingest service, with settings from the environment. ``--retire``: :mod:`ingest.retire`."""

import signal
import sys
import threading

from database.settings import DatabaseSettings
from firmware_profiles.settings import BrokerSettings
from ingest.retire import retire
from ingest.service import run
from ingest.settings import IngestSettings


def main(*, ending: bool = False) -> bool:
    """Run until SIGINT or SIGTERM; with ``ending`` end this worker's broker session (False where that failed)."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    settings = IngestSettings(), DatabaseSettings(), BrokerSettings().broker()
    if ending:
        return retire(*settings, stop)
    run(*settings, stop)
    return True


if __name__ == "__main__":
    sys.exit(0 if main(ending="--retire" in sys.argv[1:]) else 1)
