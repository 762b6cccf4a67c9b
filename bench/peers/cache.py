"""Where ``bench/peers/setup.sh`` has put the other programs."""

import os
from pathlib import Path

Command = tuple[list[str], dict[str, str]]
"""What starts a program: its arguments, and what its environment has besides ours."""


def folder_of(peer: str) -> Path | None:
    """The folder of a peer ('node-red', 'collectd'); None where it was not set up."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("SHOUWANG_PEERS") or cache / "shouwang/peers") / peer
    return folder if (folder / ".done").exists() else None
