"""Somebody whose home care bed is suspended is probably not at home: a meal is ordered only after asking."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

from care_network.errors import ProvisioningError


class AwayError(ProvisioningError):
    """The resident is probably not at home on that day; field ``though_away``."""


class Away(msgspec.Struct, frozen=True):
    """A suspension. ``until``: the day on which they are expected back; None: nobody knows."""

    since: dt.date
    until: dt.date | None

    def on(self, day: dt.date) -> bool:
        """Whether they are probably away on a day from today on."""
        return self.until is None or day < self.until

    @property
    def words(self) -> tuple[str, str]:
        """The suspension in Chinese and English."""
        zh = f"预计 {self.until} 恢复" if self.until else "恢复日期未定"
        en = f"expected back on {self.until}" if self.until else "nobody knows until when"
        return (
            f"家庭养老床位自 {self.since} 起暂停（如住院），{zh}，老人多半不在家",
            f"the home care bed is suspended since {self.since} (as for a stay in hospital), {en}:"
            " the resident is probably not at home",
        )

    def error(self) -> AwayError:
        """The error that asks."""
        zh, en = self.words
        return AwayError(
            zh=f"{zh}。确认老人在家用餐后，请勾选“已确认老人在家用餐”",
            en=f"{en}. Make sure that they eat at home, then tick that you did", field="though_away",
        )  # fmt: skip


def of(conn: Connection[Any], resident_id: int) -> Away | None:
    """The suspension of a resident's home care bed that is in force; None where there is none."""
    row = conn.execute(
        "SELECT (b.state_since AT TIME ZONE 'Asia/Shanghai')::date, (SELECT (s.detail ->> 'until')::date"
        " FROM home_bed_step s WHERE s.bed_id = b.id AND s.step = 'suspend' ORDER BY s.id DESC LIMIT 1)"
        " FROM home_bed b WHERE b.resident_id = %s AND b.state = 'suspended' LIMIT 1",
        (resident_id,),
    ).fetchone()
    return None if row is None else Away(*row)
