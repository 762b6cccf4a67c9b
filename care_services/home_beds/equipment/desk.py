"""Equipment as people work with it: stock, lending, return, repair, scrap; each step a line that stays.

Nobody lends an item twice: the database refuses a second open loan, whoever asks at the same time.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row, dict_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, in_area, require
from care_network.access.visible import may_see
from care_network.errors import ChangedMeanwhileError, ExistsError, NotFoundError, ProvisioningError
from care_network.records.residents import number_of, resident_id
from care_services.core.facts import check_here
from vocabulary.times import SHANGHAI
from vocabulary.toml import read_toml

PAGE = 50
STATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "stock": ("在库", "in stock"),
        "lent": ("借出", "lent"),
        "repair": ("维修", "in repair"),
        "scrapped": ("报废", "scrapped"),
    }
)
CONDITIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"good": ("完好", "good"), "worn": ("磨损", "worn"), "damaged": ("损坏", "damaged"), "lost": ("遗失", "lost")}
)
STEP_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "add": ("入库", "added to the stock"), "lend": ("借出", "lent"), "return": ("归还", "returned"),
        "extend": ("续借", "loan extended"), "repair": ("送修", "sent to repair"), "repaired": ("修好入库", "repaired"),
        "scrap": ("报废", "scrapped"),
    }
)  # fmt: skip
GROUPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "mobility": ("行走", "mobility"), "furniture": ("家具", "furniture"), "care": ("生活护理", "personal care"),
        "communication": ("沟通", "communication"),
    }
)  # fmt: skip


class KindOfEquipment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of equipment in the catalogue."""

    zh: str
    en: str
    group: str
    loan_days: int


KINDS: Mapping[str, KindOfEquipment] = MappingProxyType(
    msgspec.convert(
        read_toml(Path(__file__).with_name("kinds.toml").read_text("utf-8")), dict[str, KindOfEquipment]
    )
)  # fmt: skip


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of equipment, with its open loan where there is one."""

    id: int
    kind: str
    serial: str
    organisation: str
    organisation_zh: str
    organisation_en: str
    path: str
    state: str
    condition: str
    added_on: dt.date
    note: str
    version: int
    loan_id: int | None
    resident: str | None
    resident_zh: str | None
    resident_en: str | None
    bed_id: int | None
    lent_at: dt.datetime | None
    due_on: dt.date | None

    def late_days(self, today: dt.date) -> int:
        """Days beyond the day on which it was due; 0: in time."""
        return max(0, (today - self.due_on).days) if self.due_on else 0


class ItemStep(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an item's history."""

    at: dt.datetime
    step: str
    to_state: str
    actor: str
    actor_en: str | None = None
    reason: str
    resident: str | None
    resident_zh: str | None
    resident_en: str | None


_ITEM: LiteralString = """
    SELECT i.id, i.kind, i.serial, o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
           p.path::text AS path, i.state, i.condition, i.added_on, i.note, i.version, l.id AS loan_id,
           r.code AS resident, r.name_zh AS resident_zh, r.name_en AS resident_en, l.bed_id, l.lent_at, l.due_on
    FROM equipment_item i JOIN organisation o ON o.id = i.organisation_id JOIN area p ON p.id = o.area_id
    LEFT JOIN equipment_loan l ON l.item_id = i.id AND l.returned_at IS NULL
    LEFT JOIN resident r ON r.id = l.resident_id
"""


