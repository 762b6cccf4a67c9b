"""``python -m alerting.escalation``: the dispatch service, settings from the environment."""

import signal
import threading

from alerting.escalation.service import run
from alerting.escalation.settings import DispatchSettings
from database.settings import DatabaseSettings


def main() -> None:
    """Run until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run(DispatchSettings(), DatabaseSettings(), stop)


if __name__ == "__main__":
    main()
