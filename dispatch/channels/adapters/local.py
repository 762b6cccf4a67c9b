"""Adapters that stay on the platform: the demonstration's outbox, the console's own board, the loop-back of proofs."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

from database.pool import Pool
from dispatch.channels.adapters.base import Outgoing, PermanentError, Sent
from vocabulary.synthetic import RECIPIENT


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of an adapter that has none."""


class DemoOutbox:
    """``adapter = "outbox"``: messages as rows instead of telephones, on the page /outbox. For demonstrations."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def reaches(self, address: str) -> bool:
        return bool(address)

    def send(self, message: Outgoing, timeout_s: float) -> Sent:
        with self._pool.connection(timeout_s) as conn:
            conn.execute(
                "INSERT INTO outbox_entry (key, message_id, channel, at, text, link) VALUES (%s, %s, %s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (message.key, message.message_id, message.channel, _now(conn), message.text, message.link),
            )
        return Sent(str(message.key), delivered=True)


class LoopBack:
    """The channel of the synthetic residents: it hands its message to nobody, and is itself the receipt."""

    def reaches(self, address: str) -> bool:
        return address == RECIPIENT

    def send(self, message: Outgoing, timeout_s: float) -> Sent:
        if message.address != RECIPIENT:
            raise PermanentError("the loop-back reaches no person")
        return Sent(str(message.key), delivered=True)


class ConsoleChannel:
    """``adapter = "console"``: the open board of somebody who is logged in, which shows the alert by its WebSocket.

    For everybody else it fails, so that the next channel is tried.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def reaches(self, address: str) -> bool:
        return address.isdecimal()

    def send(self, message: Outgoing, timeout_s: float) -> Sent:
        with self._pool.connection(timeout_s) as conn:
            row = conn.execute(
                "SELECT FROM session WHERE account_id = %s AND revoked_at IS NULL AND expires_at > %s LIMIT 1",
                (int(message.address), _now(conn)),
            ).fetchone()
            if row is None:
                raise PermanentError("nobody is logged in with that account")
            conn.execute(
                "SELECT pg_notify('alert_changed', alert_id::text) FROM notification WHERE message_id = %s",
                (message.message_id,),
            )
        return Sent()


def _now(conn: Connection[Any]) -> dt.datetime:
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    moment: dt.datetime = row[0]
    return moment
