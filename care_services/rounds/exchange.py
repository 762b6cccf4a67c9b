"""The rounds of the exchange: packages made at their times, registers fetched, an alarm where a receiver takes nothing.

The keys come from the environment, and are read only where something is due.
"""

import datetime as dt
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import Connection
from pydantic import Field
from pydantic_settings import BaseSettings

from care_network.errors import KeyFileError
from care_network.identity import keys
from care_network.medical.keyring import KeyRing
from care_services.registers import pulling
from care_services.reporting import schedules
from care_services.reporting.schedules import Silent, is_late
from care_services.rounds.outside import CareAlert, Outside
from database.rights.checkpoints import load_key

RULE = "receiver_silent"
TITLE = ("上报接收方长时间未接收", "a receiver of reports takes nothing")


class ExchangeKeys(BaseSettings):
    """The key files of the rounds that make packages and fetch registers."""

    identity_key_file: Path | None = Field(
        default=None,
        validation_alias="SHOUWANG_IDENTITY_KEY_FILE",
        description="key file of the identity numbers; without it no register is fetched by itself",
    )
    report_key_file: Path | None = Field(
        default=None,
        validation_alias="SHOUWANG_REPORT_KEY_FILE",
        description="key with which the district signs packages; without it none is made by itself",
    )


def make_packages(conn: Connection[Any], now: dt.datetime) -> int:
    """Make the packages that are due; their number."""
    return schedules.make_due(conn, now, _signing)


def tell_withdrawals(conn: Connection[Any], now: dt.datetime) -> int:
    """Tell receivers whose consent is over; the number of packages made."""
    return schedules.tell_withdrawals(conn, now, _signing)


def fetch_registers(conn: Connection[Any], now: dt.datetime) -> int:
    """Fetch the registers that are due; their number."""
    return pulling.pull_due(conn, now, _identities)


def _signing() -> tuple[KeyRing | None, Ed25519PrivateKey]:
    files = ExchangeKeys()
    if files.report_key_file is None:
        raise KeyFileError(en="the district's key for packages is not configured", zh="平台未配置上报签名密钥")
    return (keys.load(files.identity_key_file) if files.identity_key_file else None), load_key(files.report_key_file)


def _identities() -> KeyRing:
    return keys.load(ExchangeKeys().identity_key_file)


def tell_silent(conn: Connection[Any], now: dt.datetime, outside: Outside) -> int:
    """Open an alert for each receiver that has taken nothing for too long, and end it when it takes again; how many."""
    told = 0
    for one in schedules.silent(conn, now):
        with conn.transaction():
            late = is_late(one, now)
            if one.alarm is not None and (not late or one.alarm != one.key):
                outside.end_alert(conn, one.alarm, now, ("接收方已恢复接收", "the receiver takes packages again"))
                conn.execute("UPDATE report_receiver SET alarm = NULL WHERE id = %s", (one.id,))
                told += 1
            home = outside.platform_home(conn) if late and one.alarm != one.key else None
            if home is not None:
                outside.open_alert(conn, _alert(one, home, now))
                conn.execute("UPDATE report_receiver SET alarm = %s WHERE id = %s", (one.key, one.id))
                told += 1
    return told


def _alert(one: Silent, home: int, now: dt.datetime) -> CareAlert:
    days = (now - one.since).days
    why = (
        ("已退回，等待人工处理", "it refused one, which waits for a decision") if one.held else ("无应答", "no answer")
    )
    return CareAlert(
        key=one.key, rule=RULE, severity="technical", household_id=home, resident_id=None,
        subject=f"receiver:{one.code}", onset=one.since, at=now, title=TITLE,
        reason=(
            f"{one.name_zh}已 {days} 天未接收数据包，{one.waiting} 个待发送（{why[0]}）。"
            "请在“上报与交换”查看并联系对方",
            f"{one.name_en} has taken no package for {days} days, {one.waiting} wait ({why[1]});"
            " look at the page of reports and reach the other side",
        ),
        evidence={"kind": RULE, "receiver": one.name_zh, "waiting": one.waiting, "days": days},
    )  # fmt: skip
