"""Rules have versions, traits have evidence, and both keep what was."""

import datetime as dt

import psycopg
import pytest

from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.core import rule_book, traits
from care_services.core.facts import COMMON, facts_of
from care_services.core.rules import Outcome, Subject
from tests.support.network import account, build_city
from vocabulary.times import SHANGHAI

pytestmark = pytest.mark.integration
RULE = '[[rule]]\ncode = "a"\nzh = "甲"\nen = "a"\nthen = {{ percent = {percent} }}\n'
SUBJECT = Subject(
    code="test", zh="试", en="test", facts=COMMON, outcomes={"percent": Outcome(zh="比例", en="share", kind=int)},
    default=RULE.format(percent=1),
)  # fmt: skip


def test_rules_by_day_and_version_and_traits_with_evidence(database_url: str) -> None:
    now = dt.datetime.now(dt.UTC)
    today = now.astimezone(SHANGHAI).date()
    morrow = today + dt.timedelta(days=1)
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        admin, carer = account(conn, "admin"), account(conn, "carer")

        def percent(on: dt.date) -> object:
            rule = rule_book.current(conn, SUBJECT, on).decide({}).rule
            return rule and rule.then["percent"]

        assert percent(today) == 1
        put = {"valid_from": morrow, "note": "", "now": now}
        assert rule_book.put(conn, admin, SUBJECT, RULE.format(percent=2), based_on=0, **put) == 1  # type: ignore[arg-type]
        assert (percent(today), percent(morrow)) == (1, 2)
        with pytest.raises(ChangedMeanwhileError):
            rule_book.put(conn, admin, SUBJECT, RULE.format(percent=3), based_on=0, **put)  # type: ignore[arg-type]
        with pytest.raises(NotPermittedError):
            rule_book.put(conn, carer, SUBJECT, RULE.format(percent=3), based_on=1, **put)  # type: ignore[arg-type]
        with pytest.raises(ProvisioningError, match="backwards"):
            rule_book.put(conn, admin, SUBJECT, SUBJECT.default, based_on=1, valid_from=today - dt.timedelta(days=1),
                          note="", now=now)  # fmt: skip
        assert [one.version for one in rule_book.versions(conn, SUBJECT)] == [1]

        row = conn.execute("SELECT id FROM resident WHERE code = 'R1'").fetchone()
        assert row is not None
        assert "low_income" not in facts_of(conn, [row[0]], today)[row[0]], "unknown until somebody says so"
        for holds, day in ((True, today - dt.timedelta(days=9)), (False, today)):
            traits.record(conn, admin, "R1", "low_income", holds=holds, evidence="低保证", valid_from=day, now=now)
        assert facts_of(conn, [row[0]], today)[row[0]]["low_income"] is False
        assert facts_of(conn, [row[0]], today - dt.timedelta(days=1))[row[0]]["low_income"] is True
        assert [one.holds for one in traits.of_resident(conn, admin, "R1")] == [False, True]
        with pytest.raises(ProvisioningError, match="document"):
            traits.record(conn, admin, "R1", "lonely", holds=True, evidence=" ", valid_from=today, now=now)
        with pytest.raises(NotFoundError):
            traits.of_resident(conn, admin, "R99")
        with pytest.raises(NotPermittedError):
            traits.record(conn, carer, "R1", "lonely", holds=True, evidence="x", valid_from=today, now=now)
