"""The short form of the upgrade drill: old services on the new schema, then this release, and nothing is lost."""

from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from database.migrate import newest_revision, revision
from shouwang.drills.account import DrillAccount, make_account
from shouwang.drills.load import Homes
from shouwang.drills.old_release import OldRelease, unpack
from shouwang.drills.place import Place
from shouwang.platform.processes import wait_until
from tests.support.release import before_a_release

pytestmark = [pytest.mark.integration, before_a_release]
PATIENCE_S = 100.0


class Asked(Homes):
    """Homes that press when the test asks for it."""

    asked = 0

    def beat(self) -> None:
        for gateway in self.gateways:
            gateway.frame()
        if len(self.presses) < self.asked:
            self.press(self.gateways[len(self.presses)])


class Small(OldRelease):
    """Without the services that tell people, and without a real agent: `shouwang drill upgrade` has them all."""

    def start_services(self, services: Sequence[str] = ("ingest", "alerting")) -> None:
        Place.start_services(self, services)


@pytest.fixture
def place(tmp_path: Path) -> Small:
    try:
        return Small(tmp_path / "upgrade", homes=6, load=Asked)
    except RuntimeError as error:
        pytest.skip(f"the old release cannot be had: {error}")


# paho leaves a socket to the garbage collector when the line is cut in the middle of its TLS handshake
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_old_services_on_the_new_schema_then_this_release(place: Small) -> None:
    with place, psycopg.connect(place.postgres.url, autocommit=True) as conn:
        homes = place.homes
        assert isinstance(homes, Asked)

        def account() -> DrillAccount:
            return make_account(conn, homes.gateways, list(homes.presses), [])

        def press(number: int, what: str) -> None:
            homes.asked = number
            wait_until(lambda: len(homes.presses) == number and account().alerts_lost == 0, PATIENCE_S, what, 0.5)

        press(2, "the old release raises alerts on its own schema")
        assert revision(place.postgres.url) == "0055"
        place.migrate()
        assert revision(place.postgres.url) == newest_revision()
        press(4, "the old release raises alerts on the new schema")
        place.home_line.trouble("cut", 3)
        homes.asked = 5  # waits in a gateway's buffer
        for name in ("ingest", "alerting"):
            place.change(name, old=False)
        press(6, "this release raises alerts, and what waited")
        homes.hush()
        wait_until(lambda: not homes.pending and account().readings.exact, PATIENCE_S, "all is stored", 0.5)
        found = account()
        assert (found.pressed, found.events_lost, found.events_doubled) == (6, 0, 0)
        assert (found.alerts_lost, found.alerts_doubled) == (0, 0)
        assert conn.execute("SELECT count(*) FROM stream_missing").fetchone() == (0,)


def test_without_the_history_the_drill_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"is not in this history|the repository's history is not here"):
        unpack(tmp_path / "old", "0" * 40)
