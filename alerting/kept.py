"""Copies on disk of what the database knows, for the time it is away. They hold names and addresses: private files."""

from pathlib import Path


def keep(file: Path, data: bytes) -> None:
    """Replace the file at once: a reader sees the old or the new one, whole."""
    fresh = file.with_suffix(".new")
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_bytes(data)
    fresh.replace(file)
