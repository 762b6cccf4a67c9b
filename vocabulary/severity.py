"""How grave an alert is: four severities, gravest first.

SQL has the same order in ``severity_rank()`` (migration 0070); a test holds the two against each other.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Severity = Literal["emergency", "urgent", "attention", "technical"]

SEVERITIES: tuple[Severity, ...] = ("emergency", "urgent", "attention", "technical")
"""Gravest first."""

RANK: Mapping[str, int] = MappingProxyType({severity: rank for rank, severity in enumerate(SEVERITIES)})
"""Position of each severity in SEVERITIES: a lower rank is graver."""

GRAVE: tuple[Severity, ...] = ("emergency", "urgent")
"""Somebody must act now, at any hour."""
