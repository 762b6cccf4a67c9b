"""Find a PostgreSQL with TimescaleDB on this machine, for tests, benchmarks and ``shouwang verify``."""

import os
from pathlib import Path

HOW_TO_GET_TIMESCALEDB = (
    "no TimescaleDB found: run tools/timescaledb-apache.sh (Debian 12), install postgresql-17-timescaledb (Debian 13),"
    " or set SHOUWANG_TEST_TIMESCALEDB_BIN to the folder of its 'postgres'"
)


def timescaledb_bin_dir() -> Path | None:
    """Find the folder of a 'postgres' that has TimescaleDB; None where there is none."""
    named = os.environ.get("SHOUWANG_TEST_TIMESCALEDB_BIN")
    if named:
        return Path(named)
    caches = [Path("/var/cache"), Path.home() / ".cache"]
    if os.environ.get("XDG_CACHE_HOME"):
        caches.insert(0, Path(os.environ["XDG_CACHE_HOME"]))
    prefixes = [cache / "shouwang" / "timescaledb-pg15" for cache in caches]
    for prefix in prefixes:
        if _exists(prefix / ".done"):
            return prefix / "usr/lib/postgresql/15/bin"
    for version in ("17", "16", "15"):
        if Path(f"/usr/share/postgresql/{version}/extension/timescaledb.control").exists():
            return Path(f"/usr/lib/postgresql/{version}/bin")
    return None


def has_community(bin_dir: Path) -> bool:
    """Whether this TimescaleDB has the parts under the Timescale licence. ``bin_dir``: folder of its 'postgres'."""
    root = bin_dir.resolve().parent
    return any(any((root / lib).glob("timescaledb-tsl-*.so")) for lib in ("lib", "lib/postgresql", "lib64"))


def server_conf(bin_dir: Path) -> dict[str, str]:
    """Build the settings of postgresql.conf for the best grade that this TimescaleDB has."""
    conf = {"shared_preload_libraries": "timescaledb"}
    if has_community(bin_dir):
        conf["max_worker_processes"] = "32"  # a scheduler for each database, and its policies
        conf["timescaledb.telemetry_level"] = "off"  # a server on loopback calls nobody
    return conf


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False
