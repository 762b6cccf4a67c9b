"""The detectors, one file each; a new file here is a new detector."""

import importlib
import pkgutil
from functools import cache

from alerting.detection.kit.detector import Detector, Rule
from vocabulary.parameter import Parameter


@cache
def all_detectors() -> dict[str, type[Detector]]:
    """Detector classes by name, ``<file>.<class>``, in the order of their names."""
    found = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        namespace = vars(importlib.import_module(f"{__name__}.{module.name}"))
        for name, value in namespace.items():
            own = isinstance(value, type) and value.__module__ == f"{__name__}.{module.name}"
            if own and issubclass(value, Detector):
                found[f"{module.name}.{name}"] = value
    return found


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
