"""Measure how soon an alert is at all open pages: 500 sockets at one console, 50 desks and 450 families.

Alerts reach the console as alerting sends them, by MQTT. A time is from the publication to the message at one socket;
each alert comes to all desks and to the family of its resident. Every socket hears the beat all the while.
"""

import asyncio
import json
import time
import uuid
from typing import Any

import msgspec
import numpy as np
import psycopg
from websockets.asyncio.client import ClientConnection, connect

from bench.alert_latency import connected
from bench.console_district import district_console, session_of
from bench.figures import Figure
from console.shell.security import COOKIE
from dispatch.core import notice
from firmware_profiles.link import mqtt

DESKS, FAMILIES, ALERTS = 50, 450, 40
PAUSE_S = 0.25
LIMIT_MS = 100.0


def run() -> list[Figure]:
    """The p99 over all alerts and sockets that have to hear of them."""
    with district_console() as (platform, session, alerts):
        with psycopg.connect(platform.postgres.url, autocommit=True) as conn:
            conn.execute(
                "INSERT INTO account (login, password_hash, name_zh, name_en, role)"
                " SELECT 'bench-' || n, '', '家属', 'Family', 'family' FROM generate_series(1, %s) n",
                (FAMILIES,),
            )
            conn.execute(
                "INSERT INTO family_member (account_id, resident_id, relation_zh, relation_en, consent_at)"
                " SELECT a.id, r.id, '女儿', 'daughter', now() FROM account a JOIN"
                " (SELECT id, row_number() OVER (ORDER BY code) AS n FROM resident) r ON a.login = 'bench-' || r.n"
            )
            families = [session_of(conn, f"bench-{number}") for number in range(1, FAMILIES + 1)]
        sender = connected(platform.broker.settings("svc-alerting"), "bench-sockets")
        like = next(alert for alert in alerts if alert.resident_id is not None)
        address = platform.address.replace("http", "ws", 1) + "/api/live"
        heard = asyncio.run(_listen(address, platform.address, [session] * DESKS + families, sender, like))
        mqtt.stop(sender)
    return [
        Figure(
            name=f"console: an alert at each of {DESKS + FAMILIES} open sockets, p99",
            value=float(np.percentile(heard, 99)),
            unit="ms",
            reference=LIMIT_MS,
            reference_name="limit",
            note=f"{DESKS} desks and {FAMILIES} families; {ALERTS} alerts, {len(heard):,} messages;"
            f" median {np.median(heard):.0f} ms",
        )
    ]


async def _listen(address: str, origin: str, sessions: list[str], sender: Any, like: notice.AlertNotice) -> list[float]:
    """The ms from each publication to each message of it."""
    sent: dict[str, float] = {}
    heard: list[float] = []
    sockets: list[ClientConnection] = []
    for begin in range(0, len(sessions), 25):
        some = sessions[begin : begin + 25]
        sockets += await asyncio.gather(*(_open(address, origin, session) for session in some))
    readers = [asyncio.create_task(_read(socket, sent, heard)) for socket in sockets]
    await asyncio.sleep(5)  # boards are sent
    for number in range(ALERTS):
        now = time.time_ns() // 1000
        one = msgspec.structs.replace(
            like, id=str(uuid.uuid4()), severity="emergency", state="raised", version=1,
            subject=f"bench-socket:{number}",
            onset_us=now, sensed_us=now, received_us=now, raised_us=now, evidence={},
        )  # fmt: skip
        sent[one.id] = time.perf_counter()
        sender.publish(notice.TOPIC, notice.encode(one), qos=1)
        await asyncio.sleep(PAUSE_S)
    await asyncio.sleep(2)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    await asyncio.gather(*(socket.close() for socket in sockets), return_exceptions=True)
    wanted = ALERTS * DESKS
    if len(heard) < wanted:
        raise RuntimeError(f"{len(heard)} messages of at least {wanted} arrived")
    return heard


async def _open(address: str, origin: str, session: str) -> ClientConnection:
    headers = {"Cookie": f"{COOKIE}={session}", "Origin": origin}
    return await connect(address, additional_headers=headers, max_size=None, compression=None, open_timeout=60)


async def _read(socket: ClientConnection, sent: dict[str, float], heard: list[float]) -> None:
    seen: set[str] = set()
    async for message in socket:
        at = time.perf_counter()
        if not str(message).startswith('{"type":"alert"'):
            continue
        alert = str(json.loads(message)["alert"]["id"])
        if alert in sent and alert not in seen:
            seen.add(alert)
            heard.append((at - sent[alert]) * 1000)
