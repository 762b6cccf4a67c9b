"""The states of an alert. Transitions between them: :mod:`dispatch.alerts.lifecycle`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

AlertState = Literal["raised", "acknowledged", "responding", "on_scene", "resolved", "cancelled", "cleared"]

OPEN: tuple[AlertState, ...] = ("raised", "acknowledged", "responding", "on_scene")
"""States in which somebody still has to act. SQL: ``alert_is_open()`` (migration 0070)."""

STATE_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "raised": ("未接警", "waiting for somebody"),
        "acknowledged": ("已接警", "acknowledged"),
        "responding": ("前往中", "on the way"),
        "on_scene": ("已到达", "on scene"),
        "resolved": ("已办结", "resolved"),
        "cancelled": ("已取消", "cancelled"),
        "cleared": ("已自动解除", "over by itself"),
    }
)
"""In Chinese and English."""
