"""Activities of SisFall's trials (Sucerquia et al., Sensors 2017, 17(1):198, tables 2 and 3)."""

from edge_agent.fall.placement import Course

COURSES: dict[str, Course] = {
    **dict.fromkeys(("D07", "D08", "D09", "D10", "D17", "F10", "F11", "F12"), "sitting down"),
    **dict.fromkeys(("D11", "F13", "F14", "F15"), "seated"),
    **dict.fromkeys(("D12", "D13"), "lying down"),
    "D14": "lying",
    "D15": "crouching",
    **dict.fromkeys(("F08", "F09"), "rising"),
}
"""By activity; the others stay upright, or fall from standing."""


def is_fall(trial: str) -> bool:
    """Whether a trial, named like ``F01_R02``, is a fall."""
    return trial.startswith("F")


def course(trial: str) -> Course:
    """The movement in a trial named like ``D08_R01``."""
    return COURSES.get(trial.split("_")[0], "upright")
