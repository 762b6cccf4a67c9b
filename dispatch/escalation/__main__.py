"""``python -m dispatch.escalation``: the dispatch service, settings from the environment."""

import signal
import threading

from database.settings import DatabaseSettings
from dispatch.escalation.service import run
from dispatch.escalation.settings import DispatchSettings


def main() -> None:
    """Run until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run(DispatchSettings(), DatabaseSettings(), stop)


if __name__ == "__main__":
    main()
