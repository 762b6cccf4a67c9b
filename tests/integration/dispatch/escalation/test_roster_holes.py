"""Hours in which nobody would answer: found, kept, told once to those who can mend them, and taken back."""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from dispatch.channels import planner, recent
from dispatch.escalation import duty_warnings, holes
from dispatch.escalation.duty_warnings import record
from tests.support.delivery import delivery, gateway_toml
from tests.support.ladders import BEDS, C1, DISTRICT, build_duty
from tests.support.peers import http_peer
from tests.support.services import wait_for

pytestmark = pytest.mark.integration
HOUR = dt.timedelta(hours=1)
NOON = dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC)
THREE = dt.datetime(2026, 11, 2, 19, tzinfo=dt.UTC)
"""3 a.m. in Shanghai."""
MENDERS = [("D9", "waiting"), ("M1", "waiting")]


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_duty(conn)
        for code, organisation, kind, login in (
            ("D9", DISTRICT, "dispatcher", "dispatcher"), ("M1", BEDS, "manager", "admin-hs"),
        ):  # fmt: skip
            conn.execute(
                "INSERT INTO staff (code, organisation_id, kind, name_zh, name_en, phone, account_id)"
                " SELECT %s, o.id, %s, '某', 'X', '0755-7', a.id FROM organisation o, account a"
                " WHERE o.code = %s AND a.login = %s",
                (code, kind, organisation, login),
            )
        yield conn


def away(conn: psycopg.Connection, starts: dt.datetime, ends: dt.datetime) -> None:
    """Everybody is ill."""
    conn.execute(
        "INSERT INTO roster_exception (staff_id, kind, starts_at, ends_at, reason)"
        " SELECT id, 'absent', %s, %s, '病假' FROM staff",
        (starts, ends),
    )


def watch(conn: psycopg.Connection, at: dt.datetime, hours: int = 18) -> list[holes.DutyWarning]:
    """A look as the dispatch service's; the new ones of Haishan's compound."""
    until = at + hours * HOUR
    return [one for one in record(conn, holes.load(conn, at, until), at, until) if C1 in one.areas]


def told(conn: psycopg.Connection) -> list[tuple[str, str]]:
    return conn.execute(
        "SELECT recipient_key, state FROM notification JOIN duty_warning w ON w.id = warning_id"
        " WHERE %s = ANY(w.areas::text[]) ORDER BY notification.id",
        (C1,),
    ).fetchall()


def due(conn: psycopg.Connection) -> Sequence[dt.datetime]:
    return [row[0] for row in conn.execute("SELECT DISTINCT due_at FROM notification WHERE state = 'waiting'")]


def test_a_hole_is_told_once_until_it_grows_and_taken_back_when_it_is_mended(conn: psycopg.Connection) -> None:
    away(conn, NOON + 10 * HOUR, NOON + 12 * HOUR)
    assert len(watch(conn, NOON)) == 1
    assert told(conn) == MENDERS
    assert due(conn) == [NOON]
    assert any("病假" in zh for zh, _ in duty_warnings.warnings(conn, NOON, "sz.yt.hs"))
    assert not any("病假" in zh for zh, _ in duty_warnings.warnings(conn, NOON, "sz.yt.ms.dm.c2.x"))
    for later in (1, 9, 11):  # the last one in the midst of it
        assert watch(conn, NOON + later * HOUR) == []
    assert told(conn) == MENDERS

    conn.execute("UPDATE roster_exception SET ends_at = ends_at + INTERVAL '3 hours'")
    assert len(watch(conn, NOON + HOUR)) == 1
    assert told(conn) == [(who, "withdrawn") for who, _ in MENDERS] + MENDERS
    conn.execute("DELETE FROM roster_exception")
    assert watch(conn, NOON + HOUR) == []
    assert {state for _, state in told(conn)} == {"withdrawn"}
    assert not any("病假" in zh for zh, _ in duty_warnings.warnings(conn, NOON))


def test_one_that_reaches_as_far_as_anybody_looks_is_not_new_at_every_look(conn: psycopg.Connection) -> None:
    away(conn, NOON + 10 * HOUR, NOON + 100 * HOUR)
    assert len(watch(conn, NOON)) == 1
    for later in range(1, 20):
        assert watch(conn, NOON + later * HOUR) == []
    assert told(conn) == MENDERS


