"""A gateway without rights at the broker keeps everything, and only alerting's own topic ends its alarm."""

import asyncio
import queue
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_agent.outbox.outbox import Outbox
from edge_agent.outbox.sent import SentMessages
from edge_agent.timekeeping.clock import Clock
from edge_agent.uplink import Uplink
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker
from tests.support.brokers import TestBroker

pytestmark = pytest.mark.integration


def run(settings: Broker, folder: Path, done: Callable[[Outbox, Uplink], bool], ended: list[str]) -> int:
    """Run an uplink of gw-a with one waiting event until ``done``; gives the number of messages still waiting."""

    async def work() -> int:
        clock = Clock()
        outbox = Outbox(folder / "buffer.db", "gw-a", clock, 10 * 2**20)
        sent = SentMessages(folder / "sent", 2**21)
        handlers = {"alert_received": lambda command: ended.append(command.id) or "noted", "ping": lambda _: "pong"}
        uplink = Uplink(settings, "gw-a", outbox, clock, handlers, sent)
        outbox.put_event("button", "sos_pressed", clock.now_us(), {}, b"")
        uplink.start()
        async with asyncio.timeout(30):
            while not done(outbox, uplink):
                uplink.pump()
                await asyncio.sleep(0.02)
        waiting = outbox.totals().pending
        await uplink.stop(0)
        outbox.close()
        return waiting

    return asyncio.run(work())


def test_with_another_gateways_certificate_nothing_is_sent_and_deleted(broker: TestBroker, tmp_path: Path) -> None:
    broker.settings("gw-a")
    with capture_logs() as logs:
        waiting = run(broker.settings("gw-b"), tmp_path, lambda *_: "another gateway's" in str(logs), [])
    assert waiting == 1


def test_the_alarm_is_ended_on_its_own_topic_alone(broker: TestBroker, tmp_path: Path) -> None:
    replies: queue.Queue[wire.Reply] = queue.Queue()
    ready = threading.Event()
    console = mqtt.make_client(broker.settings("svc-console"), "console", clean=True)
    console.on_connect = lambda c, *_: c.subscribe(wire.subscription("replies"), 1)
    console.on_subscribe = lambda *_: ready.set()
    console.on_message = lambda _c, _u, message: replies.put(wire.decode(wire.Reply, message.payload))
    mqtt.start(console, broker.settings("svc-console"))
    assert ready.wait(20)
    alerting = mqtt.make_client(broker.settings("svc-alerting"), "alerting", clean=True)
    mqtt.start(alerting, broker.settings("svc-alerting"))
    ended: list[str] = []
    answers: dict[str, wire.Reply] = {}
    asked = threading.Event()

    def done(_outbox: Outbox, uplink: Uplink) -> bool:
        if uplink.online and alerting.is_connected() and not asked.is_set():
            asked.set()
            for sender, leaf, kind, name in (
                (console, "commands", "alert_received", "forged"),
                (console, "alarm", "alert_received", "refused by the broker"),
                (console, "commands", "ping", "ping"),
                (alerting, "alarm", "alert_received", "true"),
            ):
                command = wire.Command(wire.VERSION, name, kind, 0)
                sender.publish(wire.topic("gw-a", leaf), wire.encode(command), qos=1)  # type: ignore[arg-type]
        while not replies.empty():
            reply = replies.get()
            answers[reply.id] = reply
        return {"forged", "ping", "true"} <= answers.keys()

    try:
        run(broker.settings("gw-a"), tmp_path, done, ended)
    finally:
        mqtt.stop(console)
        mqtt.stop(alerting)
    assert ended == ["true"]
    assert (answers["forged"].ok, answers["ping"].ok, answers["true"].ok) == (False, True, True)
