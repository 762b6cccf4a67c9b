"""Make the figures of a judged month: rates per resident-week, precision and recall, delays in seconds."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from device_simulators.month.truth import QUIET, TECHNICAL
from shouwang.evaluation.expected import EXPECTED
from shouwang.evaluation.scoring import FalseAlert, Found, Judged


def figures(judged: Judged) -> dict[str, Any]:
    """The numbers of a run, for people and for JSON."""
    medical = [false for false in judged.false if false.medical]
    technical = [false for false in judged.false if not false.medical]
    weeks = max(judged.weeks, 1e-9)
    kinds: dict[str, list[Found]] = defaultdict(list)
    for found in judged.found:
        kinds[found.episode.kind].append(found)
    return {
        "residents": judged.residents,
        "resident_weeks": round(judged.weeks, 2),
        "alerts": judged.alerts,
        "false_medical_per_resident_week": round(len(medical) / weeks, 4),
        "false_medical_by_rule": _rates((false.alert.rule for false in medical), weeks),
        "false_medical_by_scene": _rates((false.scene for false in medical), weeks),
        "false_technical_per_resident_week": round(len(technical) / weeks, 4),
        "false_technical_by_rule": _rates((false.alert.rule for false in technical), weeks),
        "false_technical_by_scene": _rates((false.scene for false in technical), weeks),
        "injected": len(judged.found),
        "missed": len(judged.missed),
        "by_kind": {kind: _kind(kind, kinds[kind], judged.false) for kind in EXPECTED if kind in kinds},
        "quiet_by_kind": _quiet(judged),
        "by_rule": _by_rule(judged),
    }


def summary(judged: Judged) -> dict[str, Any]:
    """The numbers of one series of homes in a line."""
    medical = sum(false.medical for false in judged.false)
    return {
        "resident_weeks": round(judged.weeks, 2),
        "false_medical_per_resident_week": round(medical / max(judged.weeks, 1e-9), 4),
        "injected": len(judged.found),
        "missed": len(judged.missed),
    }


def _rates(names: Iterable[str], weeks: float) -> dict[str, dict[str, float]]:
    return {
        name: {"alerts": count, "per_resident_week": round(count / weeks, 4)}
        for name, count in Counter(names).most_common()
    }


def _kind(kind: str, found: Sequence[Found], false: Sequence[FalseAlert]) -> dict[str, Any]:
    delays = [delay for one in found if (delay := one.delay_s) is not None]
    during = sum(one.scene == kind and one.medical for one in false)
    return {
        "injected": len(found),
        "found": len(delays),
        "technical": kind in TECHNICAL,
        "delay_median_s": round(float(np.median(delays)), 1) if delays else None,
        "delay_max_s": round(max(delays), 1) if delays else None,
        "false_medical": during,
        "missed": dict(Counter(one.why for one in found if one.why)),
    }


def _quiet(judged: Judged) -> dict[str, dict[str, int]]:
    """By quiet kind: how often it was played, and the false alerts told in it."""
    played = Counter(episode.kind for episode in judged.quiet)
    return {
        kind: {
            "played": played[kind],
            "false_medical": sum(one.scene == kind and one.medical for one in judged.false),
            "false_technical": sum(one.scene == kind and not one.medical for one in judged.false),
        }
        for kind in QUIET
        if kind in played
    }


def _by_rule(judged: Judged) -> dict[str, Mapping[str, Any]]:
    """Precision: the share of a rule's alerts that are right. Recall: of the episodes that the rule may tell, the share
    that was found, by it or by another one; ``itself``: by it."""
    right = Counter(judged.right)
    false = Counter(one.alert.rule for one in judged.false)
    may: dict[str, list[Found]] = defaultdict(list)
    for found in judged.found:
        for rule in EXPECTED[found.episode.kind].finds | (found.by if found.told_us is not None else set()):
            may[rule].append(found)
    rules: dict[str, Mapping[str, Any]] = {}
    for rule in sorted({*right, *false, *may}):
        alerts, episodes = right[rule] + false[rule], len(may[rule])
        told = [found for found in may[rule] if found.told_us is not None]
        rules[rule] = {
            "alerts": alerts,
            "precision": round(right[rule] / alerts, 3) if alerts else None,
            "episodes": episodes,
            "recall": round(len(told) / episodes, 3) if episodes else None,
            "itself": sum(rule in found.by for found in told),
        }
    return rules
