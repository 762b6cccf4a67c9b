"""Encode messages for the outbox, and turn a numbered row into the message on the wire."""

from collections.abc import Sequence

import msgspec

from edge_agent.outbox.file import Row
from firmware_profiles import wire


class _EventBody(msgspec.Struct, frozen=True, array_like=True):
    device: str
    kind: str
    values: dict[str, wire.Scalar]
    evidence: bytes


def event_body(device: str, kind: str, values: dict[str, wire.Scalar], evidence: bytes) -> bytes:
    return msgspec.msgpack.encode(_EventBody(device, kind, values, evidence))


def frame_body(series: Sequence[wire.Series]) -> bytes:
    return msgspec.msgpack.encode(list(series))


def payload(row: Row, gateway: str) -> bytes:
    """The wire message of a row that has its number."""
    head = (wire.VERSION, gateway, row.epoch, row.boot)
    if row.lane == "events":
        body = msgspec.msgpack.decode(row.body, type=_EventBody)
        return wire.encode(wire.Event(*head, row.seq, row.made_us, body.device, body.kind, body.values, body.evidence))
    series = msgspec.msgpack.decode(row.body, type=list[wire.Series])
    stream: wire.Stream = "live" if row.stream == "live" else "backfill"
    return wire.encode(wire.Frame(*head, stream, row.seq, row.made_us, series))
