"""Find the programs that ``bench/peers/setup.sh`` has installed."""

import os
from pathlib import Path

Command = tuple[list[str], dict[str, str]]
"""Arguments of a program, and the variables that its environment has besides ours."""


def folder_of(peer: str) -> Path | None:
    """Find the folder of a peer ('node-red', 'collectd'); None where it was not set up."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("SHOUWANG_PEERS") or cache / "shouwang/peers") / peer
    return folder if (folder / ".done").exists() else None
