"""Messages of every door to one batch: frames, events and states by the batcher, SenML by its door, and what was shed
to the quarantine. Over one database connection, whose errors it lets through."""

from collections.abc import Sequence
from typing import Any

import psycopg

from firmware_profiles import wire
from ingest.batches.batch import Batch, Batcher, Limits
from ingest.batches.database_directory import DatabaseDirectory
from ingest.batches.senml_rows import Delivery, Door
from ingest.quarantine.refusals import Code, Refusal
from ingest.receiving.subscriber import Received

_OVER_LIMIT = (
    "the gateway sends more than its allowance and the room for such gateways is full: mend it, then process this again"
)


class Builder:
    """Decides on messages; remembers the streams' marks between batches."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._directory = DatabaseDirectory(conn)
        self._batcher = Batcher(self._directory, self._directory.mark)
        self._door = Door(self._directory)

    def build(self, messages: Sequence[Received], shed: Sequence[Received], limits: Limits) -> Batch:
        """One batch of these messages, in their order. Raises psycopg.OperationalError while the database is away."""
        frames: list[tuple[str, bytes]] = []
        deliveries: list[Delivery] = []
        given_up: list[Received] = []
        for message in messages:
            if message.payload is None:
                given_up.append(message)
            elif message.topic.startswith("senml/"):
                deliveries.append(Delivery(message.topic, message.payload, message.arrived_us, message.again))
            else:
                frames.append((message.topic, message.payload))
        limits = self._directory.kept(limits)
        batch = self._batcher.build(frames, limits)
        if deliveries:
            batch.rows = self._door.build(deliveries, limits.earliest_us, limits.latest_us)
        batch.refusals += [_over_limit(message) for message in (*given_up, *shed)]
        return batch


def _over_limit(message: Received) -> Refusal:
    gateway = wire.gateway_in(message.topic)
    return Refusal(message.topic, gateway, Code.OVER_LIMIT, _OVER_LIMIT, message.payload, message.size)
