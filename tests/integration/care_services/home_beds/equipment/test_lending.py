"""Equipment: an item is lent once, whoever asks at the same time; each step stays in its history."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from care_network.errors import ChangedMeanwhileError, ExistsError, NotFoundError, ProvisioningError
from care_services.home_beds.equipment.desk import Equipment
from tests.support.network import account, build_city

pytestmark = pytest.mark.integration


def test_an_item_is_lent_once_returned_repaired_and_scrapped(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        now = dt.datetime.now(dt.UTC)
        kit = Equipment(conn, account(conn, "station"), at=now, origin="test")
        chair = kit.add("wheelchair", "W-1", "center-1", "捐赠")
        for wrong, error in (
            (("wheelchair", "W-1", "center-1"), ExistsError), (("sofa", "1", "center-1"), ProvisioningError),
            (("cane", " ", "center-1"), ProvisioningError), (("cane", "C-1", "center-2"), NotFoundError),
        ):  # fmt: skip
            with pytest.raises(error):
                kit.add(*wrong)
        with pytest.raises(NotFoundError):
            kit.lend(chair, "R2")
        with pytest.raises(NotFoundError):
            Equipment(conn, account(conn, "station-ms"), at=now).lend(chair, "R2")

        def lend(_: int) -> bool:
            with psycopg.connect(database_url, autocommit=True) as own:
                try:
                    Equipment(own, account(own, "station"), at=now).lend(chair, "R1")
                except ChangedMeanwhileError:
                    return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(lend, range(4))) == [False, False, False, True]
        open_loans = conn.execute("SELECT count(*) FROM equipment_loan WHERE returned_at IS NULL").fetchone()
        assert open_loans == (1,)
        with pytest.raises(psycopg.errors.UniqueViolation):  # the database's own word, without the program
            conn.execute(
                "INSERT INTO equipment_loan (item_id, resident_id, lent_at, lent_by, due_on)"
                " SELECT item_id, resident_id, lent_at, lent_by, due_on FROM equipment_loan"
            )
        assert kit.overdue() == []
        later = Equipment(conn, account(conn, "station"), at=now + dt.timedelta(days=200))
        assert [(one.serial, one.resident) for one in later.overdue()] == [("W-1", "R1")]
        assert later.counts()["wheelchair"] == {"late": 1, "lent": 1}
        assert [one.id for one in later.items(state="late")] == [chair]
        kit.extend(chair, now.date() + dt.timedelta(days=300))
        assert later.overdue() == []
        with pytest.raises(ProvisioningError, match="what happened"):
            kit.give_back(chair, "damaged")
        assert kit.give_back(chair, "damaged", "轮胎破") == "repair"
        with pytest.raises(ChangedMeanwhileError):
            kit.lend(chair, "R1")
        kit.repaired(chair)
        kit.lend(chair, "R1")
        assert kit.give_back(chair, "lost", "搬家时遗失") == "scrapped"
        item, steps = kit.item(chair)
        assert [one.step for one in reversed(steps)] == [
            "add", "lend", "extend", "return", "repaired", "lend", "return",
        ]  # fmt: skip
        assert (item.state, steps[0].reason, steps[0].resident) == ("scrapped", "遗失：搬家时遗失", "R1")
