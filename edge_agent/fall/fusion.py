"""One fall, one story: what a pendant and the radars of a home say of the same fall is told once. Pure, no clock.

A suspicion opens a story. Another sensor that suspects within ``MERGE_US`` joins it; a worn and a room sensor that
agree confirm it. A radar only says "fallen" and "not any more": it confirms what lasts. The story keeps the device and
the time it began with, which name the alert.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from edge_agent.fall.events import FallKind
from firmware_profiles import wire

MERGE_US = 15_000_000
"""Radars need up to this long to call a fall (maker's figures for 60 GHz fall radars: about 5 to 15 s on the floor)."""
LASTING_US = 8_000_000
"""A radar's fall state that lasts so long is confirmed."""
FORGET_US = 300_000_000
"""A story this old takes in nothing more: who falls again is a new one."""

Source = Literal["worn", "room"]


class FallNews(msgspec.Struct, frozen=True):
    """One thing to tell the district about one fall."""

    device: str
    kind: FallKind
    time_us: int
    values: dict[str, wire.Scalar]
    evidence: bytes = b""


class _Witness(msgspec.Struct):
    source: Source
    kind: FallKind
    time_us: int
    confidence: float


class _Story(msgspec.Struct):
    device: str
    began_us: int
    witnesses: dict[str, _Witness] = {}
    over: bool = False
    """Confirmed or taken back: nothing more is told."""

    def confidence(self) -> float:
        """That at least one of independent witnesses is right."""
        wrong = 1.0
        for witness in self.witnesses.values():
            if witness.kind != "recovered":
                wrong *= 1 - witness.confidence
        return round(1 - wrong, 4)


class FallFusion:
    """All falls of one home."""

    def __init__(self) -> None:
        self._stories: list[_Story] = []

    def report(
        self,
        device: str,
        source: Source,
        kind: FallKind,
        time_us: int,
        confidence: float,
        values: Mapping[str, wire.Scalar] | None = None,
        evidence: bytes = b"",
    ) -> list[FallNews]:
        """What is to be told now that a device says this; ``time_us`` is the fall's time, the same for all its steps.

        A room sensor that tells "recovered" names the time at which it does.
        """
        self._stories = [story for story in self._stories if time_us - story.began_us < FORGET_US]
        story = self._find(device, source, kind, time_us)
        if story is None:
            if kind == "recovered":
                return []
            story = _Story(device, time_us)
            self._stories.append(story)
        known = story.witnesses.get(device)
        since_us = time_us if known is None else known.time_us
        story.witnesses[device] = _Witness(source, kind, since_us, confidence)
        if story.over:
            return []
        if kind == "confirmed" or (kind == "suspected" and self._agreed(story)):
            story.over = True
            told: FallKind = "confirmed"
        elif kind == "suspected":
            if known is not None or len(story.witnesses) > 1:
                return []
            told = "suspected"
        elif all(witness.kind == "recovered" for witness in story.witnesses.values()):
            story.over = True
            told = "recovered"
        else:
            return []
        news_values = {**(values or {}), "confidence": confidence if told == "recovered" else story.confidence()}
        if len(story.witnesses) > 1:
            news_values["witnesses"] = " ".join(sorted(story.witnesses))
        return [FallNews(story.device, told, story.began_us, news_values, evidence)]

    def advance(self, now_us: int) -> list[FallNews]:
        """What is to be told because time has passed: a radar's fall that lasts."""
        news = []
        for story in self._stories:
            for device, witness in list(story.witnesses.items()):
                lasting = witness.source == "room" and witness.kind == "suspected"
                if lasting and not story.over and now_us - witness.time_us >= LASTING_US:
                    values: dict[str, wire.Scalar] = {"lasted_s": round((now_us - witness.time_us) / 1e6, 1)}
                    news += self.report(device, "room", "confirmed", witness.time_us, witness.confidence, values)
        return news

    def _find(self, device: str, source: Source, kind: FallKind, time_us: int) -> _Story | None:
        for story in reversed(self._stories):
            mine = story.witnesses.get(device)
            if mine is not None:
                same_fall = mine.time_us == time_us or (source == "room" and kind == "recovered")
                if same_fall or abs(time_us - mine.time_us) <= MERGE_US:
                    return story
                continue
            # two worn sensors are on two people
            another_person = source == "worn" and any(w.source == "worn" for w in story.witnesses.values())
            if not another_person and kind != "recovered" and abs(time_us - story.began_us) <= MERGE_US:
                return story
        return None

    def _agreed(self, story: _Story) -> bool:
        sources = [witness.source for witness in story.witnesses.values() if witness.kind != "recovered"]
        return "worn" in sources and "room" in sources
