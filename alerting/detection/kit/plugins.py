"""Finds detectors that other packages install, by the entry-point group ``shouwang.detectors``, and looks them over.

A package that cannot be imported, or whose detector would break what is there, is left out with the reason. Its own
failures at work are the engine's affair: they are reported, and the others go on.
"""

import re
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import msgspec

from alerting.detection.kit.context import District
from alerting.detection.kit.detector import Detector, Rule
from vocabulary.parameter import Parameter

GROUP = "shouwang.detectors"
RESERVED = ("limit", "sla")
"""First parts of parameters' names that are no detector's."""
_RULE = re.compile(r"[a-z][a-z0-9_]*")
_PARAMETER = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


class Found(msgspec.Struct, frozen=True):
    """An entry point: its detector, or the reason why it is left out. ``package``: with its version."""

    name: str
    package: str
    kind: type[Detector] | None = None
    fault: str = ""


def installed(known: Mapping[str, type[Detector]]) -> list[Found]:
    """Load every installed plug-in, in the order of their names. ``known``: our own, whose names are taken."""
    taken = dict(known)
    found = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        package = "" if point.dist is None else f"{point.dist.name} {point.dist.version}"
        try:
            kind = _loaded(point, taken)
        except (Exception, SystemExit) as error:
            found.append(Found(point.name, package, fault=f"{type(error).__name__}: {error}"))
        else:
            taken[point.name] = kind
            found.append(Found(point.name, package, kind))
    return found


def check(kind: Any, known: Mapping[str, type[Detector]]) -> type[Detector]:
    """Look a detector over before it runs: its words, its names, and an empty district.

    Raises ValueError that says what to mend, and whatever the detector itself raises.
    """
    if not (isinstance(kind, type) and issubclass(kind, Detector)):
        raise ValueError(f"{kind!r} is no subclass of alerting.detection.kit.detector.Detector")
    for name, rule in kind.rules.items():
        if not isinstance(rule, Rule):
            raise ValueError(f"rule {name}: a Rule(…), not {rule!r}")
        if not _RULE.fullmatch(name):
            raise ValueError(f"rule {name!r}: write its name in lower case with _, as in low_perfusion")
        if not all(rule.title):
            raise ValueError(f"rule {name}: give it a title=(Chinese, English)")
        _free(name, known, "rules")
    for name, parameter in kind.parameters.items():
        if not isinstance(parameter, Parameter):
            raise ValueError(f"parameter {name}: a Parameter(…), not {parameter!r}")
        if not _PARAMETER.fullmatch(name) or name.partition(".")[0] in RESERVED:
            raise ValueError(f"parameter {name!r}: write <detector>.<parameter>, as in perfusion.low")
        if not parameter.low <= parameter.default <= parameter.high:
            raise ValueError(f"parameter {name}: its default {parameter.default:g} is outside of its own limits")
        _free(name, known, "parameters")
    kind().learn(District([], {}, {}))
    return kind


def _loaded(point: EntryPoint, taken: Mapping[str, type[Detector]]) -> type[Detector]:
    if point.name in taken:
        raise ValueError(f"another detector is called {point.name}")
    return check(point.load(), taken)


def _free(name: str, known: Mapping[str, type[Detector]], what: str) -> None:
    for other, kind in known.items():
        if name in getattr(kind, what):
            raise ValueError(f"{name} is one of the {what} of {other}: take another name")
