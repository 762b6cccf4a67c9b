"""The page of channels: figures, no secrets, and a test message that goes the way of every message."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dispatch.channels import config, planner, sending
from dispatch.channels.adapters.base import Sent
from tests.support.console_site import ConsoleSite, console_site
from tests.support.databases import of_service

pytestmark = pytest.mark.integration
FILE = """
[channels.sms]
adapter = "http"
zh = "短信"
en = "SMS"
per_minute = 30
receipt_s = 60
options = { url = "https://sms.example/send?key=SECRET", body = "{}" }

[channels.voice]
adapter = "outbox"
enabled = false

[order]
staff = ["sms"]
"""
CHANNELS = config.Channels(
    channels={"sms": config.Channel(adapter="outbox", receipt_s=60)}, order={"staff": ["sms"]}
)  # fmt: skip


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    file = tmp_path / "own.toml"
    file.write_text(FILE)
    with console_site(database_url, tmp_path / "site", channels_file=file) as found:
        found.conn.execute(
            "UPDATE staff SET account_id = (SELECT id FROM account WHERE login = 'admin'), phone = '139 0000 1111'"
            " WHERE code = 'S11'"
        )
        yield found


def test_a_test_is_followed_from_the_queue_to_its_receipt(site: ConsoleSite, database_url: str) -> None:
    with site.client("admin") as client:
        shown = client.get("/channels").text
        assert "SECRET" not in shown
        assert "sms.example" not in shown
        assert "短信或语音网关" in shown
        assert "已在渠道文件中停用" in shown
        assert client.post("/channels/test", data={"channel": "sms"}).status_code == 303
        assert "排队中" in client.get("/channels").text
        with psycopg.connect(of_service(database_url, "notify"), autocommit=True) as conn:
            now = dt.datetime.now(dt.UTC)
            assert planner.plan(conn, CHANNELS, lambda *_: True, now) == 1
            assert "发送中" in client.get("/channels").text
            (message,) = sending.claim(conn, "sms", "w", 5)
            assert message.addresses == {"sms": "139 0000 1111"}
            sending.succeed(conn, message, "w", Sent("provider-1"), CHANNELS.channels["sms"])
            assert "等待回执" in client.get("/channels").text
            assert sending.receipt(conn, message.peer_key, message.id, delivered=True)
        shown = client.get("/channels").text
        assert "已送达" in shown
        assert "送达 1，未送达 0" in shown
    assert site.conn.execute("SELECT count(*) FROM audit WHERE action = 'test_channel'").fetchone() == (1,)


def test_who_may_get_a_test_and_how_often(site: ConsoleSite) -> None:
    site.conn.execute(
        "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order)"
        " SELECT id, '+86 138-1234-5678', '女儿', 'Daughter', '女儿', 'daughter', 1 FROM resident WHERE code = 'R1'"
    )
    with site.client("admin") as client:
        for fields, word in (
            ({"channel": "voice"}, "没有启用这个渠道"),
            ({"channel": "sms", "address": "13812345678", "confirmed": "true"}, "老人或其联系人的号码"),
            ({"channel": "sms", "address": "abc", "confirmed": "true"}, "这不是该渠道的地址"),
            ({"channel": "sms", "address": "0755 1234567"}, "请勾选确认"),
        ):
            answer = client.post("/channels/test", data=fields)
            assert answer.status_code == 422
            if fields["channel"] == "sms":
                assert word in answer.text
        typed = {"channel": "sms", "address": "0755 1234567", "confirmed": "true"}
        assert client.post("/channels/test", data=typed).status_code == 303
        assert "请稍候" in client.post("/channels/test", data=typed).text
        site.conn.execute("UPDATE channel_test SET asked_at = asked_at - interval '10 minutes'")
        assert "是否在运行" in client.get("/channels").text, "nobody has taken it: unknown"
    with site.client("dispatcher") as client:
        assert client.get("/channels").status_code == 403
