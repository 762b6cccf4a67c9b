"""The delivery service within a test: a city, alerts to tell of, channels that lead to local servers."""

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb

from database.settings import DatabaseSettings
from dispatch.channels import config
from dispatch.channels.notifications import Reason, Recipient, enqueue
from dispatch.channels.service import DeliveryService
from dispatch.channels.settings import NotifySettings
from dispatch.core.links import create_link_key_file
from tests.support.network import build_city, open_alert
from tests.support.rules import about
from tests.support.services import in_thread, wait_for

CARER = Recipient("staff", "S1")


class Town:
    """A database with a city in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.conn = psycopg.connect(url, autocommit=True)
        build_city(self.conn)

    def contact(self, phone: str, order: int, *, resident: str = "R1", consent: bool = True, name: str = "女儿") -> str:
        """A contact's key."""
        self.conn.execute(
            """
            INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order, consent_at)
            SELECT id, %s, %s, 'Daughter', '女儿', 'daughter', %s, CASE WHEN %s THEN '2020-01-01'::timestamptz END
            FROM resident WHERE code = %s
            """,
            (phone, name, order, consent, resident),
        )
        return f"{resident}/{phone}"

    def tell(
        self,
        severity: str = "emergency",
        recipients: Sequence[Recipient] = (CARER,),
        *,
        reason: Reason = "escalation",
        rule: str = "sos",
        resident: str | None = "R1",
        household: str = "H1",
    ) -> uuid.UUID:
        """Raise an alert with notifications for these recipients; its id."""
        with self.conn.transaction():
            alert = uuid.UUID(open_alert(self.conn, resident, household, severity))
            self.conn.execute(
                "UPDATE alert SET rule = %s, evidence = %s, reason_zh = '按下呼叫按钮' WHERE id = %s",
                (rule, Jsonb(about(rule)), alert),
            )
            enqueue(
                self.conn, alert_id=alert, step=1, round=0, recipients=recipients, reason=reason,
                at=dt.datetime.now(dt.UTC),
            )  # fmt: skip
        return alert

    def messages(self) -> list[tuple[str, str, str]]:
        """(recipient, channel, state) of every message, in order."""
        return self.conn.execute("SELECT recipient_key, channel, state FROM message ORDER BY id").fetchall()

    def notifications(self) -> list[tuple[str, str]]:
        return self.conn.execute("SELECT recipient_key, state FROM notification ORDER BY id").fetchall()

    def attempts(self) -> list[tuple[str, str | None]]:
        return self.conn.execute("SELECT channel, outcome FROM delivery_attempt ORDER BY id").fetchall()

    def wait(self, wanted: list[tuple[str, str, str]], seconds: float = 15) -> None:
        """Wait until the messages are like this."""
        wait_for(lambda: self.messages() == wanted, seconds, lambda: f"{self.messages()} {self.attempts()}")


@contextmanager
def town(url: str) -> Iterator[Town]:
    found = Town(url)
    try:
        yield found
    finally:
        found.conn.close()


def gateway_toml(name: str, url: str, extra: str = "", timeout_s: float = 1.0) -> str:
    """An SMS gateway as a channel."""
    return f"""
        [channels.{name}]
        adapter = "http"
        timeout_s = {timeout_s}
        {extra}
        [channels.{name}.options]
        url = "{url}/{name}"
        json = {{ to = "{{address}}", text = "{{text}}", receipt = "{{receipt_url}}" }}
        success = {{ code = [0] }}
        later = {{ code = [7] }}
        provider_id = "id"
    """


@contextmanager
def delivery(url: str, channels: str, folder: Path, worker: str = "test") -> Iterator[DeliveryService]:
    """The service in threads of the test, with links."""
    key = folder / "link.key"
    create_link_key_file(key)
    settings = NotifySettings(worker=worker, console_url="http://console.test", link_key_file=key)
    service = DeliveryService(settings, config.parse(channels, {}), DatabaseSettings(url=url))
    with in_thread(service.run, 20):
        yield service
