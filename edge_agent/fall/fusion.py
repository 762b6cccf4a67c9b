"""Merge the reports of a pendant and the radars of a home about the same fall, so that it is reported once. No clock.

A suspicion begins a fall. Another sensor that suspects within ``MERGE_US`` joins it; a worn and a room sensor that
agree confirm it. A radar only says "fallen" and "not any more": a state that lasts is confirmed. The fall keeps the
device and the time that it began with, which identify the alert.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from edge_agent.fall.events import FallKind
from firmware_profiles import wire

MERGE_US = 15_000_000
"""Radars need up to this long to call a fall (maker's figures for 60 GHz fall radars: about 5 to 15 s on the floor)."""
LASTING_US = 8_000_000
"""A radar's fall state that lasts this long is confirmed."""
FORGET_US = 300_000_000
"""A later report is about another fall."""

Source = Literal["worn", "room"]


class FallNews(msgspec.Struct, frozen=True):
    """An event about a fall, for the district."""

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


class _Fall(msgspec.Struct):
    device: str
    began_us: int
    witnesses: dict[str, _Witness] = {}
    over: bool = False
    """Confirmed or taken back: nothing more is reported."""

    def confidence(self) -> float:
        """Probability that at least one of the independent witnesses is right."""
        wrong = 1.0
        for witness in self.witnesses.values():
            if witness.kind != "recovered":
                wrong *= 1 - witness.confidence
        return round(1 - wrong, 4)


class FallFusion:
    """All falls of one home."""

    def __init__(self) -> None:
        self._falls: list[_Fall] = []

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
        """Take in a report; the events that follow. ``time_us`` is the fall's time, the same in all its steps.

        A room sensor that reports "recovered" gives the time of that report.
        """
        self._falls = [fall for fall in self._falls if time_us - fall.began_us < FORGET_US]
        fall = self._find(device, source, kind, time_us)
        if fall is None:
            if kind == "recovered":
                return []
            fall = _Fall(device, time_us)
            self._falls.append(fall)
        previous = fall.witnesses.get(device)
        since_us = time_us if previous is None else previous.time_us
        fall.witnesses[device] = _Witness(source, kind, since_us, confidence)
        if fall.over:
            return []
        if kind == "confirmed" or (kind == "suspected" and self._agreed(fall)):
            fall.over = True
            outcome: FallKind = "confirmed"
        elif kind == "suspected":
            if previous is not None or len(fall.witnesses) > 1:
                return []
            outcome = "suspected"
        elif all(witness.kind == "recovered" for witness in fall.witnesses.values()):
            fall.over = True
            outcome = "recovered"
        else:
            return []
        news_values = {**(values or {}), "confidence": confidence if outcome == "recovered" else fall.confidence()}
        if len(fall.witnesses) > 1:
            news_values["witnesses"] = " ".join(sorted(fall.witnesses))
        return [FallNews(fall.device, outcome, fall.began_us, news_values, evidence)]

    def advance(self, now_us: int) -> list[FallNews]:
        """The events that follow because time has passed: a radar's fall that lasts."""
        news = []
        for fall in self._falls:
            for device, witness in list(fall.witnesses.items()):
                lasting = witness.source == "room" and witness.kind == "suspected"
                if lasting and not fall.over and now_us - witness.time_us >= LASTING_US:
                    values: dict[str, wire.Scalar] = {"lasted_s": round((now_us - witness.time_us) / 1e6, 1)}
                    news += self.report(device, "room", "confirmed", witness.time_us, witness.confidence, values)
        return news

    def _find(self, device: str, source: Source, kind: FallKind, time_us: int) -> _Fall | None:
        for fall in reversed(self._falls):
            mine = fall.witnesses.get(device)
            if mine is not None:
                same_fall = mine.time_us == time_us or (source == "room" and kind == "recovered")
                if same_fall or abs(time_us - mine.time_us) <= MERGE_US:
                    return fall
                continue
            # two worn sensors are on two people
            another_person = source == "worn" and any(w.source == "worn" for w in fall.witnesses.values())
            if not another_person and kind != "recovered" and abs(time_us - fall.began_us) <= MERGE_US:
                return fall
        return None

    def _agreed(self, fall: _Fall) -> bool:
        sources = [witness.source for witness in fall.witnesses.values() if witness.kind != "recovered"]
        return "worn" in sources and "room" in sources
