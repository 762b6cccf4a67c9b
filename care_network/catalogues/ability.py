"""The grades of the assessment of elderly people's abilities, 老年人能力评估规范 GB/T 42195-2022."""

from collections.abc import Mapping
from typing import Literal

Grade = Literal["intact", "mild", "moderate", "severe", "lost"]

GRADES: Mapping[str, tuple[str, str]] = {
    "intact": ("能力完好", "intact"),
    "mild": ("轻度失能", "mildly impaired"),
    "moderate": ("中度失能", "moderately impaired"),
    "severe": ("重度失能", "severely impaired"),
    "lost": ("完全失能", "fully dependent"),
}
"""(Chinese, English) by code, from the best to the worst."""
