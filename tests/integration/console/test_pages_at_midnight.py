"""What the pages at home say of "today" follows the clock they are given: half a minute before midnight, and after."""

import datetime as dt
from pathlib import Path

import psycopg
import pytest
from fastapi import Request

from care_network.records import residents, vitals
from console.pages.home.panel import state_of
from dispatch.core.history import Actor
from dispatch.core.links import create_link_key_file, load_link_keys
from dispatch.family import days, facts, panels
from dispatch.family.sentence import sentence
from dispatch.orders import store
from dispatch.orders.store import NewOrder
from tests.support.families import furnish, speak
from tests.support.network import account
from tests.support.orders import raise_alert, staff_city
from vocabulary.times import SHANGHAI

pytestmark = pytest.mark.integration
HALF_MINUTE, MINUTE, HOUR = dt.timedelta(seconds=30), dt.timedelta(minutes=1), dt.timedelta(hours=1)
NOBODY = Request({"type": "http", "headers": []})


@pytest.mark.parametrize("days_ago", [0, 1])
def test_today_ends_at_midnight_in_shanghai(database_url: str, tmp_path: Path, days_ago: int) -> None:
    local = dt.datetime.now(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    midnight = (local - dt.timedelta(days=days_ago)).astimezone(dt.UTC)
    late, early = midnight - HALF_MINUTE, midnight + HALF_MINUTE
    create_link_key_file(tmp_path / "link.keys")
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        furnish(conn)
        speak(conn, midnight - 20 * MINUTE)
        person = residents.profile(conn, "R1")
        assert person is not None
        resident, household = person["id"], person["household_id"]
        series = vitals.series_of(conn, resident)
        newest = [{"channel": "heart_rate", "value": 68.0, "time": midnight - 20 * MINUTE}]
        before, _ = days.load(conn, resident, household, series, newest, late)
        after, _ = days.load(conn, resident, household, series, newest, early)
        assert days.words(before)[0] == ["23:40 开始有活动", "23:40 心率 68 次/分"]
        assert days.words(after) == ([], []), "of the new day nothing is known yet"
        # who comes "today"
        for due, service in ((midnight - HOUR, "meal"), (midnight + 9 * HOUR, "bathing")):
            new = NewOrder(
                alert_id=None, service=service, urgency="planned", household_id=household, resident_id=resident,
                due_at=due, reason_zh="上门", reason_en="visit",
            )  # fmt: skip
            store.insert(conn, new, Actor(None, "test"), late)
        keys = load_link_keys(tmp_path / "link.keys")
        path = panels.make(conn, keys, account(conn, "admin"), "gw-1", late, "test")
        panel = panels.read(keys, path.removeprefix("/home/"), late)
        assert [visit[:5] for visit in state_of(conn, NOBODY, panel, late)["visits"]] == ["23:00"]
        assert [visit[:5] for visit in state_of(conn, NOBODY, panel, early)["visits"]] == ["09:00"]
        # an alert of two minutes before midnight is one of today, and then of yesterday
        raise_alert(conn, midnight - 2 * MINUTE)
        assert sentence(facts.load(conn, resident, household, late).facts).zh.startswith("23:58 跌倒")
        assert sentence(facts.load(conn, resident, household, early).facts).zh.startswith("昨天 23:58 跌倒")
