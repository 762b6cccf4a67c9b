"""Our ingest as a district runs it: a process of its own, default settings. It checks every message, finds the series
of every reading, and acknowledges after the commit that holds rows and marks."""

import sys
from pathlib import Path

from bench.peers import rows
from bench.peers.cache import Command
from firmware_profiles import wire
from firmware_profiles.link.mqtt import Broker
from ingest.settings import IngestSettings

NAME = "Shouwang"
SESSION = IngestSettings().worker
FILTER = wire.subscription("readings")
FORMS: dict[rows.Shape, rows.Form] = {"frames": rows.as_frame, "moments": rows.as_frame}


def prepare(_folder: Path, _shape: rows.Shape, broker: Broker, database_url: str) -> Command:
    """Return the command that starts it."""
    fields = {f"SHOUWANG_BROKER_{key.upper()}": str(getattr(broker, key)) for key in broker.__struct_fields__}
    return [sys.executable, "-m", "ingest"], {**fields, "SHOUWANG_DATABASE_URL": database_url}
