"""``python -m alerting``: the alerting service, settings from the environment."""

import signal
import threading

from alerting.service import run
from alerting.settings import AlertingSettings
from database.settings import DatabaseSettings
from firmware_profiles.settings import BrokerSettings


def main() -> None:
    """Run until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run(AlertingSettings(), DatabaseSettings(), BrokerSettings().broker(), stop)


if __name__ == "__main__":
    main()
