"""Records as people read and change them: with their permission, in their area, on a version, and audited.

``Network`` is bound to one account and one moment. Staff work only below their own area; records outside it are
reported as "not there". Every change of anything and every look at a resident leaves a line in ``audit``.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, in_area, require
from care_network.errors import NotFoundError, NotPermittedError, ProvisioningError
from care_network.records import records, store
from care_network.records.kinds import DEVICE, GATEWAY, RESIDENT, Kind, kind_named
from care_network.records.lookup import Lookup
from care_network.records.provisioning import GATEWAY_DEVICE, add_gateway
from care_network.records.store import Stored


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
        with self._conn.transaction():
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
        with self._conn.transaction():
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
        with self._conn.transaction():
            stored = self._found(kind, key)
            if kind is GATEWAY:
                health = store.fetch(self._conn, DEVICE, (key[0], GATEWAY_DEVICE))
                if health is not None:
                    store.remove(self._conn, DEVICE, health, health.version)
            store.remove(self._conn, kind, stored, version)
            # Their lines of the audit stay, with the number of the row that is gone: here is whose it was.
            gone = {"removed_resident": stored.id} if kind is RESIDENT else {}
            self._trace("remove", kind, msgspec.structs.replace(stored, resident_id=None), gone)

    def get(self, kind_name: str, key: tuple[Any, ...]) -> Stored:
        """Read one record with its version. Raises NotFoundError where none is in the account's area."""
        kind = kind_named(kind_name)
        self._require_view(kind)
        with self._conn.transaction():
            stored = self._found(kind, key)
            if kind.people:
                self._trace("view", kind, stored, {})
        return stored

    def list(self, kind_name: str, under: str | None = None) -> list[Stored]:
        """List the records of a kind in the account's area, or in the part of it below ``under``."""
        kind = kind_named(kind_name)
        self._require_view(kind)
        below = under or self._account.area_path or ""
        if not in_area(self._account, below):
            raise NotPermittedError(
                en=f"{below} is not in {self._account.login}'s area {self._account.area_path}",
                zh=f"{below} 不在 {self._account.login} 的管辖区域 {self._account.area_path} 内",
            )
        with self._conn.transaction():
            found = store.listing(self._conn, kind, below)
            if kind.people:
                audit(
                    self._conn, self._account, f"list_{kind.name}", at=self._at, origin=self._origin,
                    detail={"under": below, "count": len(found)},
                )  # fmt: skip
        return found

    def _look(self) -> Lookup:
        return Lookup(self._conn, self._at.date())

    def _require_view(self, kind: Kind) -> None:
        require(self._account, Action.VIEW_NETWORK)
        require(self._account, kind.view)

    def _found(self, kind: Kind, key: tuple[Any, ...]) -> Stored:
        stored = store.fetch(self._conn, kind, key)
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
        key = [str(part) for part in kind.key_of(msgspec.structs.asdict(stored.record))]
        if kind.name == "contact":
            key = key[:1]
        audit(
            self._conn, self._account, f"{what}_{kind.name}", at=self._at, resident_id=stored.resident_id,
            origin=self._origin, detail={"key": "/".join(key), "version": stored.version, **detail},
        )  # fmt: skip


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
