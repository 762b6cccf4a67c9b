"""Run the dispatch console: ``python -m console``, settings from the environment."""

import gc
import sys

from console.app import create_app
from console.server import make_server
from console.settings import ConsoleSettings
from database.settings import DatabaseSettings
from firmware_profiles.settings import BrokerSettings

SWITCH_S = 0.001


def main() -> None:
    """Run until SIGINT or SIGTERM."""
    settings = ConsoleSettings()
    app = create_app(settings, DatabaseSettings(), BrokerSettings().broker())
    # Every alert passes here: a full garbage collection over all imported modules takes 150 ms, and a thread keeps the
    # interpreter for 5 ms by default.
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)
    make_server(app, settings).run()


if __name__ == "__main__":
    main()
