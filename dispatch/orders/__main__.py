"""``python -m dispatch.orders``: the sweeper of work orders and of the service level, and beside it the observer of
the protection picture; settings from the environment."""

import threading

from care_network.protection import observer
from database.settings import DatabaseSettings
from dispatch.orders.sweeper import run
from observability.liveness import Liveness
from observability.process import serve


def main() -> None:
    """Run until SIGINT or SIGTERM. Raises SystemExit where a part of it ended by a fault."""
    serve("orders", run_parts)


def run_parts(stop: threading.Event, liveness: Liveness) -> None:
    """Run both until ``stop``; the platform's own process runs the rounds of care beside them."""
    database = DatabaseSettings()
    watcher = liveness.start(
        "protection picture", lambda part: observer.run(database, stop, part), pause_s=observer.LOOK_MAY_LAST_S
    )
    run(database, stop, liveness)
    liveness.finish()
    watcher.join(10)


if __name__ == "__main__":
    main()
