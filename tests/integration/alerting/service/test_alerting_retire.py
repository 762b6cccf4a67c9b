"""The sessions of an alerting process that is gone can be ended, on both brokers."""

import queue

import pytest

from alerting.__main__ import main
from alerting.service.receiving.mailbox import sessions
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker
from tests.support.brokers import TestBroker

pytestmark = pytest.mark.integration


def visit(settings: Broker, name: str) -> bool:
    """Connect to the persistent session, subscribe, leave; whether the broker had it."""
    present: queue.Queue[bool] = queue.Queue()
    ready: queue.Queue[int] = queue.Queue()
    client = mqtt.make_client(settings, name, clean=False)
    client.on_connect = lambda c, _u, flags, *_: (
        present.put(flags.session_present),
        c.subscribe(wire.subscription("events"), 1),
    )
    client.on_subscribe = lambda *_: ready.put(1)
    mqtt.start(client, settings)
    ready.get(timeout=20)
    mqtt.stop(client)
    return present.get()


def test_a_retired_alerting_leaves_no_session(broker: TestBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = broker.settings("svc-alerting")
    for name in settings.__struct_fields__:
        monkeypatch.setenv(f"SHOUWANG_BROKER_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("SHOUWANG_ALERTING_WORKER", "alerting-gone")
    names = sessions("alerting-gone")
    assert [visit(settings, name) for name in names] == [False, False]
    assert [visit(settings, name) for name in names] == [True, True]
    assert main(ending=True)
    assert [visit(settings, name) for name in names] == [False, False]
