"""The metrics of all programs, each with its name, labels and meaning. Nothing else makes one.

A program shows its own metrics and those of every program (:data:`EVERY`). Names follow Prometheus's conventions: base
units (seconds, bytes), ``_total`` for counters. docs/metrics.md is made of this file. Labels have few values, and none
names a person, a home or a device.
"""

from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series for each, and nobody asks when a process was started

EVERY: Final = "every"
SERVICES: Final = (
    "ingest",
    "alerting",
    "dispatch",
    "notify",
    "orders",
    "console",
    "maintain",
    "edge",
    "path",
    "exchange",
)

SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900)
"""Limits of latencies, s: an emergency is told within 2 s, and 10 s are the most where one process dies."""
ANSWER_SECONDS: Final = (5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600)
"""Limits of the times that people take, s."""


class Family(msgspec.Struct, frozen=True):
    """A metric as the page of metrics describes it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


_registries: Final = {name: CollectorRegistry() for name in (EVERY, *SERVICES)}
_NONE: Final = CollectorRegistry()
_families: Final[dict[str, list[Family]]] = {name: [] for name in (EVERY, *SERVICES)}


def registry_of(service: str) -> CollectorRegistry:
    """The metrics of a service's own; none for one that has only those of every program (reports, issuer, lists)."""
    return _registries.get(service, _NONE)


def families(service: str) -> list[Family]:
    """Describe the metrics of a service, in the order of this file."""
    return list(_families[service])


