"""Synthetic residents, by which the path of an emergency is proved: the place where they live, and who hears them.

No person lives below :data:`AREA`, and no person is told of what happens there: each message goes to
:data:`RECIPIENT`.
"""

AREA = "synthetic"
"""Path of the area above all synthetic homes. It lies beside the city, so that no account's area holds it."""
RECIPIENT = "path"
"""Key of the service that hears of them, in place of every person."""
CHANNEL = "loopback"
"""The delivery channel to it, which writes its own receipt."""
PLATFORM_HOME = "PLATFORM"
"""Code of the household that stands for the platform itself in technical alerts: nobody lives there, no list of homes
has it, and it counts as none."""


def is_synthetic(path: str) -> bool:
    """Whether a home in the area of this path is synthetic."""
    return path == AREA or path.startswith(f"{AREA}.")