class Equipment:
    """The equipment that one account may reach, at one moment. Staff change what organisations of their area own."""

    def __init__(self, conn: Connection[Any], account: Account, *, at: dt.datetime, origin: str = "") -> None:
        self._conn, self._account, self._at, self._origin = conn, account, at, origin

    def counts(self) -> dict[str, dict[str, int]]:
        """How many items are in each state, by kind, and 'late': lent beyond their day; of the account's area."""
        require(self._account, Action.VIEW_CARE)
        found: dict[str, dict[str, int]] = {}
        with self._conn.cursor(row_factory=dict_row) as cursor:
            for row in cursor.execute(
                "SELECT i.kind, i.state, count(*)::integer AS n,"
                " count(l.id) FILTER (WHERE l.due_on < %s)::integer AS late"
                " FROM equipment_item i JOIN organisation o ON o.id = i.organisation_id JOIN area p ON p.id = o.area_id"
                " LEFT JOIN equipment_loan l ON l.item_id = i.id AND l.returned_at IS NULL"
                " WHERE p.path <@ %s::ltree GROUP BY i.kind, i.state",
                (self._today, self._account.area_path),
            ):
                of_kind = found.setdefault(row["kind"], {"late": 0})
                of_kind[row["state"]] = row["n"]
                of_kind["late"] += row["late"]
        return found

    def items(self, kind: str = "", state: str = "", after: int = 0) -> list[Item]:
        """One page of items by number, and one more where there are more. ``state`` 'late': beyond their day."""
        require(self._account, Action.VIEW_CARE)
        with self._conn.cursor(row_factory=class_row(Item)) as cursor:
            return cursor.execute(
                f"{_ITEM} WHERE p.path <@ %(under)s::ltree AND i.id > %(after)s"
                " AND (%(kind)s = '' OR i.kind = %(kind)s)"
                " AND (%(state)s = '' OR i.state = %(state)s OR %(state)s = 'late' AND l.due_on < %(today)s)"
                " ORDER BY i.id LIMIT %(most)s",
                {
                    "under": self._account.area_path, "after": after, "kind": kind, "state": state,
                    "today": self._today, "most": PAGE + 1,
                },
            ).fetchall()  # fmt: skip

    def overdue(self) -> list[Item]:
        """Items that were due and are not back, the latest first; at most a page."""
        require(self._account, Action.VIEW_CARE)
        with self._conn.cursor(row_factory=class_row(Item)) as cursor:
            return cursor.execute(
                f"{_ITEM} WHERE p.path <@ %s::ltree AND l.due_on < %s ORDER BY l.due_on, i.id LIMIT %s",
                (self._account.area_path, self._today, PAGE),
            ).fetchall()

    def of_bed(self, bed_id: int) -> list[Item]:
        """Items that are lent for a bed now; the caller has looked at the bed."""
        with self._conn.cursor(row_factory=class_row(Item)) as cursor:
            return cursor.execute(f"{_ITEM} WHERE l.bed_id = %s ORDER BY i.id", (bed_id,)).fetchall()

    def item(self, number: int) -> tuple[Item, list[ItemStep]]:
        """Read an item with its history, the newest first. Raises NotFoundError where none is in the account's area."""
        require(self._account, Action.VIEW_CARE)
        with self._conn.transaction():
            found = self._found(number)
            if found.resident is not None:
                self._trace("view_equipment", resident_id(self._conn, found.resident), {"item": number})
            with self._conn.cursor(row_factory=class_row(ItemStep)) as cursor:
                steps = cursor.execute(
                    "SELECT s.at, s.step, s.to_state, s.actor, s.reason, r.code AS resident, r.name_zh AS resident_zh,"
                    " r.name_en AS resident_en, (SELECT n.name_en FROM account n WHERE n.id = s.account_id) AS actor_en"
                    " FROM equipment_step s LEFT JOIN equipment_loan l ON l.id = s.loan_id"
                    " LEFT JOIN resident r ON r.id = l.resident_id WHERE s.item_id = %s ORDER BY s.id DESC LIMIT 200",
                    (number,),
                ).fetchall()
        return found, steps

    def add(self, kind: str, serial: str, organisation: str, note: str = "") -> int:
        """Add an item to an organisation's stock; gives its number. Raises ExistsError where the serial is taken."""
        require(self._account, Action.MANAGE_BEDS)
        if kind not in KINDS:
            raise ProvisioningError(en="choose a kind of equipment", zh="请选择辅具种类", field="kind")
        serial = serial.strip()[:60]
        if not serial:
            raise ProvisioningError(en="give the serial number", zh="请填写编号（序列号）", field="serial")
        with self._conn.transaction():
            row = self._conn.execute(
                "SELECT o.id, a.path::text FROM organisation o JOIN area a ON a.id = o.area_id"
                " WHERE o.code = %s AND o.active",
                (organisation,),
            ).fetchone()
            if row is None or not in_area(self._account, row[1]):
                raise NotFoundError(
                    en=f"there is no open organisation {organisation!r} in your area",
                    zh=f"您的管辖区域内没有在用机构 {organisation}",
                    field="organisation",
                )
            added = self._conn.execute(
                "INSERT INTO equipment_item (kind, serial, organisation_id, added_on, note) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (kind, serial) DO NOTHING RETURNING id",
                (kind, serial, row[0], self._today, note.strip()[:400]),
            ).fetchone()
            if added is None:
                raise ExistsError(
                    en=f"{serial} is in a stock already", zh=f"编号 {serial} 已登记，请核对", field="serial"
                )  # fmt: skip
            self._record(added[0], "add", "stock", None, note)
            self._trace("change_equipment", None, {"item": added[0], "step": "add"})
        return int(added[0])

    def lend(self, number: int, resident: str, due_on: dt.date | None = None, bed_id: int | None = None) -> int:
        """Lend an item of the stock to a resident; gives the loan's number.

        Without ``due_on`` for the days that are usual for its kind. It belongs to the resident's home care bed where
        they have one. Raises ChangedMeanwhileError where somebody lent it just now.
        """
        require(self._account, Action.MANAGE_BEDS)
        try:
            with self._changing(number) as item:
                to = self._resident(resident)
                check_here(self._conn, to, "resident")
                if item.state == "lent":
                    raise _taken()
                self._must_be(item, "stock")
                due = due_on or self._today + dt.timedelta(days=KINDS[item.kind].loan_days)
                if due <= self._today:
                    raise ProvisioningError(
                        en="the day of return has to be in the future", zh="归还日期应在今天之后", field="due_on"
                    )
                loan = self._conn.execute(
                    "INSERT INTO equipment_loan (item_id, resident_id, bed_id, lent_at, lent_by, due_on)"
                    " VALUES (%s, %s, coalesce(%s, (SELECT id FROM home_bed WHERE resident_id = %s"
                    " AND state NOT IN ('closed', 'refused', 'withdrawn'))), %s, %s, %s) RETURNING id",
                    (number, to, bed_id, to, self._at, self._account.name_zh, due),
                ).fetchone()
                assert loan is not None  # noqa: S101 - the statement returns it
                self._set(number, "lent", item.condition)
                self._record(number, "lend", "lent", loan[0])
                self._trace("change_equipment", to, {"item": number, "step": "lend", "due": str(due)})
                return int(loan[0])
        except UniqueViolation as error:
            raise _taken() from error

    def extend(self, number: int, due_on: dt.date) -> None:
        """Let a loan go on until another day."""
        require(self._account, Action.MANAGE_BEDS)
        if due_on <= self._today:
            raise ProvisioningError(
                en="the day of return has to be in the future", zh="归还日期应在今天之后", field="due_on"
            )
        with self._changing(number) as item:
            self._must_be(item, "lent")
            self._conn.execute("UPDATE equipment_loan SET due_on = %s WHERE id = %s", (due_on, item.loan_id))
            self._record(number, "extend", "lent", item.loan_id, str(due_on))
            self._trace("change_equipment", self._borrower(item), {"item": number, "step": "extend"})

    def give_back(self, number: int, condition: str, note: str = "") -> str:
        """Take an item back; gives its new state: damaged goes to repair, lost is scrapped, all else to the stock."""
        require(self._account, Action.MANAGE_BEDS)
        if condition not in CONDITIONS:
            raise ProvisioningError(en="choose its condition", zh="请选择归还时的状况", field="condition")
        if condition in ("damaged", "lost") and not note.strip():
            raise ProvisioningError(en="say what happened", zh="请说明损坏或遗失的情况", field="note")
        state = {"damaged": "repair", "lost": "scrapped"}.get(condition, "stock")
        with self._changing(number) as item:
            self._must_be(item, "lent")
            self._conn.execute(
                "UPDATE equipment_loan SET returned_at = %s, returned_by = %s, returned_condition = %s, note = %s"
                " WHERE id = %s",
                (self._at, self._account.name_zh, condition, note.strip()[:400], item.loan_id),
            )
            self._set(number, state, "damaged" if condition == "lost" else condition)
            said = CONDITIONS[condition][0] + (f"：{note.strip()}" if note.strip() else "")
            self._record(number, "return", state, item.loan_id, said)
            self._trace("change_equipment", self._borrower(item), {"item": number, "step": "return", "as": condition})
        return state

    def repair(self, number: int, reason: str) -> None:
        """Send an item of the stock to repair."""
        self._leave_stock(number, "repair", "repair", reason)

    def scrap(self, number: int, reason: str) -> None:
        """Take an item out of use for good; one that is lent comes back first."""
        self._leave_stock(number, "scrap", "scrapped", reason)

    def repaired(self, number: int, note: str = "") -> None:
        """Put an item that was in repair back into the stock."""
        require(self._account, Action.MANAGE_BEDS)
        with self._changing(number) as item:
            self._must_be(item, "repair")
            self._set(number, "stock", "good")
            self._record(number, "repaired", "stock", None, note)
            self._trace("change_equipment", None, {"item": number, "step": "repaired"})

    def _leave_stock(self, number: int, step: str, state: str, reason: str) -> None:
        require(self._account, Action.MANAGE_BEDS)
        if not reason.strip():
            raise ProvisioningError(en="say why", zh="请填写原因", field="note")
        with self._changing(number) as item:
            self._must_be(item, "stock", *(("repair",) if step == "scrap" else ()))
            self._set(number, state, item.condition)
            self._record(number, step, state, None, reason)
            self._trace("change_equipment", None, {"item": number, "step": step})

    @contextmanager
    def _changing(self, number: int) -> Iterator[Item]:
        """A transaction in which the item is held."""
        with self._conn.transaction():
            self._found(number)
            self._conn.execute("SELECT FROM equipment_item WHERE id = %s FOR UPDATE", (number,))
            yield self._found(number)

    def _found(self, number: int) -> Item:
        with self._conn.cursor(row_factory=class_row(Item)) as cursor:
            known = 0 < number < 2**31
            item = cursor.execute(f"{_ITEM} WHERE i.id = %s", (number,)).fetchone() if known else None
        if item is None or not in_area(self._account, item.path):
            raise NotFoundError(en=f"there is no item {number} in your area", zh=f"您的管辖区域内没有辅具 {number}")
        return item

    def _must_be(self, item: Item, *states: str) -> None:
        if item.state == "lent" and item.loan_id is None:
            raise NotFoundError(
                en="it is lent to somebody outside your area; their station takes it back",
                zh="该辅具借给了您管辖区域以外的老人，请由当地站点办理",
            )
        if item.state not in states:
            zh, en = STATES[item.state]
            raise ChangedMeanwhileError(
                en=f"this cannot be done now: it is {en}", zh=f"该辅具现为“{zh}”，不能进行此操作"
            )  # fmt: skip

    def _resident(self, code: str) -> int:
        number = resident_id(self._conn, code.strip())
        if number is None or not may_see(self._conn, self._account, number):
            hidden = number_of(self._conn, code.strip())
            if hidden is not None:
                self._trace("refused_change_equipment", hidden, {})
            raise NotFoundError(
                en=f"there is no resident {code!r} in your area", zh=f"您的管辖区域内没有老人 {code}", field="resident"
            )
        return number

    def _borrower(self, item: Item) -> int | None:
        return None if item.resident is None else resident_id(self._conn, item.resident)

    def _set(self, number: int, state: str, condition: str) -> None:
        self._conn.execute(
            "UPDATE equipment_item SET state = %s, condition = %s, version = version + 1 WHERE id = %s",
            (state, condition, number),
        )

    def _record(self, number: int, step: str, state: str, loan: int | None, reason: str = "") -> None:
        self._conn.execute(
            "INSERT INTO equipment_step (item_id, at, step, to_state, account_id, actor, origin, loan_id, reason)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (number, self._at, step, state, self._account.id, self._account.name_zh, self._origin, loan,
             reason.strip()[:400]),
        )  # fmt: skip

    def _trace(self, action: str, resident: int | None, detail: dict[str, Any]) -> None:
        audit(
            self._conn, self._account, action, at=self._at, resident_id=resident, origin=self._origin, detail=detail
        )  # fmt: skip

    @property
    def _today(self) -> dt.date:
        return self._at.astimezone(SHANGHAI).date()


def _taken() -> ChangedMeanwhileError:
    return ChangedMeanwhileError(
        en="somebody lent this item just now; choose another one", zh="该辅具刚刚已被借出，请另选一件"
    )
