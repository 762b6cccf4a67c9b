"""``python -m ingest``: the ingest service, settings from the environment."""

import signal
import threading

from database.settings import DatabaseSettings
from firmware_profiles.settings import BrokerSettings
from ingest.service import run
from ingest.settings import IngestSettings


def main() -> None:
    """Run until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run(IngestSettings(), DatabaseSettings(), BrokerSettings().broker(), stop)


if __name__ == "__main__":
    main()