def _counter(service: str, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Counter:
    _families[service].append(Family(name, "counter", labels, meaning))
    return Counter(name, meaning, labels, registry=_registries[service])


def _gauge(service: str, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Gauge:
    _families[service].append(Family(name, "gauge", labels, meaning))
    return Gauge(name, meaning, labels, registry=_registries[service])


def _histogram(
    service: str, name: str, meaning: str, labels: tuple[str, ...] = (), limits: tuple[float, ...] = SECONDS
) -> Histogram:
    _families[service].append(Family(name, "histogram", labels, meaning))
    return Histogram(name, meaning, labels, buckets=limits, registry=_registries[service])


# Of every program

part_up = _gauge(EVERY, "shouwang_part_up", "1: the part does its work, or has none; 0: see its state", ("part",))
part_live = _gauge(EVERY, "shouwang_part_live", "0: the part has ended or stands still: a restart helps", ("part",))
part_age = _gauge(EVERY, "shouwang_part_age_seconds", "Time since the part's last turn", ("part",))
certificate_expires = _gauge(
    EVERY, "shouwang_certificate_expires_seconds", "Time until the certificate expires; below 0: expired", ("file",)
)
broker_connected = _gauge(EVERY, "shouwang_broker_connected", "1: the connection to the broker stands", ("link",))

# ingest

readings_stored = _counter("ingest", "shouwang_readings_stored_total", "Readings stored")
frames_repeated = _counter("ingest", "shouwang_frames_repeated_total", "Frames recognised as stored already")
messages_refused = _counter("ingest", "shouwang_messages_refused_total", "Messages and readings put into quarantine")
messages_waiting = _gauge("ingest", "shouwang_ingest_waiting", "Messages taken from the broker and not yet stored")
gateways_beyond = _gauge("ingest", "shouwang_gateways_beyond_allowance", "Gateways that wait for the others")
store_seconds = _histogram("ingest", "shouwang_store_seconds", "Time of one transaction, with its repetitions")
gaps_open = _gauge("ingest", "shouwang_gaps_open", "Gaps in the streams of the gateways that are still asked for")
quarantine_open = _gauge("ingest", "shouwang_quarantine_open", "Entries in quarantine that nobody has dealt with")

# alerting

findings = _counter("alerting", "shouwang_findings_total", "Findings of the detectors", ("action", "severity"))
raise_seconds = _histogram(
    "alerting", "shouwang_sensor_to_alert_seconds", "Time from the sensor's event to the raised alert", ("severity",)
)
alert_write_seconds = _histogram("alerting", "shouwang_alert_write_seconds", "Time from the raised alert to its row")
alerts_spooled = _gauge("alerting", "shouwang_alerts_spooled", "Findings on disk that the database has not taken")
alerting_waiting = _gauge("alerting", "shouwang_alerting_waiting", "Messages that the engine has not heard yet")

# dispatch

steps = _counter("dispatch", "shouwang_ladder_steps_total", "Steps of escalation ladders that were done")
step_late_seconds = _histogram("dispatch", "shouwang_ladder_step_late_seconds", "Delay of a step after its time")
step_overdue = _gauge("dispatch", "shouwang_ladder_overdue_seconds", "Delay of the longest overdue step; 0: none is")
alerts_open = _gauge("dispatch", "shouwang_alerts_open", "Open alerts", ("severity",))
roster_holes = _gauge("dispatch", "shouwang_roster_holes", "Posts and times in the hours to come without anybody")

# notify

notify_seconds = _histogram(
    "notify", "shouwang_alert_to_notification_seconds", "Time from the raised alert to its first message", ("severity",)
)
attempts = _counter("notify", "shouwang_delivery_attempts_total", "Attempts to deliver", ("channel", "outcome"))
receipts = _counter("notify", "shouwang_late_receipts_total", "Messages whose promised receipt did not come in time")
notifications_waiting = _gauge("notify", "shouwang_notifications_waiting", "Notifications due and not yet on their way")
notification_oldest = _gauge(
    "notify", "shouwang_notification_oldest_seconds", "Delay of the longest overdue notification; 0: none is"
)
channel_suspended = _gauge(
    "notify", "shouwang_channel_suspended", "1: the channel's peer does not answer", ("channel",)
)

# orders

orders_swept = _counter("orders", "shouwang_orders_swept_total", "Work orders taken further", ("outcome",))
order_oldest = _gauge("orders", "shouwang_order_oldest_seconds", "Delay of the most overdue order; 0: none is")

# console

answer_seconds = _histogram(
    "console", "shouwang_alert_to_acknowledgement_seconds", "Time from the raised alert to the person who took it",
    ("severity",), ANSWER_SECONDS,
)  # fmt: skip
watchers = _gauge("console", "shouwang_console_watchers", "Browsers with the live board open")

# maintain

rolled_up = _counter("maintain", "shouwang_series_hours_rolled_up_total", "Hours of series rolled up")
retired = _counter("maintain", "shouwang_rows_retired_total", "Rows or chunks removed for their age")
slot_held = _gauge(
    "maintain", "shouwang_city_slot_held_bytes", "Log that the feed's server holds for the city", ("slot",)
)
slot_lost = _gauge("maintain", "shouwang_city_slot_lost", "1: the city has to copy the district anew", ("slot",))
backup_age = _gauge(
    "maintain", "shouwang_backup_age_seconds",
    "Time since the last good one of a kind on the machine that is furthest behind; wal: since a segment was archived",
    ("kind",),
)  # fmt: skip
backup_failed = _gauge("maintain", "shouwang_backup_failed", "1: the last attempt of this kind failed", ("kind",))

# edge

outbox_waiting = _gauge("edge", "shouwang_outbox_waiting", "Messages that the broker has not acknowledged")

# path

path_age = _gauge("path", "shouwang_path_age_seconds", "Time since the whole path of an emergency was proved")
path_broken = _gauge("path", "shouwang_path_broken", "1: nothing comes behind this link of the path", ("link",))

# exchange

exchange_requests = _counter("exchange", "shouwang_exchange_requests_total", "Requests of other systems", ("status",))
observations_taken = _counter(
    "exchange", "shouwang_exchange_observations_total", "Readings of other systems", ("outcome",)
)
webhook_deliveries = _counter("exchange", "shouwang_webhook_deliveries_total", "Attempts to tell", ("outcome",))
webhook_oldest = _gauge("exchange", "shouwang_webhook_oldest_seconds", "Age of the oldest event that waits; 0: none")
frames_unsent = _gauge("exchange", "shouwang_exchange_frames_waiting", "Frames that wait for the broker")
