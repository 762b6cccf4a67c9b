"""Check how many files the broker may open: each gateway's connection is one, and beyond the limit nobody connects."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from shouwang.doctor.check import Check

BROKERS = ("mosquitto", "nats-server")
SPARE = 200
"""Services' connections, lists, log and store."""
TWICE = 2
"""After a cut every gateway connects anew, while the broker still holds the connection before (for its keep-alive)."""


def limits(programs: Collection[str] = BROKERS, proc: Path = Path("/proc")) -> dict[str, int]:
    """The soft limit of open files of each broker that runs here and can be seen; the least of a program's."""
    found: dict[str, int] = {}
    for process in proc.glob("[0-9]*"):
        try:
            program = (process / "comm").read_text().strip()
            limit = _soft_limit((process / "limits").read_text()) if program in programs else None
        except OSError:  # it has ended, or is another user's
            continue
        if limit is not None:
            found[program] = min(limit, found.get(program, limit))
    return found


def judge(found: Mapping[str, int], gateways: int) -> Check:
    """Judge the limits against the number of gateways. Pure."""
    what, needed = "broker's open files", TWICE * gateways + SPARE
    if not found:
        return Check(what, True, "unknown: no broker runs on this machine, or this user does not see it")
    few = [f"{program} may open {limit:,}" for program, limit in found.items() if limit < needed]
    if few:
        advice = "set LimitNOFILE=65536 for its unit (shouwang setup does it), and restart it"
        return Check(what, False, f"{'; '.join(few)}, and {gateways:,} gateways need {needed:,}: {advice}")
    words = ", ".join(f"{program} {limit:,}" for program, limit in found.items())
    return Check(what, True, f"{words}; {gateways:,} gateways need {needed:,}")


def _soft_limit(text: str) -> int | None:
    line = re.search(r"^Max open files\s+(\S+)", text, re.MULTILINE)
    if line is None:
        return None
    return int(line[1]) if line[1].isdigit() else 2**63 - 1  # "unlimited"
