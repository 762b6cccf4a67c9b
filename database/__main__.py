"""``python -m database``: the maintenance service, settings from the environment."""

import signal
import threading

from database.maintenance import run
from database.settings import DatabaseSettings


def main() -> None:
    """Run until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run(DatabaseSettings(), stop)


if __name__ == "__main__":
    main()
