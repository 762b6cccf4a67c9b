"""The detectors, one file each, and those of other packages; a new file here is a new detector."""

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import structlog

from alerting.detection.kit import plugins
from alerting.detection.kit.detector import Detector, Rule
from vocabulary.parameter import Parameter

log = structlog.get_logger(__name__)
_on_trial: dict[str, type[Detector]] = {}


@cache
def all_detectors() -> dict[str, type[Detector]]:
    """Detector classes by name: ours, ``<file>.<class>``, in the order of their names, then those of plug-ins."""
    found = dict(own_detectors())
    found |= {plugin.name: plugin.kind for plugin in all_plugins() if plugin.kind is not None}
    return found | _on_trial


def own_detectors() -> dict[str, type[Detector]]:
    """Those of the files in this folder."""
    found = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        namespace = vars(importlib.import_module(f"{__name__}.{module.name}"))
        for name, value in namespace.items():
            own = isinstance(value, type) and value.__module__ == f"{__name__}.{module.name}"
            if own and issubclass(value, Detector):
                found[f"{module.name}.{name}"] = value
    return found


@cache
def all_plugins() -> tuple[plugins.Found, ...]:
    """The detectors that other packages install, and those of them that are left out, with the reason (logged)."""
    found = tuple(plugins.installed(own_detectors()))
    for plugin in found:
        if plugin.fault:
            log.error("a plug-in is left out", detector=plugin.name, package=plugin.package, why=plugin.fault)
    return found


@contextmanager
def on_trial(name: str, kind: type[Detector]) -> Iterator[None]:
    """Have one detector more for a while, as if it were installed. Raises ValueError where it cannot be."""
    _on_trial[name] = plugins.check(kind, {known: other for known, other in all_detectors().items() if known != name})
    _forget()
    try:
        yield
    finally:
        del _on_trial[name]
        _forget()


def _forget() -> None:
    for known in (all_detectors, all_parameters, all_rules):
        known.cache_clear()


@cache
def all_parameters() -> dict[str, Parameter]:
    """Every tunable parameter by name. Raises ValueError where two detectors claim one name."""
    found: dict[str, Parameter] = {}
    for detector in all_detectors().values():
        for name, parameter in detector.parameters.items():
            if found.setdefault(name, parameter) is not parameter:
                raise ValueError(f"two detectors declare the parameter {name}")
    return found


@cache
def all_rules() -> dict[str, Rule]:
    """Every rule by name. Raises ValueError where two detectors claim one."""
    found: dict[str, Rule] = {}
    for detector in all_detectors().values():
        for name, rule in detector.rules.items():
            if found.setdefault(name, rule) is not rule:
                raise ValueError(f"two detectors declare the rule {name}")
    return found
