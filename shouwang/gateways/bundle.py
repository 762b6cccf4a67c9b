"""Make the archive of the gateway's program from the packages of this installation, and send a bundle of it."""

import hashlib
import importlib.metadata
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import edge_agent
from edge_agent.updates.program import LATER
from edge_agent.updates.signed_program import PART_BYTES
from firmware_profiles.link.mqtt import Broker
from shouwang.gateways.commands import Answer, ask

PACKAGES = ("edge_agent", "firmware_profiles", "observability", "vocabulary")
"""Our packages on a gateway; the libraries stay those of its system."""
PART_PATIENCE_S = 30.0
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first time that a ZIP archive knows: the same program is the same archive."""
_MAIN = '''"""Start of a bundle: where it cannot even be imported, the installed program hears why, and goes on."""

import os
import sys

try:
    from edge_agent.__main__ import main
except Exception as error:
    reason = f"{type(error).__name__}: {error}"[:200]
    os.execv(sys.executable, [sys.executable, "-m", "edge_agent", *sys.argv[1:3], "--failed", reason])
sys.exit(main())
'''


def make_archive(release: str, version: int, root: Path | None = None) -> bytes:
    """The ZIP archive of the home programs below ``root``; not given: of this installation.

    With it go the distribution's name, ``release+version`` and its drivers, as an installed one has them: a gateway's
    status says the number.
    """
    root = root or Path(edge_agent.__file__).parents[1]
    name = f"{release}+{version}"
    info = f"shouwang-{name}.dist-info"
    files = {
        "__main__.py": _MAIN.encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: shouwang\nVersion: {name}\n".encode(),
        f"{info}/entry_points.txt": (
            importlib.metadata.distribution("shouwang").read_text("entry_points.txt") or ""
        ).encode(),
    }
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                files[str(file.relative_to(root))] = file.read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path, _EARLIEST), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def runs(software: str, version: int) -> bool:
    """Whether a gateway's status names this version."""
    return software.endswith(f"+{version}")


def send_bundle(
    broker: Broker, gateway: str, bundle: bytes, patience_s: float, trying: Callable[[], None] = lambda: None
) -> Answer:
    """Send a bundle in parts and wait for the end of the gateway's trial; ``trying`` is called before the last part.

    Raises TimeoutError where the gateway does not answer: before ``trying`` it has not begun.
    """
    parts = [bundle[at : at + PART_BYTES] for at in range(0, len(bundle), PART_BYTES)]
    sha256 = hashlib.sha256(bundle).hexdigest()
    for number, part in enumerate(parts, 1):
        last = number == len(parts)
        if last:
            trying()
        args: dict[str, str | int] = {"sha256": sha256, "part": number, "parts": len(parts)}
        answer = ask(broker, gateway, "update_program", args, part, patience_s if last else PART_PATIENCE_S)
        if not answer.ok:
            return answer
    return answer


def is_later(answer: Answer) -> bool:
    """Whether the gateway takes no program only now."""
    return not answer.ok and answer.text.startswith(LATER)
