"""Build one batch from messages of every kind: frames, events and statuses, SenML packs, and shed messages.

Reads the district and the marks over one database connection, and lets its errors through.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import psycopg
import structlog

from firmware_profiles import wire
from ingest.batches.batch import Batch, Limits
from ingest.batches.batcher import Batcher
from ingest.batches.database_directory import DatabaseDirectory
from ingest.batches.senml_rows import Delivery, SenmlBatcher
from ingest.quarantine.refusals import Code, Refusal
from ingest.receiving.subscriber import ReceivedMessage

log = structlog.get_logger(__name__)
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
        self._drop_silenced(batch)
        return batch

    def _drop_silenced(self, batch: Batch) -> None:
        """Take out what came from devices of somebody who was erased. Its numbers are taken."""
        series = self._directory.silenced_series()
        devices, gateways = self._directory.silenced_devices, self._directory.silenced_gateways
        if not devices and not gateways:
            return
        heard = ~np.isin(batch.series_ids, np.array(series, np.int32))
        dropped = int(heard.size - heard.sum())
        if dropped:
            batch.times_us, batch.series_ids = batch.times_us[heard], batch.series_ids[heard]
            batch.values = batch.values[heard]
        before = len(batch.events)
        batch.events = [event for event in batch.events if event.device_id not in devices]
        dropped += before - len(batch.events)
        if batch.senml is not None:
            before, silent = len(batch.senml.rows), set(series)
            batch.senml.rows = [row for row in batch.senml.rows if row.series_id not in silent]
            dropped += before - len(batch.senml.rows)
            batch.senml.refusals = [_emptied(refusal, gateways) for refusal in batch.senml.refusals]
        # what could not be read is counted, without its bytes
        batch.refusals = [_emptied(refusal, gateways) for refusal in batch.refusals]
        if dropped:
            log.warning("data of an erased person's devices is dropped: take the devices home", pieces=dropped)


def _emptied(refusal: Refusal, gateways: frozenset[str]) -> Refusal:
    if refusal.gateway not in gateways:
        return refusal
    return msgspec.structs.replace(refusal, payload=None, device="", channels=())


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
