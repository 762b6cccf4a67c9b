"""Events are taken before statuses, and these before frames, whatever came first."""

import paho.mqtt.client as paho

from alerting.service.mailbox import Mailbox, ReceivedMessage
from firmware_profiles.link.mqtt import Broker


def test_the_most_urgent_first() -> None:
    mailbox = Mailbox(Broker(), "worker", lambda: None, lambda: None)
    for number, leaf in enumerate(("readings", "status", "readings", "events", "events")):
        message = paho.MQTTMessage(number, f"care/v1/00/gw-1/{leaf}".encode())
        message.payload = bytes([number])
        mailbox._on_message(paho.Client(paho.CallbackAPIVersion.VERSION2), int(leaf == "readings"), message)
    refused: list[ReceivedMessage] = []
    assert mailbox.event(lambda message: bool(refused.append(message))) is None
    assert [message.mid for message in refused] == [3]
    first = mailbox.event(lambda _: True)
    assert first is not None
    taken = [message.mid for message in iter(lambda: mailbox.take(0), None)]
    assert [first.mid, *taken] == [3, 4, 1, 0, 2]


def test_a_topic_that_is_no_text_stops_nothing() -> None:
    mailbox = Mailbox(Broker(), "worker", lambda: None, lambda: None)
    message = paho.MQTTMessage(1, b"care/v1/\xff/gw-1/events")
    mailbox._on_message(paho.Client(paho.CallbackAPIVersion.VERSION2), 0, message)
    taken = mailbox.take(0)
    assert taken is not None
    assert taken.topic == r"care/v1/\xff/gw-1/events"
