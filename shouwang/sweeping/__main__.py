"""``python -m shouwang.sweeping``: the sweeper of work orders, the observer of protection, and the rounds of care;
settings from the environment."""

import threading

from care_services.rounds import running
from care_services.rounds.jobs import jobs_of
from database.settings import DatabaseSettings
from dispatch.orders.__main__ import run_parts
from observability.liveness import Liveness
from observability.process import serve
from shouwang.sweeping.alerts import Alerts

TURN_MAY_LAST_S = 120.0
"""Of the rounds: making the orders of a new fortnight for a whole district takes longest."""


def main() -> None:
    """Run until SIGINT or SIGTERM. Raises SystemExit where a part of it ended by a fault."""
    serve("orders", _run)


def _run(stop: threading.Event, liveness: Liveness) -> None:
    database = DatabaseSettings()
    rounds = liveness.start(
        "rounds of care",
        lambda part: running.run(database, stop, part, Alerts(), jobs_of("orders")),
        pause_s=TURN_MAY_LAST_S,
    )
    run_parts(stop, liveness)
    rounds.join(10)


if __name__ == "__main__":
    main()
