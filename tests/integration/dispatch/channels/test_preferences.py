"""How somebody wants to be told: who may set it, for whom, and the trace that it leaves."""

import datetime as dt
from collections.abc import Iterator

import psycopg
import pytest

from care_network.errors import NotFoundError, NotPermittedError
from dispatch.channels.notifications import Recipient
from dispatch.channels.policy import QuietHours
from dispatch.channels.preferences import Preference, set_preference
from tests.support.ladders import build_duty
from tests.support.network import NOW, account

pytestmark = pytest.mark.integration
CONTACT = Recipient("contact", "R1/0755-00081")
STAFF, ORGANISATION = Recipient("staff", "B1"), Recipient("organisation", "center-1")
SERVICE = Recipient("service", "120")
NIGHT = Preference(("voice", "sms"), "en", QuietHours(dt.time(22), dt.time(7)), {"email": "x@example.org"})


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_duty(conn)
        yield conn


def stored(conn: psycopg.Connection) -> list[tuple[object, ...]]:
    return conn.execute(
        "SELECT recipient_kind, recipient_key, channels, language, quiet_from, quiet_until, addresses"
        " FROM notification_preference ORDER BY 1, 2"
    ).fetchall()


def test_a_preference_replaces_the_one_before_and_is_audited(conn: psycopg.Connection) -> None:
    set_preference(conn, account(conn, "admin-hs"), CONTACT, Preference(("voice",)), NOW, "test")
    set_preference(conn, account(conn, "dispatcher"), CONTACT, NIGHT, NOW, "test")
    assert stored(conn) == [
        ("contact", CONTACT.key, ["voice", "sms"], "en", dt.time(22), dt.time(7), {"email": "x@example.org"})
    ]
    rows = conn.execute(
        "SELECT c.login, r.code, a.origin, a.detail FROM audit a JOIN account c ON c.id = a.account_id"
        " JOIN resident r ON r.id = a.resident_id WHERE a.action = 'set_preferences' ORDER BY a.id"
    ).fetchall()
    assert [row[:3] for row in rows] == [("admin-hs", "R1", "test"), ("dispatcher", "R1", "test")]
    assert rows[1][3] == {
        "recipient": "contact:R1/0755-00081", "channels": ["voice", "sms"], "language": "en", "quiet": "22:00-07:00",
        "addresses": {"email": "x@example.org"},
    }  # fmt: skip


def test_carers_and_family_set_no_preferences(conn: psycopg.Connection) -> None:
    for login in ("carer", "daughter"):
        for recipient in (STAFF, CONTACT, ORGANISATION, SERVICE):
            with pytest.raises(NotPermittedError, match=f"'{login}'.* may not set preferences"):
                set_preference(conn, account(conn, login), recipient, NIGHT, NOW, "test")
            assert stored(conn) == [], (login, recipient)


def test_recipients_lie_in_the_area_of_the_account(conn: psycopg.Connection) -> None:
    street, district = account(conn, "admin-hs"), account(conn, "admin")
    for recipient in (
        Recipient("staff", "D1"), Recipient("staff", "S2"), Recipient("organisation", "district"),
        Recipient("organisation", "center-2"), Recipient("staff", "nobody"), Recipient("contact", "R1/0"),
    ):  # fmt: skip
        with pytest.raises(NotFoundError, match="in your area"):
            set_preference(conn, street, recipient, NIGHT, NOW, "test")
    with pytest.raises(NotPermittedError, match="beyond admin-hs's area"):
        set_preference(conn, street, SERVICE, NIGHT, NOW, "test")
    assert stored(conn) == []
    for recipient in (STAFF, CONTACT, ORGANISATION):
        set_preference(conn, street, recipient, NIGHT, NOW, "test")
    set_preference(conn, district, SERVICE, NIGHT, NOW, "test")
    assert [row[0] for row in stored(conn)] == ["contact", "organisation", "service", "staff"]
    audited = conn.execute("SELECT count(*) FROM audit WHERE action = 'set_preferences'").fetchone()
    assert audited == (4,)
