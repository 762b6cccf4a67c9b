"""Vital signs through the real engine; the NEWS2 statements that come of them are held against the chart."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from alerting.detection.detectors.news2 import News2
from alerting.detection.kit.columns import STEP_US
from alerting.detection.kit.plausible import PLAUSIBLE
from alerting.replay.files import recording_of
from alerting.replay.residents import ResidentEntry, ResidentsFile
from alerting.replay.rows import read_rows
from alerting.replay.run import replay
from tests.support.news2_chart import OBSERVED, Observation, Patient, Total

FRESH_S = {
    name.removeprefix("news2.fresh_s."): seconds
    for name, seconds in News2.constants.items()
    if name.startswith("news2.fresh_s.")
}
"""How long a value counts is ours to say, not the standard's; the chart's patient takes it from here."""
AT_ONCE_S = 7.5
"""A reading is judged with its step of 5 s, 2.5 s after the step's end."""
GRAVER = ("technical", "attention", "urgent", "emergency")


@dataclass(frozen=True)
class Said:
    """A NEWS2 statement: about the readings up to ``at_s``, told at ``told_s``."""

    at_s: int
    told_s: float
    severity: str
    ends: bool
    evidence: Mapping[str, Any]

    def asks(self, severity: str) -> bool:
        return not self.ends and GRAVER.index(self.severity) >= GRAVER.index(severity)


def write(file: Path, stays: Mapping[str, Iterable[Observation]], device: str = "monitor") -> None:
    """Write the stays as a CSV of the replay."""
    with file.open("w", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(("time", "resident", "device", "channel", "value"))
        for who, observations in stays.items():
            for seen in observations:
                rows.writerow((seen.at_s * 1_000_000, who, device, seen.parameter, float(seen.value)))


def read(file: Path) -> dict[str, list[Observation]]:
    """The scored observations of each person in a CSV, without those that no body gives."""
    stays: dict[str, list[Observation]] = defaultdict(list)
    with file.open(newline="") as text:
        for row in csv.DictReader(text):
            parameter, value = row["channel"], Fraction(row["value"])
            low, high = PLAUSIBLE.get(parameter, (0, 1))
            if parameter in OBSERVED and low <= value <= high:
                stays[row["resident"]].append(Observation(int(row["time"]) // 1_000_000, parameter, value))
    return stays


def said(file: Path, *residents: ResidentEntry) -> dict[str, list[Said]]:
    """The NEWS2 statements about each person in a CSV, by the engine with all its detectors."""
    found: dict[str, list[Said]] = defaultdict(list)
    for timed in replay(recording_of(read_rows(file), ResidentsFile(list(residents))).recording):
        finding = timed.finding
        part = finding.evidence.get("part", {"action": finding.action, "severity": finding.severity})
        if finding.evidence.get("kind") == "news2" and "parts" in finding.evidence:
            ends = part["action"] not in ("open", "update")
            at_s = (finding.sensed_us - STEP_US) // 1_000_000
            told_s = timed.told_us / 1e6
            found[finding.subject.removeprefix("resident:")].append(
                Said(at_s, told_s, part["severity"], ends, finding.evidence)
            )
    return found


def differences(patient: Patient, observations: Iterable[Observation], statements: Iterable[Said]) -> list[str]:
    """Every word of the statements that is not the chart's then. ``patient``: nothing was observed of them yet."""
    left = sorted(observations, key=lambda seen: seen.at_s)
    found = []
    for statement in sorted(statements, key=lambda one: one.at_s):
        while left and left[0].at_s <= statement.at_s:
            seen = left.pop(0)
            patient.newest[seen.parameter] = seen
        total, evidence = patient.score(statement.at_s), statement.evidence
        stated = {part["channel"]: part for part in evidence["parts"]}
        words = {
            "total": (evidence["total"], total.points),
            "highest_single": (evidence["highest_single"], total.highest),
            "level": (evidence["level"], total.response),
            "complete": (evidence["complete"], total.complete),
            "channels": (set(stated), {part[0] for part in total.parts}),
        }
        for channel, state, value, points in total.parts:
            part = stated.get(channel, {})
            right = (state, None if value is None else round(float(value), 1), points)
            words[channel] = ((part.get("state"), part.get("value"), part.get("points", 0)), right)
        found += [f"{statement.at_s}: {name} {a}, not {b}" for name, (a, b) in words.items() if a != b]
    return found


def untold(totals: Iterable[Total], statements: Iterable[Said], points: int, severity: str) -> str:
    """Why the first total of so many points was not told at its reading, nor before, since the score called for
    anything; '' where it was, or never came."""
    since_s = None
    for total in totals:
        if total.response in ("none", "low"):
            since_s = None
            continue
        since_s = total.at_s if since_s is None else since_s
        if total.points < points:
            continue
        told = [one.told_s - total.at_s for one in statements if one.at_s >= since_s and one.asks(severity)]
        if told and min(told) <= AT_ONCE_S:
            return ""
        late = f"told {min(told)} s later" if told else "never told"
        return f"{points} reached at {total.at_s} ({total.points}): {late}"
    return ""


def patient(scale: int = 1, oxygen: bool = False) -> Patient:
    """Somebody whose values count as long as the detector says."""
    return Patient(FRESH_S, scale, oxygen)
