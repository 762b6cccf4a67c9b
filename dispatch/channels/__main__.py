"""``python -m dispatch.channels``: the delivery service, settings from the environment."""

import sys

from database.settings import DatabaseSettings
from dispatch.channels.adapters.base import ConfigError
from dispatch.channels.service import run
from dispatch.channels.settings import NotifySettings
from observability.process import serve


def main() -> None:
    """Run until SIGINT or SIGTERM. Raises SystemExit where a part of it ended by a fault, or the channels are wrong."""
    try:
        serve("notify", lambda stop, liveness: run(NotifySettings(), DatabaseSettings(), stop, liveness))
    except ConfigError as error:
        sys.exit(f"notify: {error}")


if __name__ == "__main__":
    main()
