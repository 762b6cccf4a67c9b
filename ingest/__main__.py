"""``python -m ingest``: the ingest service, with settings from the environment. ``--retire``: :mod:`ingest.retire`."""

import sys
import threading

from database.settings import DatabaseSettings
from firmware_profiles.settings import BrokerSettings
from ingest.retire import retire
from ingest.service import run
from ingest.settings import IngestSettings
from observability.liveness import Liveness
from observability.process import serve


def main(*, ending: bool = False) -> bool:
    """Run until SIGINT or SIGTERM; with ``ending`` end this worker's broker session (False where that failed).

    Raises SystemExit where a part of it ended by a fault.
    """
    done = True

    def work(stop: threading.Event, liveness: Liveness) -> None:
        nonlocal done
        settings = IngestSettings(), DatabaseSettings(), BrokerSettings().broker()
        if ending:
            done = retire(*settings, stop)
        else:
            run(*settings, stop, liveness)

    serve("ingest", work)
    return done


if __name__ == "__main__":
    sys.exit(0 if main(ending="--retire" in sys.argv[1:]) else 1)
