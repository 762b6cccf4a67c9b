"""Write the metrics of a program in Prometheus's text format."""

import datetime as dt
from pathlib import Path

from cryptography import x509
from prometheus_client import CONTENT_TYPE_LATEST, PlatformCollector, ProcessCollector, generate_latest

from observability import metrics
from observability.liveness import Liveness, live

_process = metrics.registry_of(metrics.EVERY)
ProcessCollector(registry=_process)
PlatformCollector(registry=_process)


def expose(service: str, liveness: Liveness) -> tuple[bytes, str]:
    """The metrics of ``service`` now, and their content type."""
    for finding in liveness.look():
        metrics.part_up.labels(finding.name).set(finding.state == "well")
        metrics.part_live.labels(finding.name).set(live([finding]))
        metrics.part_age.labels(finding.name).set(finding.age_s)
        if finding.name.startswith("broker link"):
            metrics.broker_connected.labels(finding.name).set(finding.state == "well")
    for file in liveness.certificates:
        left = seconds_left(file, dt.datetime.now(dt.UTC))
        if left is not None:
            metrics.certificate_expires.labels(file.name).set(left)
    for refresh in liveness.gauges:
        refresh()
    return generate_latest(_process) + generate_latest(metrics.registry_of(service)), CONTENT_TYPE_LATEST


def seconds_left(file: Path, now: dt.datetime) -> float | None:
    """Seconds until the first certificate of a PEM file expires; None where it cannot be read."""
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):
        return None
    return (certificate.not_valid_after_utc - now).total_seconds()
