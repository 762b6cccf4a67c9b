"""Events are taken before statuses, and these before frames, whatever came first; frames many at once."""

from alerting.service.receiving.mailbox import AT_ONCE, Mailbox, ReceivedMessage
from firmware_profiles.link.mqtt import Broker
from firmware_profiles.link.publish_stream import Delivery
from tests.support.taps import unconnected


def deliver(mailbox: Mailbox, mid: int, leaf: str) -> None:
    line = int(leaf in ("readings", "observations"))
    mailbox._received(line, [Delivery(f"care/v1/00/gw-1/{leaf}".encode(), bytes([mid % 256]), mid, 2)], unconnected())


def test_the_most_urgent_first() -> None:
    mailbox = Mailbox(Broker(), "worker", lambda: None, lambda: None)
    for number, leaf in enumerate(("readings", "status", "readings", "events", "events")):
        deliver(mailbox, number, leaf)
    refused: list[ReceivedMessage] = []
    assert mailbox.event(lambda message: bool(refused.append(message))) is None
    assert [message.mid for message in refused] == [3]
    first = mailbox.event(lambda _: True)
    assert first is not None
    taken = [[message.mid for message in messages] for messages in iter(lambda: mailbox.take(0), [])]
    assert [[first.mid], *taken] == [[3], [4], [1], [0, 2]]


def test_frames_are_taken_many_at_once_up_to_a_number() -> None:
    mailbox = Mailbox(Broker(), "worker", lambda: None, lambda: None)
    for number in range(AT_ONCE + 3):
        deliver(mailbox, number, "readings")
    assert [len(mailbox.take(0)), len(mailbox.take(0)), len(mailbox.take(0))] == [AT_ONCE, 3, 0]


def test_a_topic_that_is_no_text_stops_nothing() -> None:
    mailbox = Mailbox(Broker(), "worker", lambda: None, lambda: None)
    mailbox._received(0, [Delivery(b"care/v1/\xff/gw-1/events", b"", 1, 2)], unconnected())
    (taken,) = mailbox.take(0)
    assert taken.topic == r"care/v1/\xff/gw-1/events"
