"""A database that goes back in time, and one that is taken over by its standby."""

import shutil
import time
from pathlib import Path

from database.server.embedded import EmbeddedPostgres
from shouwang.drills.place import Place

DATABASE_SERVICES = ("ingest", "alerting", "alerting-b", "dispatch", "dispatch-b", "notify", "notify-b", "orders",
                     "reports", "maintain", "console")  # fmt: skip
PROMOTED_AFTER_S = 3.0


def from_a_backup(place: Place, seconds: float) -> None:
    """Back the database up, go on, lose it, and restore the backup: the rows of ``seconds`` are gone."""
    folder = place.data / "backup"
    backup = EmbeddedPostgres(folder)
    backup.copy_of(place.postgres)
    time.sleep(seconds)
    with place.stop_for(DATABASE_SERVICES):
        place.postgres.stop()
        _exchange(place.postgres.cluster, backup.cluster)
        place.postgres.start()


def fail_over(place: Place, _seconds: float) -> None:
    """Kill the primary for good; the standby, which confirmed every commit, is promoted some seconds later."""
    if place.standby is None:
        raise RuntimeError("this drill needs a place with a standby")
    place.postgres.kill()
    time.sleep(PROMOTED_AFTER_S)
    place.standby.promote()
    place.postgres = place.standby.server


def _exchange(cluster: Path, restored: Path) -> None:
    shutil.rmtree(cluster)
    shutil.move(restored, cluster)
