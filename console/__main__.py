"""Run the dispatch console: ``python -m console``, settings from the environment."""

import gc
import sys
import threading

from console.app import create_app
from console.server import make_server
from console.settings import ConsoleSettings
from database.settings import DatabaseSettings
from firmware_profiles.settings import BrokerSettings
from observability.liveness import Liveness
from observability.process import serve

SWITCH_S = 0.001


def main() -> None:
    """Run until SIGINT or SIGTERM. Raises SystemExit where a part of it ended by a fault."""
    serve("console", _work)


def _work(stop: threading.Event, liveness: Liveness) -> None:
    settings, database = ConsoleSettings(), DatabaseSettings()
    missing = settings.missing_logins(database.url)
    if missing:
        sys.exit(
            f"{', '.join(missing)} not set: the role of SHOUWANG_DATABASE_URL reads no password."
            " Run 'shouwang setup', its database.sql and 'shouwang migrate' (docs/upgrade.md),"
            " or 'shouwang database roles --secrets DIR --apply'"
        )
    app = create_app(settings, database, BrokerSettings().broker(), liveness=liveness)
    # Every alert passes here: a full garbage collection over all imported modules takes 150 ms, and a thread keeps the
    # interpreter for 5 ms by default.
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)
    server = make_server(app, settings)

    def end() -> None:
        stop.wait()
        server.should_exit = True

    threading.Thread(target=end, name="end", daemon=True).start()
    server.run()
    if not server.started:
        sys.exit(3)


if __name__ == "__main__":
    main()
