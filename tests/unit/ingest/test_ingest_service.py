"""The ingest service as a process: alive means at work."""

import threading

import paho.mqtt.client as paho
import pytest

from database.settings import DatabaseSettings
from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker
from ingest import service
from ingest.settings import IngestSettings
from observability.liveness import Part


def test_a_fault_in_a_thread_ends_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(_self: service.Ingest, _part: Part) -> None:
        raise TypeError("a fault of ours")

    monkeypatch.setattr(service, "REPORT_S", 0.05)
    monkeypatch.setattr(service.Ingest, "_prepare", faulty)
    nowhere = DatabaseSettings(url="postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(RuntimeError, match="prepare"):
        service.run(IngestSettings(), nowhere, Broker(port=1), threading.Event())


def test_a_topic_that_is_no_text_is_heard_all_the_same() -> None:
    message = paho.MQTTMessage(1, b"care/v1/\xff/gw-1/readings")
    assert mqtt.topic_of(message) == r"care/v1/\xff/gw-1/readings"
