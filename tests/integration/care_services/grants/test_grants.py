"""Grants: settled at once with the reason, else by a person; decisions stay; a month is settled once."""

import datetime as dt

import psycopg
import pytest

from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.core import rule_book, traits
from care_services.grants import paid
from care_services.grants.desk import Grants
from care_services.grants.kinds import KINDS
from care_services.grants.settling import month_of, next_month
from tests.support.network import account, build_city
from vocabulary.times import SHANGHAI

pytestmark = pytest.mark.integration


def test_an_application_is_settled_at_once_or_by_a_person_and_stays_as_it_was(database_url: str) -> None:
    now = dt.datetime.now(dt.UTC)
    today = now.astimezone(SHANGHAI).date()
    month = month_of(today)
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language) SELECT 'manager',"
            " password_hash, '梁主任', 'Liang', 'manager', area_path, language FROM account WHERE login = 'station'"
        )
        station, manager = account(conn, "station"), account(conn, "manager")
        desk, boss = Grants(conn, station, at=now, origin="test"), Grants(conn, manager, at=now, origin="test")

        waits = desk.apply("old_age_allowance", "R1", "本人", {})
        file = desk.application(waits)
        assert (file.application.state, file.application.missing) == ("waiting", ["local_household"])
        assert [one.step for one in file.steps] == ["apply", "wait"]
        with pytest.raises(ProvisioningError, match="waits already"):
            desk.apply("old_age_allowance", "R1", "本人", {})
        for wrong, error in (
            (("old_age_allowance", "R2", "本人", {}), NotFoundError), (("gold", "R1", "本人", {}), ProvisioningError),
            (("bed_operation", "R1", " ", {}), ProvisioningError),
        ):  # fmt: skip
            with pytest.raises(error):
                desk.apply(*wrong)
        traits.record(conn, station, "R1", "local_household", holds=True, evidence="户口簿", valid_from=today, now=now)
        assert desk.again(waits, file.application.version, {}) == "approved"
        done = desk.application(waits)
        assert (done.application.settled_by, done.application.rule, done.application.rule_version) == (
            "rules",
            "a80",
            0,
        )
        assert (done.application.amount_fen, done.application.per, done.changed) == (20000, "month", ())
        assert [(one.step, one.account_id is None) for one in done.steps][-1] == ("settle", True)

        again = desk.apply("old_age_allowance", "R1", "本人", {})
        assert "已在享受" in desk.application(again).application.reason_zh, "refused at once, with the reason"

        # a person decides what the rules do not
        cost = desk.apply("age_friendly", "R1", "女儿", {"owner_agrees": "true", "cost": "3000"})
        version = desk.application(cost).application.version
        with pytest.raises(NotPermittedError):
            desk.decide(cost, version, approve=True, reason="困难", amount="1000")
        with pytest.raises(ProvisioningError, match="say why"):
            boss.decide(cost, version, approve=True, reason=" ", amount="1000")
        boss.decide(cost, version, approve=True, reason="家庭困难，街道会商", amount="1000.50", per="once")
        with pytest.raises(ChangedMeanwhileError):
            boss.decide(cost, version, approve=False, reason="x")
        with pytest.raises(ChangedMeanwhileError):
            desk.withdraw(cost, version + 1, "x")
        assert desk.application(cost).application.amount_fen == 100050

        # facts and rules that change later change no decision
        traits.record(conn, station, "R1", "local_household", holds=False, evidence="迁出", valid_from=today, now=now)
        rule_book.put(conn, account(conn, "admin"), KINDS["old_age_allowance"].subject, "", valid_from=today, note="",
                      based_on=0, now=now)  # fmt: skip
        later = desk.application(waits)
        assert later.application == done.application
        assert later.changed == (("local_household", True, False),)

        totals = {one.kind: (one.n, one.amount_fen, one.settled) for one in paid.totals(conn, manager, month)}
        assert totals == {"old_age_allowance": (1, 20000, 0), "age_friendly": (1, 100050, 0)}
        with pytest.raises(NotPermittedError):
            paid.settle(conn, station, month, at=now)
        with pytest.raises(ProvisioningError):
            paid.settle(conn, manager, next_month(month), at=now)
        assert paid.settle(conn, manager, month, at=now) == 2
        assert paid.settle(conn, manager, month, at=now) == 0, "once"
        later_on = now + dt.timedelta(days=31)
        assert paid.settle(conn, manager, next_month(month), at=later_on) == 1, "the one that is paid each month"
        text = paid.table(conn, manager, month, at=now)
        assert text.startswith("\ufeff月份,")
        assert f"{month:%Y-%m},R1,陈,地sz.yt.hs.pw.c1,适老化改造补贴,1000.50,人工,{cost}" in text
        assert paid.totals(conn, account(conn, "station-ms"), month) == []

        until = boss.stop(waits, later.application.version, "户籍迁出")
        assert until == next_month(month)
        after = next_month(next_month(month))
        assert [one.kind for one in paid.totals(conn, manager, after)] == []
        assert desk.counts()["old_age_allowance", "refused"] == 1
        assert [one.id for one in desk.listing("approved")] == [cost, waits]
