"""The states of an alert. Transitions between them: :mod:`dispatch.alerts.lifecycle`."""

from typing import Literal

AlertState = Literal["raised", "acknowledged", "responding", "on_scene", "resolved", "cancelled", "cleared"]

OPEN: tuple[AlertState, ...] = ("raised", "acknowledged", "responding", "on_scene")
"""States in which somebody still has to act. SQL: ``alert_is_open()`` (migration 0070)."""
