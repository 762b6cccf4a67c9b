"""``python -m shouwang.maintenance``: the maintenance service, settings from the environment."""

import threading

from care_services.privacy import job as privacy
from database.city import telling
from database.city.settings import FeedSettings
from database.maintenance import run
from database.settings import DatabaseSettings
from figures.counting import job
from observability.liveness import Liveness
from observability.process import serve


def main() -> None:
    """Run until SIGINT or SIGTERM. Raises SystemExit where a part of it ended by a fault."""
    serve("maintain", _run)


def _run(stop: threading.Event, liveness: Liveness) -> None:
    database, feed = DatabaseSettings(), FeedSettings()
    others = [
        liveness.start("figures", lambda part: job.run(database, stop, part), job.STEP_S),
        liveness.start("privacy", lambda part: privacy.run(database, stop, part), privacy.STEP_S),
    ]
    if feed.url is not None:
        others.append(
            liveness.start("feed for the city", lambda part: telling.run(database, feed, stop, part), telling.TURN_S)
        )
    run(database, stop, liveness)
    for other in others:
        other.join()


if __name__ == "__main__":
    main()
