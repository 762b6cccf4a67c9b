"""Build one batch from messages of every kind: frames, events and statuses, SenML packs, and shed messages.

Reads the district and the marks over one database connection, and lets its errors through.
"""

from collections.abc import Sequence
from typing import Any

import psycopg

from firmware_profiles import wire
from ingest.batches.batch import Batch, Batcher, Limits
from ingest.batches.database_directory import DatabaseDirectory
from ingest.batches.senml_rows import Delivery, SenmlBatcher
from ingest.quarantine.refusals import Code, Refusal
from ingest.receiving.subscriber import ReceivedMessage

_OVER_LIMIT = (
    "the gateway sends more than its allowance and the room for such gateways is full: mend it, then process this again"
)


class Builder:
    """Builds batches; holds the streams' marks in memory between them."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._directory = DatabaseDirectory(conn)
        self._batcher = Batcher(self._directory, self._directory.mark)
        self._senml = SenmlBatcher(self._directory)

    def build(self, messages: Sequence[ReceivedMessage], shed: Sequence[ReceivedMessage], limits: Limits) -> Batch:
        """Decide on these messages, in their order. Raises psycopg.OperationalError while the database is away."""
        frames: list[tuple[str, bytes]] = []
        deliveries: list[Delivery] = []
        given_up: list[ReceivedMessage] = []
        for message in messages:
            if message.payload is None:
                given_up.append(message)
            elif message.topic.startswith("senml/"):
                deliveries.append(
                    Delivery(message.topic, message.payload, message.arrived_us, message.again, message.retained)
                )
            else:
                frames.append((message.topic, message.payload))
        limits = self._directory.narrow(limits)
        batch = self._batcher.build(frames, limits)
        if deliveries:
            batch.senml = self._senml.build(deliveries, limits.earliest_us, limits.latest_us)
        batch.refusals += [_over_limit(message) for message in (*given_up, *shed)]
        return batch


def _over_limit(message: ReceivedMessage) -> Refusal:
    gateway = wire.gateway_in(message.topic)
    return Refusal(
        topic=message.topic,
        gateway=gateway,
        code=Code.OVER_LIMIT,
        reason=_OVER_LIMIT,
        payload=message.payload,
        size=message.size,
    )
