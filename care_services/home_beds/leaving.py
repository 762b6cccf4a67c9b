"""The bed, the grants and the meals of a resident who died or moved away: closed by whoever writes that down.

The registers call :func:`close_for_leaving` in their own transaction, by their own right (``manage_registers``); it is
safe to repeat. :func:`of_leaving` says beforehand what it comes to.
"""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import may_see
from care_network.errors import NotFoundError
from care_services.core.acting import Acting
from care_services.grants.kinds import KINDS
from care_services.home_beds import effects, life, store
from care_services.home_beds.desk import Beds
from care_services.home_beds.effects import Stop
from care_services.home_beds.life import Facts


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the bed of somebody who left. ``bed`` None: they had none, nor an application on its way."""

    bed: int | None
    state: str
    """'closed', 'withdrawn', or '' without a bed."""
    stop: Stop
    """All that stopped, with the amount to be reclaimed and the equipment that is still out."""


def of_leaving(
    conn: Connection[Any], account: Account, resident_id: int, on: dt.date, *, at: dt.datetime
) -> Stop:  # fmt: skip
    """All that would stop if a resident left on a day. Raises NotFoundError for one elsewhere."""
    _must_see(conn, account, resident_id)
    bed = _open_bed(conn, resident_id)
    return effects.of_stop(conn, Acting(account, at), resident_id, bed.id if bed else None, on, KINDS)


def close_for_leaving(
    conn: Connection[Any], account: Account, resident_id: int, on: dt.date, reason: str, *, at: dt.datetime,
    origin: str = "",
) -> Left:  # fmt: skip
    """Close the bed of a resident who died or moved away on a day, or take back the application that is on its way.

    Its service plans end, meals are cancelled, and every grant that is paid each month stops from that day on; what was
    settled beyond it is shown as an amount to be reclaimed. Equipment that is out stays in the list of what is late.
    The caller has asked for permission. Raises NotFoundError for a resident outside the account's area.
    """
    _must_see(conn, account, resident_id)
    with conn.transaction():
        return _Leaving(conn, account, at=at, origin=origin).close(resident_id, on, reason)


class _Leaving(Beds):
    def close(self, resident_id: int, on: dt.date, reason: str) -> Left:
        bed = _open_bed(self._conn, resident_id)
        if bed is not None:
            store.lock(self._conn, bed.id)
            bed = store.load(self._conn, bed.id)
        acting = Acting(self._account, self._at, self._origin)
        number = bed.id if bed else None
        found = effects.of_stop(self._conn, acting, resident_id, number, on, KINDS)
        detail = effects.stop(self._conn, acting, resident_id, number, found, "left", reason, KINDS)
        if bed is None or bed.state in life.ENDS:
            return Left(bed=None, state="", stop=found)
        code = "close" if bed.state in life.BED_STANDS else "withdraw"
        after = life.after(bed.state, code, Facts(reason=reason or "-"))
        values = {"state": after, "state_since": self._at, "due_at": None, "next_check_on": None}
        detail |= {"left": str(on), "lent": found.lent}
        self._move(bed, after, code, values, reason, detail)
        return Left(bed=bed.id, state=after, stop=found)


def _open_bed(conn: Connection[Any], resident_id: int) -> store.Bed | None:
    return next((one for one in store.of_resident(conn, resident_id) if one.state not in life.ENDS), None)


def _must_see(conn: Connection[Any], account: Account, resident_id: int) -> None:
    if not may_see(conn, account, resident_id):
        raise NotFoundError(en="there is no such resident in your area", zh="您的管辖区域内没有这位老人")
