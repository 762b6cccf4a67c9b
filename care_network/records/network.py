"""Records as people read and change them: with their permission, in their area, on a version, and audited.

Each change goes into the history with who made it; for 30 s the same account can take it back. ``Network`` is bound to
one account and one moment. Staff work only below their own area; records outside it are reported as "not there". Every
change of anything and every look at a resident leaves a line in ``audit``.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from psycopg import Connection, sql

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, in_area, may_do, require
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_network.records import records, store
from care_network.records.history import changes, past
from care_network.records.history.changes import Change
from care_network.records.kinds import DEVICE, GATEWAY, RESIDENT, Kind, kind_named
from care_network.records.listing import paging, related
from care_network.records.listing.paging import Page, Wanted
from care_network.records.lookup import Lookup
from care_network.records.provisioning import GATEWAY_DEVICE, add_gateway
from care_network.records.store import Stored
from vocabulary.times import local_day

Rows = list[Stored]
Costs = list[related.Cost]


class Stays(msgspec.Struct, frozen=True):
    """A record that could not be taken back, and why."""

    name_zh: str
    name_en: str
    why_zh: str
    why_en: str


class Undone(msgspec.Struct, frozen=True):
    """The outcome of taking back all that was done together."""

    back: int
    stays: tuple[Stays, ...]


class Network:
    """The records that one account may reach. ``origin``: where it works from, for the audit.

    Each method is one transaction.
    """

    def __init__(self, conn: Connection[Any], account: Account, *, at: dt.datetime, origin: str = "") -> None:
        self._conn, self._account, self._at, self._origin = conn, account, at, origin

    def add(self, kind_name: str, fields: Mapping[str, Any]) -> Stored:
        """Add a record. Raises ProvisioningError, whose subclasses give the reason."""
        kind = kind_named(kind_name)
        require(self._account, kind.edit)
        new = records.parse(kind.record, fields)
        with self._changing():
            checked = kind.check(self._look(), new)
            self._stay_within(checked.path, kind, kind.key_of(msgspec.structs.asdict(new)))
            if isinstance(new, records.NewGateway) and kind is GATEWAY:
                add_gateway(self._conn, new)
            else:
                store.insert(self._conn, kind, new, checked)
            stored = self._found(kind, kind.key_of(msgspec.structs.asdict(new)))
            self._trace("add", kind, stored, {})
        return stored

    def change(self, kind_name: str, key: tuple[Any, ...], version: int, fields: Mapping[str, Any]) -> Stored:
        """Change some fields of the record as it was at ``version``. Fields of the key never change.

        Raises ChangedMeanwhileError where somebody changed it since, ProvisioningError where a rule is broken.
        """
        kind = kind_named(kind_name)
        require(self._account, kind.edit)
        with self._changing():
            before = self._found(kind, key)
            old = msgspec.structs.asdict(before.record)
            new = records.parse(kind.record, {**old, **fields})
            wanted = msgspec.structs.asdict(new)
            for name in kind.key:
                if wanted[name] != old[name]:
                    raise ProvisioningError(
                        en=f"{kind.words(key)[1]}: {name} never changes; add a new one and remove this one",
                        zh=f"{kind.words(key)[0]}：{name} 不可修改，请新增一条并删除这一条",
                        field=name,
                    )
            checked = kind.check(self._look(), new)
            self._stay_within(checked.path, kind, key)
            store.change(self._conn, kind, before, checked, version)
            after = self._found(kind, key)
            self._trace("change", kind, after, {"fields": [name for name in wanted if wanted[name] != old[name]]})
        return after

    def remove(self, kind_name: str, key: tuple[Any, ...], version: int) -> None:
        """Delete the record as it was at ``version``. Raises StillUsedError where others need it."""
        kind = kind_named(kind_name)
        require(self._account, kind.edit)
        with self._changing():
            stored = self._found(kind, key)
            if kind is GATEWAY:
                health = store.fetch(self._conn, DEVICE, (key[0], GATEWAY_DEVICE))
                if health is not None:
                    store.remove(self._conn, DEVICE, health, health.version)
            store.remove(self._conn, kind, stored, version)
            # Their lines of the audit stay, with the number of the row that is gone: here is whose it was.
            gone = {"removed_resident": stored.id} if kind is RESIDENT else {}
            self._trace("remove", kind, msgspec.structs.replace(stored, resident_id=None), gone)

    def history(self, kind_name: str, key: tuple[Any, ...]) -> list[Change]:
        """Read the changes of a record, the newest first; of one that was removed, too.

        Raises NotFoundError where neither a record nor a history of it is in the account's area.
        """
        kind = kind_named(kind_name)
        self._require_view(kind)
        with self._conn.transaction():
            stored = store.fetch(self._conn, kind, key)
            if stored is not None:
                stored = self._found(kind, key)
                key = kind.key_of(msgspec.structs.asdict(stored.record))
            found = changes.of_record(self._conn, kind, key)
            if stored is None and not (found and found[0].path and in_area(self._account, found[0].path)):
                self._found(kind, key)
            if kind.people:
                audit(
                    self._conn, self._account, f"history_{kind.name}", at=self._at, origin=self._origin,
                    resident_id=stored.resident_id if stored else None,
                    detail={"key": self._audited_key(kind, key), "count": len(found)},
                )  # fmt: skip
        return found

    def get(self, kind_name: str, key: tuple[Any, ...], as_of: dt.datetime | None = None) -> Stored:
        """Read one record with its version, or as it was at a moment.

        Raises NotFoundError where none is in the account's area, ProvisioningError for a moment before the history.
        """
        kind = kind_named(kind_name)
        self._require_view(kind)
        with self._conn.transaction():
            if as_of is not None:
                past.check_known(self._conn, as_of)
            stored = self._found(kind, key, past.at_moment(kind, as_of))
            if kind.people:
                self._trace("view", kind, stored, {} if as_of is None else {"as_of": as_of.isoformat()})
        return stored

    def list(self, kind_name: str, under: str | None = None, as_of: dt.datetime | None = None) -> list[Stored]:
        """List the records of a kind in the account's area, or in the part of it below ``under``, now or at a moment.

        The whole list: pages ask for :meth:`page`.
        """
        kind = kind_named(kind_name)
        below = self._below(kind, under)
        with self._conn.transaction():
            if as_of is not None:
                past.check_known(self._conn, as_of)
            found = store.listing(self._conn, kind, below, past.at_moment(kind, as_of))
            self._trace_list(kind, below, len(found), {} if as_of is None else {"as_of": as_of.isoformat()})
        return found

    def related(self, kind_name: str, key: tuple[Any, ...], as_of: dt.datetime | None = None) -> dict[str, Rows]:
        """Read the records that belong to one, by kind; those of a kind that the role may not look at are left out.

        Raises NotFoundError where the record is not in the account's area.
        """
        kind = kind_named(kind_name)
        self._require_view(kind)
        with self._conn.transaction():
            self._found(kind, key, past.at_moment(kind, as_of))
            found = related.related(self._conn, kind, key, lambda other: past.at_moment(other, as_of))
            found = {name: rows for name, rows in found.items() if may_do(self._account, kind_named(name).view)}
            for name, rows in found.items():
                self._trace_list(kind_named(name), "", len(rows), {"of": self._audited_key(kind, key)})
        return found

    def costs(self, kind_name: str, key: tuple[Any, ...]) -> tuple[Stored, Costs]:
        """Read a record and name what follows from its removal. Raises as :meth:`remove`."""
        kind = kind_named(kind_name)
        require(self._account, kind.edit)
        with self._conn.transaction():
            stored = self._found(kind, key)
            if kind.people:
                self._trace("view", kind, stored, {})
            return stored, related.costs(self._conn, kind, stored)

    def page(self, kind_name: str, wanted: Wanted, *, what: str = "list") -> Page:
        """Read one page of a kind, ordered by key. ``wanted.under`` '': the account's whole area.

        ``what``: how the audit calls it. Raises as :func:`paging.page`, NotPermittedError for a foreign area.
        """
        kind = kind_named(kind_name)
        wanted = msgspec.structs.replace(wanted, under=self._below(kind, wanted.under or None))
        with self._conn.transaction():
            found = paging.page(self._conn, kind, wanted)
            # Of a list by search words, too: what somebody looked for is part of the look.
            detail = {name: str(value) for name in ("words", "after", "as_of") if (value := getattr(wanted, name))}
            self._trace_list(kind, wanted.under, len(found.rows), detail | dict(wanted.filters), what)
        return found

    def undo(self, number: int) -> Change:
        """Take a change back, with all that was done together with it, within UNDO_S seconds, by the same account.

        Raises NotFoundError for another's change, ChangedMeanwhileError where somebody changed the record since,
        ProvisioningError after the time.
        """
        with self._changing():
            change = self._own(number)
            together = changes.of_transaction(self._conn, change)
            gateways = {one.key for one in together if one.kind is GATEWAY}
            for one in together:
                if one.kind is DEVICE and one.key in {f"{name}/{GATEWAY_DEVICE}" for name in gateways}:
                    continue  # comes and goes with its gateway
                if changes.changed_since(self._conn, one):
                    zh, en = one.kind.words((one.key,))
                    raise ChangedMeanwhileError(
                        en=f"{en} was changed since; it can no longer be taken back", zh=f"{zh} 此后又有修改，无法撤销"
                    )
                self._reverse(one)
        return change

    def undo_all(self, number: int) -> Undone:
        """Take back all that was done together with a change, as :meth:`undo`; what cannot be taken back stays.

        A record stays where somebody changed it since, or where something belongs to it by now. Raises NotFoundError
        for another's change, ProvisioningError after the time.
        """
        back, stay = 0, []
        with self._changing():
            together = changes.of_transaction(self._conn, self._own(number))
            gateways = {one.key for one in together if one.kind is GATEWAY}
            for one in together:
                if one.kind is DEVICE and one.key in {f"{name}/{GATEWAY_DEVICE}" for name in gateways}:
                    continue  # comes and goes with its gateway
                try:
                    with self._conn.transaction():
                        if changes.changed_since(self._conn, one):
                            raise ChangedMeanwhileError(en="it was changed since", zh="此后又有修改")
                        self._reverse(one)
                    back += 1
                except ProvisioningError as error:
                    zh, en = one.kind.words(parse_key(one.kind.name, one.key))
                    stay.append(Stays(zh, en, error.message_zh, error.message_en))
        return Undone(back, tuple(stay))

    def _own(self, number: int) -> Change:
        """A change of one's own that can still be taken back. Raises NotFoundError, ProvisioningError."""
        change = changes.one(self._conn, number)
        if change is None or change.account_id != self._account.id:
            raise NotFoundError(en="there is no such change of yours", zh="您没有做过这项修改")
        if changes.is_over(self._conn, change):
            raise ProvisioningError(
                en=f"the {changes.UNDO_S} s in which it could be taken back are over; change it anew",
                zh=f"{changes.UNDO_S} 秒的撤销时间已过，请另行修改",
            )
        return change

    def _reverse(self, change: Change) -> None:
        kind = change.kind
        if change.operation == "add":
            key = parse_key(kind.name, change.key)
            self.remove(kind.name, key, self._found(kind, key).version)
            return
        head = past.at_moment(kind, None, before_change=change.id)
        then = store.fetch(self._conn, kind, parse_key(kind.name, change.key), head)
        if then is None:
            raise NotFoundError(en=f"there was no {change.key}", zh=f"此前没有 {change.key}")
        fields = msgspec.structs.asdict(then.record)
        if change.operation == "remove":
            self.add(kind.name, fields)
        else:
            self.change(kind.name, kind.key_of(fields), change.version, fields)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """A transaction whose changes the history ascribes to the account."""
        with self._conn.transaction():
            changes.act_as(self._conn, self._account, self._origin)
            yield

    def _below(self, kind: Kind, under: str | None) -> str:
        self._require_view(kind)
        below = under or self._account.area_path or ""
        if not in_area(self._account, below):
            raise NotPermittedError(
                en=f"{below} is not in {self._account.login}'s area {self._account.area_path}",
                zh=f"{below} 不在 {self._account.login} 的管辖区域 {self._account.area_path} 内",
            )
        return below

    def _trace_list(self, kind: Kind, under: str, count: int, detail: dict[str, Any], what: str = "list") -> None:
        if kind.people:
            audit(
                self._conn, self._account, f"{what}_{kind.name}", at=self._at, origin=self._origin,
                detail={"under": under, "count": count, **detail},
            )  # fmt: skip

    def _look(self) -> Lookup:
        return Lookup(self._conn, local_day(self._at))

    def _require_view(self, kind: Kind) -> None:
        require(self._account, Action.VIEW_NETWORK)
        require(self._account, kind.view)

    def _found(self, kind: Kind, key: tuple[Any, ...], head: sql.Composed = store.NOW) -> Stored:
        stored = store.fetch(self._conn, kind, key, head)
        if stored is None or not in_area(self._account, stored.path):
            zh, en = kind.words(key)
            raise NotFoundError(en=f"there is no {en} in your area", zh=f"您的管辖区域内没有{zh}", field=kind.key[-1])
        return stored

    def _stay_within(self, path: str, kind: Kind, key: tuple[Any, ...]) -> None:
        if not in_area(self._account, path):
            zh, en = kind.words(key)
            raise NotPermittedError(
                en=f"{en}: {path} is not in {self._account.login}'s area {self._account.area_path}",
                zh=f"{zh}：{path} 不在 {self._account.login} 的管辖区域 {self._account.area_path} 内",
            )

    def _trace(self, what: str, kind: Kind, stored: Stored, detail: dict[str, Any]) -> None:
        """Write a line of the audit: keys and names of fields only, so that it is no second copy of personal data."""
        key = self._audited_key(kind, kind.key_of(msgspec.structs.asdict(stored.record)))
        audit(
            self._conn, self._account, f"{what}_{kind.name}", at=self._at, resident_id=stored.resident_id,
            origin=self._origin, detail={"key": key, "version": stored.version, **detail},
        )  # fmt: skip

    @staticmethod
    def _audited_key(kind: Kind, key: tuple[Any, ...]) -> str:
        """A key without the telephone that is part of a contact's."""
        return "/".join(str(part) for part in (key[:1] if kind.name == "contact" else key))


def parse_key(kind_name: str, text: str) -> tuple[str, ...]:
    """Parse a key such as 'gw-1/pendant' of a device. Raises NotFoundError for too few or too many parts."""
    kind = kind_named(kind_name)
    parts = tuple(text.split("/"))
    if len(parts) != len(kind.key):
        raise NotFoundError(
            en=f"a {kind.name} is named {'/'.join(kind.key)}, not {text!r}",
            zh=f"{kind.zh}的标识形如 {'/'.join(kind.key)}，而不是 {text}",
        )
    return parts
