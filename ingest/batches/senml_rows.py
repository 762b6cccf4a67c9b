"""Turn SenML packs into rows. Pure; the clock is passed in.

SenML has no sequence numbers: a row is a repetition when a reading of its series and time is stored already. So a pack
with absolute times may be delivered any number of times. Relative times count from the arrival; where the broker marks
a delivery as a repetition, or as retained, they count from the earlier arrival of the same bytes.
"""

from collections import OrderedDict
from hashlib import sha256

import msgspec
import numpy as np
import structlog

from firmware_profiles import senml, wire
from firmware_profiles.channels import CHANNELS
from firmware_profiles.errors import DecodeError
from ingest.batches.directory import Directory
from ingest.quarantine.refusals import Code, Refusal, fault, trace

log = structlog.get_logger(__name__)

REMEMBERED = 10_000
"""Packs whose arrival is held in memory; older ones are looked up in the database."""
_CODES = {
    "name": Code.NOT_A_READING,
    "value": Code.NOT_A_READING,
    "channel": Code.UNKNOWN_CHANNEL,
    "unit": Code.WRONG_UNIT,
}


class Delivery(msgspec.Struct, frozen=True):
    """A SenML message as it arrived. ``again``: the broker marks it as a repetition (DUP); ``retained``: as one that it
    has kept since some earlier time (RETAIN, MQTT 3.1.1, 3.3.1.3)."""

    topic: str
    payload: bytes
    arrived_us: int
    again: bool = False
    retained: bool = False


class SenmlRow(msgspec.Struct, frozen=True):
    """A reading without a sequence number; ``record`` and ``topic`` are its origin, needed if it is refused later."""

    series_id: int
    time_us: int
    value: float
    """Rounded to float32, as it is stored."""
    record: senml.Record
    topic: str


class SenmlRows(msgspec.Struct):
    """The SenML part of one transaction."""

    rows: list[SenmlRow] = []
    gateways: set[int] = set()
    arrivals: dict[tuple[int, bytes], int] = {}
    """(gateway id, SHA-256) of packs with relative times → when they came, µs since 1970."""
    refusals: list[Refusal] = []


