"""A consent that is withdrawn in the register holds at every door from the next request or step on."""

import datetime as dt
import json
import uuid
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from websockets.sync.client import connect

from care_network.access.visible import may_see
from care_network.consents import register
from console.shell.security import COOKIE
from database.settings import DatabaseSettings
from dispatch.alerts import answers
from dispatch.channels import sending
from dispatch.channels.notifications import Recipient
from dispatch.channels.render import ACKNOWLEDGE, named
from dispatch.core.links import LinkError, LinkKeys
from dispatch.desk import calls
from dispatch.escalation.sweeper import Sweeper
from dispatch.ladders.first_step_copy import FirstStepsCopy
from dispatch.ladders.policy import FamilyTarget, Policy, Step
from dispatch.orders import photos
from dispatch.orders.states import OrderError
from exchange.bulk import exports
from exchange.bulk.making import blocks
from exchange.webhooks.delivering import Webhooks
from observability.liveness import Liveness
from tests.integration.dispatch.escalation.test_escalation import climb
from tests.integration.dispatch.orders.test_work_orders import picture
from tests.integration.exchange.test_bulk_export import ASYNC
from tests.integration.exchange.test_webhooks import city, hook, receiving
from tests.integration.exchange.test_webhooks import told as posted
from tests.support.console_site import console_site
from tests.support.databases import of_service
from tests.support.delivery import delivery, gateway_toml, town
from tests.support.exchange_site import exchange_site
from tests.support.ladders import build_duty, ladder, raise_one, told, use
from tests.support.network import account, build_city
from tests.support.orders import raise_alert
from tests.support.peers import Answer, http_peer
from tests.support.services import wait_for

pytestmark = pytest.mark.integration
KEYS = LinkKeys([b"k" * 32])
CONTACT = "emergency_contact"


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def withdraw(conn: psycopg.Connection[Any], purpose: str, recipient: str = "", resident: str = "R1") -> None:
    station = account(conn, "station")
    assert register.withdraw(conn, station, resident, purpose, recipient, at=now(), origin="test")


def contact(conn: psycopg.Connection[Any], phone: str) -> str:
    row = conn.execute("SELECT id::text FROM contact WHERE phone = %s", (phone,)).fetchone()
    assert row is not None
    return str(row[0])


def family_ladder(*after_s: float) -> Policy:
    """A ladder that calls the first of the family on each step."""
    return msgspec.structs.replace(ladder(after_s), steps=tuple(Step(one, (FamilyTarget(1, 1),)) for one in after_s))


