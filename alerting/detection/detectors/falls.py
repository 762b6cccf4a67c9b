"""Raises one alert for each fall that a gateway detects: suspected, confirmed, recovered."""

import base64
from collections.abc import Iterator
from typing import ClassVar

import msgspec

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.cancelling import CANCELLED, takes_back
from alerting.detection.kit.context import District, Happened, subject_of
from alerting.detection.kit.detector import Detector, Rule
from vocabulary.severity import Severity


class LastFalls(msgspec.Struct):
    """The fall of each gateway that a long press would take back."""

    by_gateway: dict[str, Happened] = {}


class Falls(Detector):
    """Keeps one alert for one fall: suspected → urgent, confirmed → emergency, recovered → cleared.

    The impact's time is the onset, so the three events of a fall name the same alert, in every process.
    """

    rules: ClassVar = {
        "fall": Rule(title=("疑似跌倒", "possible fall"), outside="title", service="fall_assistance", story="fall")
    }

    def __init__(self) -> None:
        super().__init__()
        self.state = LastFalls()

    def event(self, district: District, happened: Happened) -> Iterator[Finding]:
        if happened.kind in ("fall_suspected", "fall_confirmed"):
            self.state.by_gateway[happened.source.gateway] = happened
        if happened.kind == "sos_cancelled":
            fall = self.state.by_gateway.pop(happened.source.gateway, None)
            if fall is not None and takes_back(happened, fall.onset_us):
                yield self._finding(district, fall, "cancel", "urgent", CANCELLED)
        elif happened.kind == "fall_suspected":
            yield self._finding(district, happened, "open", "urgent")
        elif happened.kind == "fall_confirmed":
            # a lost suspicion must not swallow the fall; to open an open alert changes nothing
            yield self._finding(district, happened, "open", "emergency")
            yield self._finding(district, happened, "update", "emergency")
        elif happened.kind == "fall_recovered":
            yield self._finding(district, happened, "clear", "urgent")

    def _finding(
        self,
        district: District,
        happened: Happened,
        action: FindingAction,
        severity: Severity,
        instead: tuple[str, str] | None = None,
    ) -> Finding:
        subject, resident_id = subject_of(district, happened.source)
        confidence = happened.values.get("confidence")
        sure = f",置信度 {confidence:.0%}" if isinstance(confidence, float) else ""
        sure_en = f", confidence {confidence:.0%}" if isinstance(confidence, float) else ""
        peak = happened.values.get("peak_g")
        hit = f",冲击 {peak:.1f} g" if isinstance(peak, float) else ""
        hit_en = f", impact {peak:.1f} g" if isinstance(peak, float) else ""
        words = {
            "fall_suspected": (f"疑似跌倒{hit}{sure}", f"Fall suspected{hit_en}{sure_en}"),
            "fall_confirmed": (f"确认跌倒,跌倒后静卧不动{sure}", f"Fall confirmed: lying still after it{sure_en}"),
            "fall_recovered": ("跌倒后已自行起身", "Got up after the fall"),
        }
        zh, en = instead or words[happened.kind]
        where_zh, where_en = happened.source.label_zh, happened.source.label_en
        return Finding(
            action=action,
            rule="fall",
            rule_version=self.version,
            severity=severity,
            subject=subject,
            household_id=happened.source.household_id,
            resident_id=resident_id,
            onset_us=happened.onset_us,
            sensed_us=happened.time_us,
            reason_zh=f"{zh}({where_zh})",
            reason_en=f"{en} ({where_en})",
            evidence={
                "kind": "fall",
                "device": happened.source.name,
                "features": happened.values,
                "signal": base64.b64encode(happened.evidence).decode(),
            },
        )
