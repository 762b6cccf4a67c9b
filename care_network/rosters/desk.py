"""Rosters as people work on them: look, see what a change would do, do it as one step, take it back.

Every row goes through :class:`care_network.records.network.Network`: its permission, area, version and audit count.
"""

import datetime as dt
import hashlib
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row, dict_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, in_area, require
from care_network.duty.loading import load_roster
from care_network.duty.roster import Roster, find_holes
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_network.records.network import Network
from care_network.rosters.book import DAY, WEEK, Book, Entry, midnight, monday_of
from care_network.rosters.loading import load_book
from care_network.rosters.plans import Plan, RowStep, Words
from care_network.rosters.wanted import Copy, Swap, Wanted, days_of, plan_of, whose
from care_network.rosters.week import Effect, Week, effect, grid

UNDO = dt.timedelta(seconds=30)
LATE = dt.timedelta(seconds=15)
"""A press on "undo" that was made in time and came late still counts."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation with a roster to plan."""

    code: str
    kind: str
    path: str
    name_zh: str
    name_en: str
    people: int
    holes: int
    """In the next seven days; -1: it has no roster."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A plan before it is carried out. ``seen``: a mark of the plan, which the form sends back."""

    book: Book
    plan: Plan
    effect: Effect
    seen: str

    @property
    def quiet(self) -> bool:
        """Whether nobody has to look at it first: nothing stands in its way, and it opens no hole."""
        plan = self.plan
        return not (plan.problems or plan.clashes or plan.warnings or self.effect.opened)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done to a roster."""

    id: int
    at: dt.datetime
    account_id: int | None
    actor: str
    what: str
    words_zh: str
    words_en: str
    undone_at: dt.datetime | None
    undone_by: str | None

    def may_undo(self, account: Account, now: dt.datetime) -> bool:
        """Whether this account may take it back now: its own, within 30 s."""
        return self.undone_at is None and self.account_id == account.id and now - self.at <= UNDO


class RowChange(msgspec.Struct, frozen=True):
    """A row before and after, as it is kept for undoing; ``version``: of the row after."""

    kind: str
    key: list[Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    version: int


class Rosters:
    """The rosters that one account may reach, at one moment."""

    def __init__(self, conn: Connection[Any], account: Account, *, at: dt.datetime, origin: str = "") -> None:
        self._conn, self._account, self._at, self._origin = conn, account, at, origin
        self._network = Network(conn, account, at=at, origin=origin)

    def places(self) -> list[Place]:
        """The open organisations of the account's area, with the holes of the next seven days."""
        require(self._account, Action.VIEW_NETWORK)
        with self._conn.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(
                """
                SELECT o.code, o.kind, a.path::text, o.name_zh, o.name_en,
                       (SELECT count(*) FROM staff s WHERE s.organisation_id = o.id AND s.active)::integer AS people,
                       EXISTS (SELECT FROM shift t JOIN roster r ON r.shift_id = t.id
                               WHERE t.organisation_id = o.id) AS planned
                FROM organisation o JOIN area a ON a.id = o.area_id
                WHERE o.active AND a.path <@ %s::ltree ORDER BY a.path, o.code
                """,
                (self._account.area_path,),
            ).fetchall()
        planned = [row["code"] for row in rows if row["planned"]]
        roster = load_roster(self._conn, self._at, self._at + 7 * DAY)
        counts = dict.fromkeys(planned, 0)
        for hole in find_holes(roster, self._at, self._at + 7 * DAY, [[code] for code in planned]):
            counts[hole.posts[0].code] += 1
        return [
            Place(**{k: v for k, v in row.items() if k != "planned"}, holes=counts.get(row["code"], -1)) for row in rows
        ]

    def place(self, organisation: str) -> Place:
        """One of them. Raises NotFoundError where it is closed or not in the account's area."""
        with self._conn.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(
                "SELECT o.code, o.kind, a.path::text, o.name_zh, o.name_en, 0 AS people, 0 AS holes FROM organisation o"
                " JOIN area a ON a.id = o.area_id WHERE o.code = %s AND o.active",
                (organisation,),
            ).fetchone()
        if row is None or not in_area(self._account, row["path"]):
            raise NotFoundError(
                en=f"there is no open organisation {organisation!r} in your area",
                zh=f"您的管辖区域内没有在用机构 {organisation}",
                field="organisation",
            )
        return Place(**row)

    def week(self, organisation: str, day: dt.date, more: str = "") -> tuple[Place, Book, Week]:
        """The week of a day. ``more``: somebody besides, to be planned here. Raises NotFoundError."""
        require(self._account, Action.VIEW_NETWORK)
        place, monday = self.place(organisation), monday_of(day)
        book = self._book(organisation, monday - DAY, monday + WEEK, more)
        return place, book, grid(book, self._base(monday - DAY, monday + WEEK + DAY), monday)

    def look(self, organisation: str, wanted: Wanted) -> Look:
        """See what a change would do; nothing is stored. Raises ProvisioningError where it makes no sense."""
        require(self._account, Action.MANAGE_STAFF)
        self.place(organisation)
        first, last = days_of(wanted)
        book = self._book(organisation, first, last, *whose(wanted))
        plan = plan_of(book, wanted)
        base = self._base(plan.first - 2 * DAY, plan.last + 3 * DAY)
        mark = hashlib.sha256(msgspec.json.encode((plan.steps, plan.problems))).hexdigest()[:16]
        return Look(book=book, plan=plan, effect=effect(book, base, plan), seen=mark)

    def apply(self, organisation: str, wanted: Wanted, seen: str | None = None) -> int:
        """Do it, as one step; gives its number. ``seen``: the mark of the plan that was looked at.

        Raises ProvisioningError where something stands in its way, ChangedMeanwhileError where the plan is another now.
        """
        with self._conn.transaction():
            self._lock()
            look = self.look(organisation, wanted)
            if seen is not None and seen != look.seen:
                raise ChangedMeanwhileError(
                    en="the roster was changed meanwhile: this is what it would do now",
                    zh="排班刚被他人修改：以下是现在的结果，请重新确认",
                )
            if look.plan.problems:
                zh, en = look.plan.problems[0]
                raise ProvisioningError(en=en, zh=zh, field="plan")
            if not look.plan.steps:
                raise ProvisioningError(en="there is nothing to change", zh="没有需要修改的内容", field="plan")
            rows = [self._do(step) for step in look.plan.steps]
            return self._keep(organisation, type(wanted).__name__.lower(), summary(wanted, look.plan), rows)

    def undo(self, organisation: str, number: int) -> None:
        """Take a change back, all of it. Raises ProvisioningError: too late, somebody else's, changed since."""
        require(self._account, Action.MANAGE_STAFF)
        self.place(organisation)
        with self._conn.transaction():
            self._lock()
            with self._conn.cursor(row_factory=dict_row) as cursor:
                found = cursor.execute(
                    "SELECT c.* FROM roster_change c JOIN organisation o ON o.id = c.organisation_id"
                    " WHERE c.id = %s AND o.code = %s FOR UPDATE OF c",
                    (number, organisation),
                ).fetchone()
            if found is None or found["account_id"] != self._account.id:
                raise NotFoundError(en="this is not yours to take back", zh="只能撤销自己的修改", field="number")
            if found["undone_at"] is not None or self._at - found["at"] > UNDO + LATE:
                raise ProvisioningError(
                    en="it can be taken back within 30 s, once; change it on the roster",
                    zh="只能在 30 秒内撤销一次，请直接在排班上修改",
                    field="number",
                )
            for row in reversed(msgspec.convert(found["rows"], list[RowChange])):
                self._take_back(row)
            self._conn.execute(
                "UPDATE roster_change SET undone_at = %s, undone_by = %s WHERE id = %s",
                (self._at, self._account.name_zh, number),
            )

    def history(self, organisation: str, most: int = 20) -> list[Change]:
        """The latest changes, the newest first."""
        require(self._account, Action.VIEW_NETWORK)
        with self._conn.cursor(row_factory=class_row(Change)) as cursor:
            return cursor.execute(
                "SELECT c.id, c.at, c.account_id, c.actor, c.what, c.words_zh, c.words_en, c.undone_at, c.undone_by"
                " FROM roster_change c JOIN organisation o ON o.id = c.organisation_id WHERE o.code = %s"
                " ORDER BY c.id DESC LIMIT %s",
                (organisation, most),
            ).fetchall()

    def change_shift(self, organisation: str, code: str, version: int | None, fields: dict[str, Any] | None) -> int:
        """Add a shift (``version`` None), change it, or remove it (``fields`` None), as one step; gives its number."""
        require(self._account, Action.MANAGE_STAFF)
        self.place(organisation)
        with self._conn.transaction():
            key = (organisation, code)
            before = None
            if version is not None:
                before = msgspec.to_builtins(self._network.get("shift", key).record)
            if fields is None:
                self._network.remove("shift", key, version or 0)
                after, now = None, 0
                words = (f"删除班次 {code}", f"shift {code} removed")
            elif version is None:
                stored = self._network.add("shift", {"organisation": organisation, "code": code, **fields})
                after, now = msgspec.to_builtins(stored.record), stored.version
                words = (f"新增班次 {code}", f"shift {code} added")
            else:
                stored = self._network.change("shift", key, version, fields)
                after, now = msgspec.to_builtins(stored.record), stored.version
                words = (f"修改班次 {code}", f"shift {code} changed")
            return self._keep(organisation, "shift", words, [RowChange("shift", list(key), before, after, now)])

    def _lock(self) -> None:
        """Let two people's changes come one after the other."""
        self._conn.execute("SELECT pg_advisory_xact_lock(hashtext('roster_change'))")

    def _book(self, organisation: str, first: dt.date, last: dt.date, *more: str) -> Book:
        book = load_book(self._conn, organisation, first, last)
        for code in more:
            if code and code not in book.workers:
                self._network.get("staff", (code,))  # in the account's area, or not there
                one = load_book(self._conn, organisation, first, last, code)
                book = msgspec.structs.replace(
                    one,
                    workers={**one.workers, **book.workers},
                    shifts={**one.shifts, **book.shifts},
                    entries=tuple({entry.key: entry for entry in (*book.entries, *one.entries)}.values()),
                    exceptions=tuple({each.key: each for each in (*book.exceptions, *one.exceptions)}.values()),
                )
        return book

    def _base(self, first: dt.date, last: dt.date) -> Roster:
        return load_roster(self._conn, midnight(first), midnight(last))

    def _do(self, step: RowStep) -> RowChange:
        row = step.before or step.after
        assert row is not None  # noqa: S101 - a step is about a row
        kind = "roster" if isinstance(row, Entry) else "exception"
        before = None if step.before is None else _fields(step.before)
        if step.after is None:
            assert step.before is not None  # noqa: S101
            self._network.remove(kind, row.key, step.before.version)
            return RowChange(kind, _plain(row.key), before, None, 0)
        if step.before is None:
            stored = self._network.add(kind, _fields(step.after))
        else:
            changed = {name: value for name, value in _fields(step.after).items() if before and value != before[name]}
            stored = self._network.change(kind, row.key, step.before.version, changed)
        return RowChange(kind, _plain(row.key), before, _fields(step.after), stored.version)

    def _take_back(self, row: RowChange) -> None:
        key = tuple(row.key)
        if row.before is None:
            self._network.remove(row.kind, key, row.version)
        elif row.after is None:
            self._network.add(row.kind, row.before)
        else:
            back = {name: value for name, value in row.before.items() if value != row.after[name]}
            self._network.change(row.kind, key, row.version, back)

    def _keep(self, organisation: str, what: str, words: Words, rows: list[RowChange]) -> int:
        row = self._conn.execute(
            """
            INSERT INTO roster_change (at, organisation_id, account_id, actor, origin, what, words_zh, words_en, rows)
            SELECT %s, id, %s, %s, %s, %s, %s, %s, %s::jsonb FROM organisation WHERE code = %s RETURNING id
            """,
            (
                self._at, self._account.id, self._account.name_zh, self._origin, what, *words,
                msgspec.json.encode(rows).decode(), organisation,
            ),
        ).fetchone()  # fmt: skip
        assert row is not None  # noqa: S101 - the organisation was found before
        audit(
            self._conn, self._account, "plan_roster", at=self._at, origin=self._origin,
            detail={"organisation": organisation, "what": what, "rows": len(rows), "change": row[0]},
        )  # fmt: skip
        return int(row[0])


def summary(wanted: Wanted, plan: Plan) -> Words:
    """Describe a plan in a line."""
    if isinstance(wanted, Copy):
        monday = monday_of(wanted.monday)
        came = sum(line[0].startswith("+") for line in plan.lines)
        return (
            f"将 {monday:%m-%d} 一周复制到后 {wanted.weeks} 周（{came} 班）",
            f"week of {monday:%m-%d} copied to the next {wanted.weeks} ({came} shifts)",
        )
    lead = ("换班：", "swap: ") if isinstance(wanted, Swap) else ("", "")
    shown = plan.lines[:4]
    return lead[0] + "；".join(line[0] for line in shown), lead[1] + "; ".join(line[1] for line in shown)


def _fields(row: Any) -> dict[str, Any]:
    """The record's fields, as they are stored in JSON."""
    fields = msgspec.to_builtins(row)
    del fields["version"]
    if not isinstance(row, Entry):
        fields["kind"] = row.kind
    found: dict[str, Any] = fields
    return found


def _plain(key: tuple[Any, ...]) -> list[Any]:
    return [str(part) for part in key]
