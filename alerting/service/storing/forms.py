"""The forms in which an alert may be written: as it is, and barer ones where the database refuses it. Pure.

An alert is never dropped: with less evidence, with another home's address at worst, somebody still hears of it.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from alerting.core.finding import Finding
from alerting.service.storing.record import Record
from vocabulary.rule_words import KEY
from vocabulary.text import clean_text

LONGEST_REASON = 1000
MOST_EVIDENCE = 256 * 1024
"""Bytes as JSON; a notice to the consoles may have twice as many."""
DEEPEST = 12
_KEPT = (KEY, "device", "event", "window", "part")
"""Keys that stay in bare evidence: other parts of the platform read them."""


def storable(finding: Finding) -> Finding:
    """The finding with clean texts and evidence that can be written as JSON; it is bare where it cannot."""
    words = {name: clean_text(getattr(finding, name), LONGEST_REASON) for name in ("reason_zh", "reason_en", "subject")}
    try:
        evidence = _clean(finding.evidence, DEEPEST)
        size = len(msgspec.json.encode(evidence))
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        return bare(msgspec.structs.replace(finding, **words), f"{type(error).__name__}: {error}")
    finding = msgspec.structs.replace(finding, **words, evidence=evidence)
    return finding if size <= MOST_EVIDENCE else bare(finding, f"{size} bytes, {MOST_EVIDENCE} at most")


def bare(finding: Finding, why: str) -> Finding:
    """The finding with nothing in its evidence but what others rely on, and why."""
    evidence: dict[str, Any] = {"kind": "bare", "left_out": clean_text(why, 200)}
    for name in _KEPT:
        try:
            value = _clean(finding.evidence[name], DEEPEST)
            if len(msgspec.json.encode(value)) < LONGEST_REASON:
                evidence[name] = value
        except (KeyError, TypeError, ValueError, OverflowError, msgspec.MsgspecError):
            continue
    return msgspec.structs.replace(finding, evidence=evidence)


def barer(record: Record, why: str, platform_household: int | None) -> Iterator[tuple[str, Record]]:
    """(what is different, the record) of each form to try after a refusal, the fullest first.

    ``platform_household``: the household that stands for the platform itself, whose staff see everything.
    """
    finding = bare(storable(record.finding), why)
    yield "bare evidence", msgspec.structs.replace(record, finding=finding)
    finding = msgspec.structs.replace(finding, resident_id=None)
    yield "without its resident", msgspec.structs.replace(record, finding=finding)
    if platform_household is not None:
        home = f"[{finding.subject}] "
        finding = msgspec.structs.replace(
            finding,
            household_id=platform_household,
            reason_zh=clean_text(home + finding.reason_zh, LONGEST_REASON),
            reason_en=clean_text(home + finding.reason_en, LONGEST_REASON),
        )
        yield "at the platform's own address", msgspec.structs.replace(record, finding=finding)


def _clean(value: Any, depth: int) -> Any:
    if depth == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        return clean_text(value, MOST_EVIDENCE, lines=True)
    if isinstance(value, dict):
        return {clean_text(str(name), LONGEST_REASON): _clean(part, depth - 1) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(part, depth - 1) for part in value]
    return value