def test_a_ladder_under_way_and_the_desk_call_the_contact_no_more(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_duty(conn)
        use(conn, family_ladder(0, 30))
        alert, sweeper = raise_one(conn), Sweeper(conn)
        sweeper.sweep()
        assert [who for _, _, who in told(conn, alert)] == ["R1/0755-00081"]
        assert any(one.kind == "contact" for one in calls.callees(conn, alert, now()))
        people = FirstStepsCopy(tmp_path / "people.json")  # of the first call while the database is away
        people.refresh(conn, now())
        assert "0755-00081" in (tmp_path / "people.json").read_text()
        withdraw(conn, CONTACT, contact(conn, "0755-00081"))
        people.refresh(conn, now())
        assert "0755-00081" not in (tmp_path / "people.json").read_text()
        climb(conn, sweeper, 3)  # the next step, and the next round
        assert "R1/0755-00081" not in [who for turn, step, who in told(conn, alert) if (turn, step) > (0, 1)]
        assert not any(one.kind == "contact" for one in calls.callees(conn, alert, now()))


def test_a_message_that_waits_is_not_sent_and_the_next_one_is_told(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        first, second = city.contact("139", 1), city.contact("138", 2, name="邻居")
        peer.answer = lambda _: Answer(503, {})
        with delivery(
            database_url,
            gateway_toml("sms", peer.url) + "\n[order]\nstaff = ['sms']\ncontact = ['sms']\norganisation = ['sms']\n",
            tmp_path,
        ):
            city.tell(recipients=[Recipient("contact", first)])
            wait_for(lambda: peer.requests, 15, lambda: str(city.attempts()))
            withdraw(city.conn, CONTACT, contact(city.conn, "139"))
            peer.answer = lambda _: Answer(200, {"code": 0})
            wait_for(lambda: (second, "sms", "sent") in city.messages(), 15, lambda: str(city.messages()))
        assert (first, "sms", "failed") in city.messages()
        assert [request.json()["to"] for request in peer.requests][-1] == "138"


def test_a_link_that_was_sent_before_shows_nothing(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_duty(conn)
        use(conn, family_ladder(0))
        raise_one(conn)
        Sweeper(conn).sweep()
        row = conn.execute(
            """
            INSERT INTO message (key, recipient_kind, recipient_key, severity, reason, name_zh, name_en, language,
                                 route, addresses, channel, content, created_at, due_at)
            VALUES (gen_random_uuid(), 'contact', 'R1/0755-00081', 'emergency', 'escalation', '陈', 'Chen', 'zh',
                    '{sms}', '{}', 'sms', '{}', now(), now()) RETURNING id
            """
        ).fetchone()
        assert row is not None
        conn.execute("UPDATE notification SET message_id = %s", (row[0],))
        link = KEYS.sign(ACKNOWLEDGE, str(row[0]), named("contact", "R1/0755-00081"), now() + dt.timedelta(hours=1))
        assert len(answers.load(conn, KEYS, link, now()).alerts) == 1
        withdraw(conn, CONTACT, contact(conn, "0755-00081"))
        with pytest.raises(LinkError):
            answers.load(conn, KEYS, link, now())


def test_pages_sessions_and_open_sockets_of_the_family_see_nothing(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site, site.client("daughter") as family:
        alert = site.alert()
        assert family.get(f"/family/R1/alerts/{alert}").status_code == 200
        assert "陈" in family.get("/family").text
        address = site.address.replace("http", "ws") + "/api/live"
        headers = {"Origin": site.address, "Cookie": f"{COOKIE}={site.token('daughter')}"}
        with connect(address, additional_headers=headers, proxy=None) as socket:
            wait_for(lambda: str(alert) in str(socket.recv(5)), 5, lambda: "the board does not come")
            withdraw(site.conn, "family_view", "daughter")
            later = site.alert(rule="sos")
            for path in (f"/family/R1/alerts/{alert}", f"/family/R1/alerts/{later}", "/residents/R1"):
                assert family.get(path).status_code in (303, 404), path
            assert "陈" not in family.get("/family", follow_redirects=True).text
            assert not may_see(site.conn, account(site.conn, "daughter"), 1)
            heard = [json.loads(socket.recv(5))]
            while heard[-1]["type"] != "beat":  # nothing else comes
                heard.append(json.loads(socket.recv(5)))
            assert str(later) not in json.dumps(heard)


def test_tokens_webhooks_and_exports_give_nothing_out(database_url: str, tmp_path: Path) -> None:
    with exchange_site(database_url, tmp_path) as site, site.client(**ASYNC) as client:
        series = site.series("heart_rate")
        site.reading(series, now() - dt.timedelta(minutes=5), 72)
        assert len(client.get("/fhir/Patient").json()["entry"]) == 1
        place = client.get("/fhir/$export").headers["content-location"].removeprefix(site.address)
        wait_for(lambda: client.get(place).status_code == 200, 20, lambda: client.get(place).text)
        file = client.get(place).json()["output"][0]["url"].removeprefix(site.address)
        assert client.get(file).status_code == 200
        withdraw(site.conn, "exchange", "hospital")
        assert "entry" not in client.get("/fhir/Patient").json()
        assert client.get(f"/fhir/Patient/{site.resident_id()}").status_code == 404
        assert client.get(file).status_code == 410


def test_an_export_under_way_leaves_out_whoever_withdrew(database_url: str) -> None:
    with city(database_url) as site:
        site.conn.execute(
            """
            INSERT INTO exchange_export (id, account_id, token_id, request, types, until, residents, created_at,
                                         expires_at)
            SELECT %s, account_id, id, 'x', '{Patient}', now(), ARRAY[1], now(), now() + interval '1 day'
            FROM machine_token
            """,
            (uuid.uuid4(),),
        )
        withdraw(site.conn, "exchange", "hospital")
        with psycopg.connect(of_service(database_url, "exchange"), autocommit=True) as conn:
            export = exports.next_open(conn)
            assert export is not None
            assert b"".join(blocks(conn, export, "Patient", export.residents)) == b""


def test_what_waits_for_a_webhook_is_dropped(database_url: str) -> None:
    own = of_service(database_url, "exchange")
    with receiving() as receiver, city(database_url) as site, psycopg.connect(own, autocommit=True) as conn:
        hook(site, receiver.url, ("alert.raised",))
        receiver.status = 503
        sender = Webhooks(DatabaseSettings(url=own), Liveness(), local=True)
        raise_alert(site.conn, now())
        posted(sender, conn, now())
        receiver.status, before = 200, len(receiver.got)
        withdraw(site.conn, "exchange", "hospital")
        posted(sender, conn, now() + dt.timedelta(minutes=10))
        assert before == 1
        assert len(receiver.got) == before


def test_photos_are_neither_taken_nor_shown(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        order = uuid.uuid4()
        conn.execute(
            "INSERT INTO work_order (id, service, urgency, household_id, resident_id, reason_zh, reason_en, next_at,"
            " created_at, due_at)"
            " SELECT %s, 'visit', 'planned', household_id, id, '探访', 'visit', now(), now(), now() FROM resident"
            " WHERE code = 'R1'",
            (order,),
        )
        number = photos.add(conn, order, None, photos.read_photo(picture((60, 40))), now())
        assert photos.ids(conn, order) == [number]
        withdraw(conn, "photos")
        assert photos.ids(conn, order) == []
        assert photos.load(conn, order, number) is None
        with pytest.raises(OrderError, match="does not agree"):
            photos.add(conn, order, None, photos.read_photo(picture((60, 40))), now())


def test_sending_asks_for_the_consent_in_the_claim_itself(database_url: str) -> None:
    with town(database_url) as city:
        key = city.contact("139", 1)
        city.tell(recipients=[Recipient("contact", key)])
        city.conn.execute(
            """
            WITH made AS (
                INSERT INTO message (key, recipient_kind, recipient_key, severity, reason, name_zh, name_en, language,
                                     route, addresses, channel, content, created_at, due_at)
                VALUES (gen_random_uuid(), 'contact', %s, 'emergency', 'escalation', '陈', 'Chen', 'zh',
                        '{sms,voice}', '{}', 'sms', '{}', now(), now()) RETURNING id)
            UPDATE notification SET message_id = made.id FROM made
            """,
            (key,),
        )
        withdraw(city.conn, CONTACT, contact(city.conn, "139"))
        (claimed,) = sending.claim(city.conn, "sms", "w", 5)
        assert not claimed.agreed
        sending.stop(city.conn, claimed, "w", "the resident's consent has ended")
        assert city.messages() == [(key, "sms", "failed")]
