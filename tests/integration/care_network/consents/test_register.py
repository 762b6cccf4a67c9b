"""The register: every step is kept with how it came, whoever makes it, and nothing in it can be changed."""

import datetime as dt
from collections.abc import Iterator

import psycopg
import pytest

from care_network.access import exchange_consents
from care_network.consents import overview, register, standing
from care_network.consents.register import Said
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from tests.support.databases import of_service
from tests.support.exchange_site import ExchangeSite
from tests.support.network import account, build_city

pytestmark = pytest.mark.integration


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        conn.execute(
            "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order)"
            " SELECT id, '139', '陈丽', 'Chen Li', '女儿', 'daughter', 1 FROM resident WHERE code = 'R1'"
        )
        yield conn


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def number(conn: psycopg.Connection, code: str = "R1") -> int:
    return register.resident_of(conn, account(conn, "admin"), code)


def line(conn: psycopg.Connection, purpose: str, recipient: str = "") -> standing.Standing:
    lines = standing.standings(conn, number(conn), standing.steps(conn, number(conn)))
    return next(one for one in lines if (one.purpose.code, one.recipient) == (purpose, recipient))


def test_yes_no_and_never_asked_are_three_things(conn: psycopg.Connection) -> None:
    station = account(conn, "station")
    assert register.agrees(conn, number(conn), "research") is None
    assert line(conn, "research").state == "unknown"
    assert register.give(conn, station, "R1", "research", said=Said(evidence="表 7"), at=now(), origin="t")
    assert not register.give(conn, station, "R1", "research", at=now(), origin="t")
    assert register.agrees(conn, number(conn), "research") is True
    assert register.agreed(conn, "research") == {number(conn)}
    told = line(conn, "research")
    assert (told.state, told.last and told.last.evidence, told.last and told.last.words) == ("yes", "表 7", 1)
    said = Said(by="guardian", how="telephone", evidence="公证书 12", reason="改变主意")
    assert register.withdraw(conn, station, "R1", "research", said=said, at=now(), origin="t")
    assert register.agrees(conn, number(conn), "research") is False
    assert line(conn, "research").state == "no"
    counts = {one.purpose.code: one for one in overview.counts(conn, account(conn, "admin"))}
    assert (counts["research"].yes, counts["research"].no, counts["research"].unknown) == (0, 1, 1)
    latest = overview.latest(conn, station, purpose="research", given=False)
    assert [(one.code, one.by_whom, one.how) for one in latest] == [("R1", "guardian", "telephone")]


def test_a_step_past_the_register_is_in_it_and_says_that_its_way_is_unknown(conn: psycopg.Connection) -> None:
    who = conn.execute("SELECT id::text FROM contact").fetchone()
    assert who is not None
    conn.execute("UPDATE contact SET consent_at = now()")
    told = line(conn, "emergency_contact", who[0])
    assert (told.state, told.last and told.last.how) == ("yes", "unknown")
    register.withdraw(conn, account(conn, "station"), "R1", "emergency_contact", who[0], at=now(), origin="t")
    assert conn.execute("SELECT consent_at FROM contact").fetchone() == (None,)
    told = line(conn, "emergency_contact", who[0])
    assert (told.state, told.last and told.last.how) == ("no", "paper")
    admin = account(conn, "admin")
    ExchangeSite("", conn)  # a token of the hospital, and R1's consent
    assert line(conn, "exchange", "hospital").state == "yes"
    exchange_consents.withdraw(conn, admin, ["R1"], "hospital", at=now(), origin="t")
    assert line(conn, "exchange", "hospital").state == "no"
    register.give(conn, admin, "R1", "family_view", "daughter", Said(relation="女儿"), at=now(), origin="t")
    assert line(conn, "family_view", "daughter").state == "yes"
    ends = standing.consequences(conn, number(conn), line(conn, "family_view", "daughter"))
    assert ("该账号此后看不到任何老人", "the account sees no resident at all any more") in ends


def test_nothing_in_it_is_changed_or_taken_away(conn: psycopg.Connection, database_url: str) -> None:
    register.give(conn, account(conn, "station"), "R1", "research", at=now(), origin="t")
    with pytest.raises(psycopg.errors.RaiseException):
        conn.execute("UPDATE consent_event SET given = true")
    with (
        psycopg.connect(of_service(database_url, "console"), autocommit=True) as console,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        console.execute("DELETE FROM consent_event")


def test_a_resident_who_is_removed_takes_the_steps_along(conn: psycopg.Connection) -> None:
    conn.execute(
        "INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date)"
        " SELECT 'R9', id, '李', 'Li', 'female', '1940-01-01' FROM household WHERE code = 'H1'"
    )
    conn.execute(
        "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order, consent_at)"
        " SELECT id, '137', '李', 'Li', '子', 'son', 1, now() FROM resident WHERE code = 'R9'"
    )
    conn.execute("DELETE FROM resident WHERE code = 'R9'")
    assert conn.execute("SELECT FROM consent_event e LEFT JOIN resident r ON r.id = e.resident_id"
                        " WHERE r.id IS NULL").fetchone() is None  # fmt: skip


def test_who_may_not_and_what_is_wrong_is_said_at_its_field(conn: psycopg.Connection) -> None:
    station, far = account(conn, "station"), account(conn, "station-ms")
    with pytest.raises(NotPermittedError):
        register.give(conn, account(conn, "carer"), "R1", "research", at=now(), origin="t")
    with pytest.raises(NotFoundError):
        register.withdraw(conn, far, "R1", "research", at=now(), origin="t")
    with pytest.raises(NotFoundError):
        register.give(conn, station, "R1", "monitoring", at=now(), origin="t")
    for said, field in (
        (Said(how=""), "how"), (Said(by="neighbour"), "by"), (Said(by="guardian"), "evidence"),
    ):  # fmt: skip
        with pytest.raises(ProvisioningError) as refused:
            register.give(conn, station, "R1", "photos", said=said, at=now(), origin="t")
        assert refused.value.field == field
    register.give(conn, station, "R1", "photos", at=now(), origin="t")
    with pytest.raises(ChangedMeanwhileError):
        register.check_version(conn, number(conn), 0)
