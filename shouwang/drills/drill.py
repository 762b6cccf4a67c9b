"""Run a drill: load before, during and after the fault, then the account."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psycopg

from shouwang.drills.account import DrillAccount, first_messages, make_account
from shouwang.drills.place import Place
from shouwang.drills.rows.row import Drill

BEFORE_S, AFTER_S = 4.0, 6.0
SETTLE_S = 150.0
Tell = Callable[[str], None]


class DrillResult(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the report. ``recovered_s``: from the end of the fault until the last late message; None where something
    was still missing SETTLE_S later. ``refused``: why the drill cannot be run here. ``failed``: what should have
    happened during the fault, and did not."""

    name: str
    zh: str
    en: str
    limit_s: float
    account: DrillAccount | None = None
    recovered_s: float | None = None
    seconds: float = 0.0
    refused: str = ""
    failed: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing is lost or doubled, all came back by itself, and no alert was later than its limit."""
        found = self.account
        return (
            found is not None
            and found.exact
            and self.recovered_s is not None
            and found.pressed > 0
            and found.worst_delay_s <= self.limit_s
        )


def run_drill(drill: Drill, folder: Path, tell: Tell) -> DrillResult:
    """Run one drill on a platform of its own in ``folder``. Raises RuntimeError where the platform does not start."""
    begun = time.monotonic()
    # a press each so many seconds, and some for what takes longer
    homes = round((BEFORE_S + drill.seconds + AFTER_S) / drill.press_s) + 12
    blank = DrillResult(name=drill.name, zh=drill.zh, en=drill.en, limit_s=drill.limit_s)
    with contextlib.ExitStack() as stack:
        tell(f"{drill.name}: 启动平台 starting the platform")
        try:
            place = drill.place(folder, homes, pairs=drill.pairs, standby=drill.standby, load=drill.load)
        except RuntimeError as error:
            return msgspec.structs.replace(blank, refused=str(error))
        place.homes.press_s = drill.press_s
        stack.enter_context(place)
        time.sleep(BEFORE_S)
        tell(f"{drill.name}: {drill.zh} {drill.en}")
        try:
            drill.inflict(place, drill.seconds)
        except RuntimeError as error:
            return msgspec.structs.replace(blank, refused=str(error))
        except TimeoutError as error:
            return msgspec.structs.replace(blank, failed=str(error))
        ended_us = time.time_ns() // 1000
        time.sleep(AFTER_S)
        place.homes.hush()
        tell(f"{drill.name}: 等待补齐 settling")
        whole = _settle(place)
        with psycopg.connect(place.postgres.url, autocommit=True) as conn:
            found = make_account(conn, place.homes.ledgers, place.homes.presses, place.receiver.arrivals)
        recovered = max(0.0, (found.last_late_us - ended_us) / 1e6) if whole else None
        return msgspec.structs.replace(
            blank,
            account=found,
            recovered_s=None if recovered is None else round(recovered, 1),
            seconds=round(time.monotonic() - begun, 1),
        )


def _settle(place: Place) -> bool:
    """Wait until nothing waits and nothing is missing; False where that takes longer than SETTLE_S."""
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        time.sleep(0.5)
        if place.homes.pending:
            continue
        try:
            with psycopg.connect(place.postgres.url, autocommit=True, connect_timeout=5) as conn:
                missing = conn.execute("SELECT count(*) FROM stream_missing").fetchone()
                heard = first_messages(conn, list(place.receiver.arrivals))
                if missing == (0,) and all((p.gateway, p.time_us) in heard for p in place.homes.presses):
                    found = make_account(conn, place.homes.ledgers, place.homes.presses, place.receiver.arrivals)
                    if found.exact:
                        return True
        except psycopg.OperationalError:
            continue
    return False
