"""``python -m shouwang.reporting``: packages made and sent at their times, registers fetched; settings from the
environment.

It alone opens identity numbers and signs packages without a person, so it runs apart from the rounds of care, as a user
and a role of its own.
"""

import threading

from care_services.rounds import running
from care_services.rounds.jobs import jobs_of
from care_services.rounds.outside import Nobody
from database.settings import DatabaseSettings
from observability.liveness import Liveness
from observability.process import serve

TURN_MAY_LAST_S = 300.0
"""A package about everybody of a district, or a register of its own size, takes minutes where the machine is busy."""


def main() -> None:
    """Run until SIGINT or SIGTERM. Raises SystemExit where a part of it ended by a fault."""
    serve("reports", _run)


def _run(stop: threading.Event, liveness: Liveness) -> None:
    database, jobs = DatabaseSettings(), jobs_of("reports")
    working = liveness.start(
        "exchange with other levels",
        lambda part: running.run(database, stop, part, Nobody(), jobs),
        pause_s=TURN_MAY_LAST_S,
    )
    stop.wait()
    liveness.finish()
    working.join(10)


if __name__ == "__main__":
    main()