def test_two_that_overlap_are_each_told_once(conn: psycopg.Connection) -> None:
    """Another severity's ladder has other hours, with the same organisations."""
    until = NOON + 18 * HOUR

    def night(starts: int) -> holes.DutyWarning:
        return holes.DutyWarning(
            areas=(C1,),
            place_zh="鹏湾",
            place_en="Pengwan",
            posts=(BEDS,),
            starts_at=NOON + starts * HOUR,
            ends_at=until,
            text_zh="无人",
            text_en="nobody",
        )

    both = [night(6), night(8)]
    assert len(record(conn, both, NOON, until)) == 2
    assert record(conn, both[::-1], NOON + HOUR, until + HOUR) == []
    assert record(conn, both, NOON + 2 * HOUR, until + 2 * HOUR) == []
    assert len(duty_warnings.warnings(conn, NOON)) == 2


def test_nobody_is_woken_for_what_can_wait(conn: psycopg.Connection) -> None:
    away(conn, THREE + 48 * HOUR, THREE + 50 * HOUR)
    assert len(watch(conn, THREE, hours=72)) == 1
    assert due(conn) == [THREE + 5 * HOUR]
    conn.execute("UPDATE roster_exception SET starts_at = %s", (THREE + HOUR,))
    assert len(watch(conn, THREE, hours=72)) == 1
    assert THREE in due(conn)
    assert (DISTRICT, "waiting") in told(conn), "so short before, the desk is told as well"


def test_instead_of_who_can_not_be_reached_only_those_are_told_who_can_mend_it(conn: psycopg.Connection) -> None:
    away(conn, NOON + 10 * HOUR, NOON + 12 * HOUR)
    assert len(watch(conn, NOON)) == 1
    of_the_place = (
        "SELECT n.id FROM notification n JOIN duty_warning w ON w.id = warning_id WHERE %s = ANY(areas::text[])"
    )
    first, second = sorted(row[0] for row in conn.execute(of_the_place, (C1,)))
    planner.give_up(conn, [first], NOON)
    assert told(conn) == [("D9", "failed"), ("M1", "waiting"), (DISTRICT, "waiting")]
    planner.give_up(conn, [second], NOON)
    assert told(conn)[2:] == [(DISTRICT, "waiting")], "the desk knows of it already"


def test_several_are_one_message_in_the_readers_language(
    conn: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    now = dt.datetime.now(dt.UTC)
    conn.execute("UPDATE account SET language = 'en' WHERE login = 'admin-hs'")
    one, other = (
        holes.DutyWarning(
            areas=(C1,),
            place_zh="鹏湾花园",
            place_en="Pengwan Garden",
            posts=(BEDS,),
            starts_at=now + hours * HOUR,
            ends_at=now + (hours + 1) * HOUR,
            text_zh=f"鹏湾花园的预警将无人应答 {hours}；缺勤：张三(发热)",
            text_en=f"nobody {hours}; away: Zhang San (fever)",
        )
        for hours in (15, 17)  # both after the next morning, whatever the hour is now
    )
    record(conn, [one, other], now, now + 18 * HOUR)
    conn.execute("UPDATE notification SET due_at = clock_timestamp()")
    channels = gateway_toml("sms", "{url}") + '[order]\nstaff = ["sms"]\norganisation = ["sms"]\n'
    with http_peer() as peer:
        with delivery(database_url, channels.replace("{url}", peer.url), tmp_path):
            wait_for(lambda: len(peer.requests) == 2, 30, lambda: str(told(conn)))
            # at night the desk is told as well, and it has no number to send to
            sent = {("D9", "sent"), ("M1", "sent")}
            wait_for(lambda: {row for row in told(conn) if row[0] != DISTRICT} == sent, 30, lambda: str(told(conn)))
        said = sorted(request.json()["text"] for request in peer.requests)
    assert said[0].startswith("[Shouwang] Nobody would answer alerts in Pengwan Garden from ")
    assert "the first of 2 holes" in said[0]
    assert "鹏湾花园的预警将无人应答。请安排值班。" in said[1]
    assert said[1].endswith("查看 http://console.test/")
    for text in said:
        assert "张三" not in text
        assert "Zhang" not in text
    everywhere = [row[0] for row in conn.execute("SELECT id FROM household")]
    assert len(recent.messages(conn, everywhere, "zh")) == 2
    assert recent.messages(conn, [], "zh") == []