class SenmlBatcher:
    """Turns SenML deliveries into rows."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._arrivals: OrderedDict[tuple[int, bytes], int] = OrderedDict()

    def build(self, deliveries: list[Delivery], earliest_us: int, latest_us: int) -> SenmlRows:
        """Decode these deliveries. Raises nothing for their contents: every record becomes a row or a refusal."""
        rows = SenmlRows([], set(), {}, [])
        for delivery in deliveries:
            self._sort(delivery, rows, earliest_us, latest_us)
        return rows

    def _sort(self, delivery: Delivery, rows: SenmlRows, earliest_us: int, latest_us: int) -> None:
        topic, payload = delivery.topic, delivery.payload

        def refuse(code: Code, reason: str) -> None:
            gateway = wire.gateway_in(topic)
            rows.refusals.append(
                Refusal(topic=topic, gateway=gateway, code=code, reason=reason, payload=payload, size=len(payload))
            )

        if len(payload) > wire.MAX_PAYLOAD:
            size = f"{len(payload)} bytes; a message may have {wire.MAX_PAYLOAD}: send smaller packs"
            return refuse(Code.TOO_LARGE, size)
        try:
            gateway = senml.parse_topic(topic)
        except DecodeError as error:
            return refuse(Code.UNDECODABLE, f"{error}; check the gateway's configuration")
        gateway_id = self._directory.gateway(gateway)
        if gateway_id is None:
            return refuse(
                Code.UNKNOWN_GATEWAY, f"no gateway {gateway!r} is registered: provision it, then process this again"
            )
        digest = sha256(payload).digest()
        arrived_us = delivery.arrived_us
        before_us = None
        if delivery.again or delivery.retained:
            before_us = self._arrivals.get((gateway_id, digest)) or self._directory.arrival(gateway_id, digest)
            arrived_us = before_us or arrived_us
        try:
            pack = senml.decode(payload, arrived_us)
        except DecodeError as error:
            return refuse(Code.UNDECODABLE, f"not SenML: {error}")
        except Exception as error:  # a fault of the decoder must not hold up the other messages
            log.error("a SenML pack cannot be decoded", topic=topic, trace=trace(error))
            return refuse(Code.FAULT, fault(error))
        if pack.relative and delivery.retained and before_us is None:
            text = (
                "a retained message with relative times: nobody knows how old it is; publish it without the retain"
                " flag, or with absolute times"
            )
            return refuse(Code.NOT_A_READING, text)
        for one in pack.faulty:
            part = senml.encode([one.fields])
            rows.refusals.append(
                Refusal(
                    topic=topic,
                    gateway=gateway,
                    code=Code.UNDECODABLE,
                    reason=f"not SenML: {one.reason}",
                    payload=part,
                    size=len(part),
                )
            )
        if pack.relative:
            rows.arrivals[gateway_id, digest] = arrived_us
            self._arrivals[gateway_id, digest] = arrived_us
            if len(self._arrivals) > REMEMBERED:
                self._arrivals.popitem(last=False)
        rows.gateways.add(gateway_id)
        self._sort_records(topic, gateway_id, pack, rows, earliest_us, latest_us)
        return None

    def _sort_records(
        self, topic: str, gateway_id: int, pack: senml.Pack, rows: SenmlRows, earliest_us: int, latest_us: int
    ) -> None:
        refused: dict[tuple[Code, str, str], list[senml.Record]] = {}
        for record in pack.records:
            verdict = self._row(topic, record, gateway_id, earliest_us, latest_us)
            if isinstance(verdict, SenmlRow):
                rows.rows.append(verdict)
            else:
                refused.setdefault(verdict, []).append(record)
        for (code, reason, device), records in refused.items():
            rows.refusals.append(refusal_of(topic, records, code, reason, device))

    def _row(
        self, topic: str, record: senml.Record, gateway_id: int, earliest_us: int, latest_us: int
    ) -> SenmlRow | tuple[Code, str, str]:
        """Check the record: a row, or the refusal's (code, reason, device that is not registered)."""
        try:
            reading = senml.measure(record)
        except senml.MeasurementError as error:
            return _CODES[error.kind], str(error), ""
        device_id = self._directory.device(gateway_id, reading.device)
        if device_id is None:
            text = f"no device {reading.device!r} is registered at this gateway: pair it, then process this again"
            return Code.UNKNOWN_DEVICE, text, reading.device
        if not earliest_us <= reading.time_us <= latest_us:
            code = Code.TIME_AHEAD if reading.time_us > latest_us else Code.TIME_TOO_OLD
            return code, f"{record.name}: the time lies outside the accepted: check the device's clock", ""
        channel = CHANNELS[reading.channel]
        with np.errstate(over="ignore"):  # too large for float32 becomes infinite, and so impossible
            value = float(np.float32(reading.value))
        if not channel.low <= value <= channel.high:
            text = f"{record.name}: impossible (possible: {channel.low:g} to {channel.high:g} {channel.unit})"
            if record.unit == "%" and channel.unit == "%":
                text += "; SenML's % is a ratio (RFC 8428, section 12.1, note 1): send 0.97, or 97 with unit /100"
            return Code.IMPOSSIBLE_VALUE, text, ""
        series_id = self._directory.series(device_id, reading.channel)
        return SenmlRow(series_id, reading.time_us, value, record, topic)


def refusal_of(topic: str, records: list[senml.Record], code: Code, reason: str, device: str = "") -> Refusal:
    """Build the quarantine entry of refused records: a pack with absolute times."""
    payload = senml.encode(senml.resolved_fields(record) for record in records)
    channels = tuple(sorted({record.name.replace(":", "/").rsplit("/", 1)[-1] for record in records}))
    return Refusal(
        topic=topic,
        gateway=wire.gateway_in(topic),
        code=code,
        reason=reason,
        payload=payload,
        size=len(payload),
        readings=len(records),
        device=device,
        channels=channels,
    )
