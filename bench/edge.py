"""Measure memory and processor of one gateway, ``python -m edge_agent`` for a full home, beside its limits.

The agent is a process of its own on a real local broker over TLS. The home: a pendant that streams 200 Hz of
acceleration and angular rate without a break (recorded walking), and the ten or more other devices of a demonstration
home at their usual rates. The simulated driver runs inside the measured process and is counted with it; the pendant's
signal is read from memory, not computed.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from bench.figures import Figure
from database.server.guardian import start_guarded
from device_simulators.homes import demo_home
from edge_agent.outbox.outbox import read_totals
from edge_agent.updates.signed_config import write_public_key
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.pki import Pki
from shouwang.platform.homes import write_home
from shouwang.platform.processes import wait_until

WARM_UP_S = 10.0
MEASURED_S = 60.0
LIMIT_MB = 120.0
LIMIT_CPU = 5.0
GATEWAY = "gw-bench-edge"


def run() -> list[Figure]:
    """Measure peak resident memory and the share of one core, over a minute."""
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as name:
        folder = Path(name)
        with EmbeddedBroker(folder / "broker", Pki(folder / "pki")) as broker:
            broker.allow_gateways([GATEWAY])
            file = _write_home(folder, broker)
            with (folder / "agent.log").open("ab") as log:
                agent = start_guarded(
                    [sys.executable, "-m", "edge_agent", "--config", str(file)], stdout=log, stderr=log
                )
            try:
                database = file.with_suffix(".db")
                wait_until(lambda: database.exists() and read_totals(database).frames > 3, 30, "the first frames")
                time.sleep(WARM_UP_S)
                before, begin, sent = _cpu_s(agent.pid), time.monotonic(), read_totals(database)
                time.sleep(MEASURED_S)
                share = 100 * (_cpu_s(agent.pid) - before) / (time.monotonic() - begin)
                memory, now = _peak_mb(agent.pid), read_totals(database)
            finally:
                agent.terminate()
                agent.wait(20)
            log_text = (folder / "agent.log").read_text()
            if now.frames - sent.frames < MEASURED_S / 4 or now.pending > 20 or "driver failed" in log_text:
                raise RuntimeError(
                    f"the gateway did not work as it should: {sent} before, {now} after\n{log_text[-2000:]}"
                )
    note = f"200 Hz pendant and {len(demo_home(1).devices) - 2} other devices, simulated in the same process"
    return [
        Figure(
            name="gateway, peak memory (RSS)",
            value=memory,
            unit="MB",
            reference=LIMIT_MB,
            reference_name="limit",
            note=note,
        ),
        Figure(
            name="gateway, share of one core",
            value=share,
            unit="%",
            reference=LIMIT_CPU,
            reference_name="limit",
            note=note,
        ),
    ]


def _write_home(folder: Path, broker: EmbeddedBroker) -> Path:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    file = folder / "home.toml"
    options = {"seed": 1, "scenarios": [{"kind": "wear", "at_s": 0, "recordings": ["SE01_D01_R01"]}]}
    write_home(file, GATEWAY, broker.settings(GATEWAY), demo_home(1).devices, options)
    public = write_public_key(Ed25519PrivateKey.generate().public_key())
    file.write_text(file.read_text() + f'\n[updates]\npublic_keys = ["{public}"]\n')
    return file


def _cpu_s(pid: int) -> float:
    """Read user and system time of a process so far, s (proc(5): stat, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mb(pid: int) -> float:
    """Read the highest resident set so far, MB of 1024² bytes (proc(5): status, VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
