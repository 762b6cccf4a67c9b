"""``python -m dispatch.orders``: the sweeper of work orders and of the service level, settings from the environment."""

import signal
import threading

from database.settings import DatabaseSettings
from dispatch.orders.sweeper import run


def main() -> None:
    """Run until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run(DatabaseSettings(), stop)


if __name__ == "__main__":
    main()
