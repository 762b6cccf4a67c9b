"""A link asks at each look whether its recipient still is one, and no link outlives the one that it came from."""

import datetime as dt
from collections.abc import Iterator

import psycopg
import pytest

from dispatch.alerts import answers
from dispatch.channels.render import ACKNOWLEDGE, named
from dispatch.core.links import LinkError, LinkKeys
from dispatch.orders import messages
from tests.support.orders import raise_alert, staff_city

pytestmark = pytest.mark.integration
KEYS = LinkKeys([b"k" * 32])
PHONE = "0755-55512345"


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        conn.execute(
            "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en,"
            " call_order, consent_at) SELECT id, %s, '陈', 'Chen', '女儿', 'daughter', 9, now()"
            " FROM resident WHERE code = 'R1'",
            (PHONE,),
        )
        yield conn


def link(conn: psycopg.Connection) -> str:
    alert = raise_alert(conn, now())
    row = conn.execute(
        """
        INSERT INTO message (key, recipient_kind, recipient_key, severity, reason, name_zh, name_en, language, route,
                             addresses, channel, content, created_at, due_at)
        VALUES (gen_random_uuid(), 'contact', %s, 'emergency', 'escalation', '陈', 'Chen', 'zh', '{sms}', '{}', 'sms',
                '{}', now(), now()) RETURNING id
        """,
        (f"R1/{PHONE}",),
    ).fetchone()
    assert row is not None
    conn.execute(
        "INSERT INTO notification (alert_id, reason, step, round, recipient_kind, recipient_key, at, due_at,"
        " message_id) VALUES (%s, 'escalation', 1, 0, 'contact', %s, now(), now(), %s)",
        (alert, f"R1/{PHONE}", row[0]),
    )
    return KEYS.sign(ACKNOWLEDGE, str(row[0]), named("contact", f"R1/{PHONE}"), now() + dt.timedelta(hours=1))


@pytest.mark.parametrize(
    "gone", ["UPDATE contact SET consent_at = NULL", "DELETE FROM contact", "UPDATE contact SET phone = '0755-1'"]
)
def test_a_contact_who_is_none_any_more_sees_nothing(conn: psycopg.Connection, gone: str) -> None:
    token = link(conn)
    assert len(answers.load(conn, KEYS, token, now()).alerts) == 1
    looked = conn.execute("SELECT detail::text FROM audit WHERE action = 'view_alert'").fetchall()
    assert len(looked) == 1
    assert PHONE not in looked[0][0]
    conn.execute(gone.encode())
    with pytest.raises(LinkError):
        answers.load(conn, KEYS, token, now())
    with pytest.raises(LinkError):
        answers.acknowledge(conn, KEYS, token, "", now())


def test_a_token_holds_no_telephone_number(conn: psycopg.Connection) -> None:
    read = KEYS.read(link(conn), ACKNOWLEDGE, now())
    assert read.person == "contact:R1"


def test_a_minted_link_ends_with_its_parent(conn: psycopg.Connection) -> None:
    number = raise_alert(conn, now())
    end = (now() + dt.timedelta(seconds=60)).replace(microsecond=0)
    page = messages.page_path(KEYS, number, "S11", now(), end).rpartition("/")[2]
    assert KEYS.read(page, messages.PAGE, now()).expires_at == end
