"""``python -m dispatch.channels``: the delivery service, settings from the environment."""

import signal
import sys
import threading

from database.settings import DatabaseSettings
from dispatch.channels.adapters.base import ConfigError
from dispatch.channels.service import run
from dispatch.channels.settings import NotifySettings


def main() -> None:
    """Run until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        run(NotifySettings(), DatabaseSettings(), stop)
    except ConfigError as error:
        sys.exit(f"notify: {error}")


if __name__ == "__main__":
    main()
