"""Run the exchange: ``python -m exchange``, settings from the environment."""

import sys
import threading

from database.settings import DatabaseSettings
from exchange.app import create_app
from exchange.server import make_server
from exchange.settings import ExchangeSettings
from firmware_profiles.settings import BrokerSettings
from observability.liveness import Liveness
from observability.process import serve


def main() -> None:
    """Run until SIGINT or SIGTERM. Raises SystemExit where a part of it ended by a fault."""
    serve("exchange", _work)


def _work(stop: threading.Event, liveness: Liveness) -> None:
    settings = ExchangeSettings()
    server = make_server(
        create_app(settings, DatabaseSettings(), BrokerSettings().broker(), liveness=liveness), settings
    )

    def end() -> None:
        stop.wait()
        server.should_exit = True

    threading.Thread(target=end, name="end", daemon=True).start()
    server.run()
    if not server.started:
        sys.exit(3)


if __name__ == "__main__":
    main()
