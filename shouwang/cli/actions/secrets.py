"""Keep the password of a database's role in a file."""

import os
import secrets
from pathlib import Path


def secret(file: Path) -> str:
    """Read the password in a file that only its owner reads; make one where there is none."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(24) + "\n")
    return file.read_text("utf-8").strip()
