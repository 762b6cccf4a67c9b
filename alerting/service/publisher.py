"""Publishes the findings of the engine to the consoles, then puts them on disk for the writer."""

import uuid
from collections.abc import Callable

import structlog

from alerting.core.finding import CLOSING, OVER, Finding
from alerting.service.district import build_notice, told
from alerting.service.downlink import Publish
from alerting.service.first_call import FirstCall
from alerting.service.spool import Spool
from alerting.service.storing.forms import storable
from alerting.service.storing.record import Record
from care_network.records.registry import Registry
from database.clock import boot_id, steady_us
from dispatch.core import notice
from observability import metrics
from vocabulary.synthetic import is_synthetic

log = structlog.get_logger(__name__)

OPEN_MOST = 50_000
"""Ids of open alerts that are remembered; of an older one a second opening is written again, which changes nothing."""
UNPUBLISHED = (*OVER, "note")
"""Consoles read changes of an alert they have from the database; only a notice that shows one has to be sent."""


class Publisher:
    """Publishes and spools. ``publish`` sends a payload to a topic; ``registry`` gives the present registry, ``now_us``
    the time."""

    def __init__(
        self,
        spool: Spool,
        first_call: FirstCall,
        publish: Publish,
        registry: Callable[[], Registry],
        now_us: Callable[[], int],
    ) -> None:
        self._now_us, self._boot = now_us, boot_id()
        self._spool, self._first_call = spool, first_call
        self._publish, self._registry = publish, registry
        self._open: dict[uuid.UUID, None] = {}
        """Alerts that this process opened, the oldest first."""

    def take(self, findings: list[Finding], received_us: int) -> None:
        """Publish each finding, but for alerts that are open already; on disk when this returns."""
        records = []
        registry = self._registry()
        for finding in findings if not registry.gone else [told(registry, one) for one in findings]:
            if finding.action == "open" and finding.alert_id in self._open:
                continue
            record = Record(storable(finding), received_us, self._now_us(), steady_us(), self._boot)
            if finding.action in CLOSING:
                self._open.pop(finding.alert_id, None)
            elif finding.action in ("open", "update"):
                self._open[finding.alert_id] = None
                if len(self._open) > OPEN_MOST:
                    del self._open[next(iter(self._open))]
            self.notify(record)
            records.append(record)
            proof = self._is_proof(finding)
            if not proof:
                metrics.findings.labels(finding.action, finding.severity).inc()
            if finding.action == "open" and not proof:
                metrics.raise_seconds.labels(finding.severity).observe((record.raised_us - finding.sensed_us) / 1e6)
            log.info("finding", action=finding.action, rule=finding.rule, alert_id=str(finding.alert_id))
        if records:
            self._spool.put(records)
            for record in records:
                self._first_call.raised(record)

    def _is_proof(self, finding: Finding) -> bool:
        """Whether it is about a synthetic home: it is in no statistic of people."""
        home = self._registry().households.get(finding.household_id)
        return home is not None and is_synthetic(home.area_path)

    def notify(self, record: Record) -> None:
        """Publish the notice of one finding. Thread-safe."""
        if record.finding.action not in UNPUBLISHED:
            alert = build_notice(self._registry(), record.finding, record.received_us, record.raised_us, "raised", 1)
            self._publish(notice.TOPIC, notice.encode(alert))
