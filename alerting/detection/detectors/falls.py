"""Raises one alert for each fall that a gateway detects: suspected, confirmed, recovered."""

import base64
from collections.abc import Iterator
from typing import ClassVar

import msgspec

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.cancelling import CANCELLED, CANCELLING
from alerting.detection.kit.context import District, Happened, subject_of
from alerting.detection.kit.detector import Detector, Rule
from alerting.detection.kit.fall_stories import FALLS, FallStories, FallStory
from vocabulary.severity import Severity

WORDS = {
    "fall_suspected": ("疑似跌倒，正在观察是否起身", "Possible fall: watching whether the person gets up"),
    "fall_confirmed": ("跌倒，倒地后未起身", "Fall: not up again"),
    "fall_recovered": ("跌倒后已自行起身", "Got up after the fall"),
}
"""Sentences for people. How hard the impact was, and how sure the detector is, stands in the evidence."""


class Falls(Detector):
    """Keeps one alert for one fall: suspected → urgent, confirmed → emergency, recovered → cleared.

    The first report's time is the onset, and so the alert's identity; see :mod:`alerting.detection.kit.fall_stories`.
    Stories are told apart here, so the ledger joins none: the second fall within minutes is an alert of its own.
    """

    version = 2
    rules: ClassVar = {
        "fall": Rule(
            title=("疑似跌倒", "possible fall"), outside="title", service="fall_assistance", again_s=0, per_day=100
        )
    }

    kinds: ClassVar = frozenset({*CANCELLING, *FALLS})

    def __init__(self) -> None:
        super().__init__()
        self.state = FallStories()

    def event(self, district: District, happened: Happened) -> Iterator[Finding]:
        if happened.kind in CANCELLING:
            for story in self.state.cancel(district, happened):
                yield self._finding(district, story, happened, "cancel", "urgent", CANCELLED)
            return
        if happened.kind not in FALLS:
            return
        stories = self.state.take(district, happened)
        if happened.kind == "fall_recovered" and not stories:  # its begin is in another process's memory
            yield self._finding(district, None, happened, "clear", "urgent")
        for story in stories:
            graver: Severity = "emergency" if story.confirmed else "urgent"
            if happened.kind == "fall_recovered":
                # of two devices that saw it one may be wrong: both have to say so
                yield self._finding(district, story, happened, "clear" if story.over else "note", graver)
            elif happened.source.id != story.source and happened.kind == "fall_suspected":
                yield self._finding(district, story, happened, "note", graver)
            elif happened.kind == "fall_suspected":
                yield self._finding(district, story, happened, "open", "urgent")
            else:
                # a lost suspicion must not swallow the fall; to open an open alert changes nothing
                yield self._finding(district, story, happened, "open", "emergency")
                graver_now = self._finding(district, story, happened, "update", "emergency")
                # if the suspicion was closed meanwhile, by a person or by signs of life, this is an alert of its own
                part = {"rule": "fall", "onset_us": story.onset_us + 1, "severity": "emergency", "action": "open"}
                yield msgspec.structs.replace(graver_now, evidence={**graver_now.evidence, "part": part})

    def _finding(
        self,
        district: District,
        story: FallStory | None,
        happened: Happened,
        action: FindingAction,
        severity: Severity,
        instead: tuple[str, str] | None = None,
    ) -> Finding:
        # a cancellation may come from another device of the home: the alert is the fall's
        source = happened.source if story is None else district.sources.get(story.source, happened.source)
        subject, resident_id = subject_of(district, source)
        zh, en = instead or WORDS[happened.kind]
        where_zh, where_en = happened.source.label_zh, happened.source.label_en
        return Finding(
            action=action,
            rule="fall",
            rule_version=self.version,
            severity=severity,
            subject=subject,
            household_id=source.household_id,
            resident_id=resident_id,
            onset_us=happened.onset_us if story is None else story.onset_us,
            sensed_us=happened.time_us,
            reason_zh=f"{zh}（{where_zh}）",
            reason_en=f"{en} ({where_en})",
            evidence={
                "kind": "fall",
                "device": happened.source.name,
                "features": happened.values,
                "signal": base64.b64encode(happened.evidence).decode(),
            },
        )
