"""Judges whether a file with a secret is its owner's alone."""

import os
import stat
from pathlib import Path

CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Where systemd puts a service's credentials (systemd.exec(5), LoadCredential=)."""
_OTHERS, _BUT_GROUP_READS = 0o077, 0o037


def open_to_others(file: Path) -> str:
    """The mode of a file that others may read, such as '0644'; '' where nobody else may. Raises OSError.

    systemd from 254 on lets the service's user read a credential by an access list; its mask then shows as the group's
    right to read, which nobody else has.
    """
    mode = stat.S_IMODE(file.stat().st_mode)
    folder = os.environ.get(CREDENTIALS)
    of_systemd = bool(folder) and Path(folder or "").resolve() in file.resolve().parents
    return f"{mode:04o}" if mode & (_BUT_GROUP_READS if of_systemd else _OTHERS) else ""
