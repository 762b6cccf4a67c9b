"""How grave an alert is: four severities, gravest first.

SQL has the same order in ``severity_rank()`` (migration 0070); a test holds the two against each other.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Severity = Literal["emergency", "urgent", "attention", "technical"]

SEVERITIES: tuple[Severity, ...] = ("emergency", "urgent", "attention", "technical")
"""Gravest first."""

SEVERITY_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "emergency": ("紧急", "emergency"),
        "urgent": ("加急", "urgent"),
        "attention": ("关注", "attention"),
        "technical": ("设备", "technical"),
    }
)
"""In Chinese and English."""

RANK: Mapping[str, int] = MappingProxyType({severity: rank for rank, severity in enumerate(SEVERITIES)})
"""Position of each severity in SEVERITIES: a lower rank is graver."""

GRAVE: tuple[Severity, ...] = ("emergency", "urgent")
"""Somebody must act now, at any hour."""
