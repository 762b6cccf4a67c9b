"""Save many records of one kind: each checked like a single one, written in batches."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from psycopg import Connection, sql
from psycopg.errors import IntegrityError

from care_network.access.accounts import Account
from care_network.access.permissions import in_area
from care_network.errors import (
    ChangedMeanwhileError,
    ExistsError,
    MalformedError,
    NotPermittedError,
    ProvisioningError,
)
from care_network.records import provisioning, records, store
from care_network.records.checks import CheckedRecord
from care_network.records.kinds import GATEWAY, Kind
from care_network.records.lookup import WORDS, Lookup
from care_network.records.store import Stored
from vocabulary.times import local_day

BATCH = 500

_SAME_WORDS = {"name_en": "name_zh", "address_en": "address_zh", "relation_en": "relation_zh"}
"""Fields whose missing English text is taken from the Chinese one: tables of a district often have no other."""


class RowFields(msgspec.Struct, frozen=True):
    """The fields of a record that a row of the table gives."""

    number: int
    fields: dict[str, Any]


class SaveCounts(msgspec.Struct, frozen=True):
    added: int = 0
    changed: int = 0
    unchanged: int = 0


class Saved(msgspec.Struct, frozen=True):
    """The outcome of a table's records of one kind."""

    counts: SaveCounts
    bad: dict[int, ProvisioningError]
    verdicts: dict[int, str]
    """'added', 'changed' or 'unchanged', by row."""


class _Entry(msgspec.Struct):
    """A record of the table, with the rows that it comes from."""

    rows: list[int]
    fields: dict[str, Any]


def save(
    conn: Connection[Any],
    account: Account,
    kind: Kind,
    rows: Sequence[RowFields],
    *,
    last: bool,
    at: dt.datetime,
    origin: str,
    progress: Callable[[str, int, int], None],
) -> Saved:
    """Add or change the records of these rows; returns the counts, the errors and what became of the others, by row.

    ``last``: each row is a record of its own. Otherwise several rows may give the same one (a couple's household) and
    must agree. Part of the caller's transaction. Raises ChangedMeanwhileError where somebody else changes the same
    records at this moment.
    """
    bad: dict[int, ProvisioningError] = {}
    entries = _entries(kind, rows, last, bad)
    existing = {kind.key_of(msgspec.structs.asdict(stored.record)): stored for stored in store.listing(conn, kind)}
    look = Lookup(conn, local_day(at), remember=WORDS)
    added: list[tuple[tuple[Any, ...], CheckedRecord]] = []
    changed: list[tuple[tuple[Any, ...], CheckedRecord]] = []
    unchanged = 0
    wanted: dict[tuple[Any, ...], records.Record] = {}
    for number, (key, entry) in enumerate(entries.items(), 1):
        stored = existing.get(key)
        try:
            record = _record(kind, entry.fields, stored)
            checked = kind.check(look, record)
            for path in {checked.path, stored.path if stored else checked.path}:
                if not in_area(account, path):
                    raise NotPermittedError(
                        en=f"{path} is not in {account.login}'s area {account.area_path}",
                        zh=f"{path} 不在 {account.login} 的管辖区域 {account.area_path} 内",
                    )
        except ProvisioningError as error:
            bad |= dict.fromkeys(entry.rows, error)
        else:
            if stored is not None and record == stored.record:
                unchanged += 1
            else:
                wanted[key] = record
                (added if stored is None else changed).append((key, checked))
        if number % BATCH == 0 or number == len(entries):
            progress(f"check {kind.name}", number, len(entries))
    clashes = _clashes(kind, existing, wanted)
    for key, clash in clashes.items():
        bad |= dict.fromkeys(entries[key].rows, clash)
    added = [one for one in added if one[0] not in clashes]
    changed = [one for one in changed if one[0] not in clashes]
    with _somebody_else():
        _write(conn, kind, [checked for _, checked in added], None, progress)
        _write(conn, kind, [checked for _, checked in changed], [existing[key] for key, _ in changed], progress)
        # Two contacts may have changed places in different batches.
        store.settle(conn)
    if kind is GATEWAY:
        _own_devices(conn, [key[0] for key, _ in added])
    _trace(conn, account, kind, {"add": added, "change": changed}, at, origin)
    done = {key: "added" for key, _ in added} | {key: "changed" for key, _ in changed}
    verdicts = {
        number: done.get(key, "unchanged")
        for key, entry in entries.items()
        for number in entry.rows
        if number not in bad
    }
    return Saved(SaveCounts(len(added), len(changed), unchanged), bad, verdicts)


def _entries(
    kind: Kind, rows: Iterable[RowFields], last: bool, bad: dict[int, ProvisioningError]
) -> dict[tuple[Any, ...], _Entry]:
    """Collect the records by their keys; rows that contradict an earlier one go to ``bad``."""
    entries: dict[tuple[Any, ...], _Entry] = {}
    for row in rows:
        missing = next((name for name in kind.key if row.fields.get(name) is None), None)
        if missing is not None:
            bad[row.number] = MalformedError(
                en=f"{kind.name}: missing required field `{missing}`",
                zh=f"{kind.zh}：缺少必填字段 {missing}",
                field=missing,
                missing=True,
            )
            continue
        key = kind.key_of(row.fields)
        entry = entries.get(key)
        if entry is None:
            entries[key] = _Entry([row.number], dict(row.fields))
            continue
        zh, en = kind.words(key)
        first = entry.rows[0]
        differs = next((name for name, value in row.fields.items() if entry.fields.get(name, value) != value), None)
        if last:
            bad[row.number] = ExistsError(
                en=f"{en} is in row {first} already", zh=f"{zh} 已在第 {first} 行出现", field=kind.key[-1]
            )
        elif differs is not None:
            bad[row.number] = ProvisioningError(
                en=f"{en} has another {differs} in row {first}; make them the same",
                zh=f"{zh} 的 {differs} 与第 {first} 行不一致，请改为一致",
                field=differs,
            )
        else:
            entry.rows.append(row.number)
            entry.fields |= row.fields
    return entries


def _record(kind: Kind, fields: dict[str, Any], stored: Stored | None) -> records.Record:
    before = {} if stored is None else msgspec.structs.asdict(stored.record)
    after = {**before, **fields}
    for english, chinese in _SAME_WORDS.items():
        was_same = english not in before or before[english] == before.get(chinese)
        if chinese in after and english not in fields and was_same:
            after[english] = after[chinese]
    if stored is not None and after == before:
        return stored.record
    known = {field.name for field in msgspec.structs.fields(kind.record)}
    return records.parse(kind.record, {name: value for name, value in after.items() if name in known})


def _clashes(
    kind: Kind, existing: dict[tuple[Any, ...], Stored], wanted: dict[tuple[Any, ...], records.Record]
) -> dict[tuple[Any, ...], ExistsError]:
    """Find records that would share with another one a value that must differ (a resident's order of calling)."""
    clashes: dict[tuple[Any, ...], ExistsError] = {}
    for names in kind.alone:
        taken: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        final = {key: stored.record for key, stored in existing.items() if key not in wanted} | wanted
        for key, record in final.items():
            value = tuple(getattr(record, name) for name in names)
            if None in value:
                continue
            other = taken.setdefault(value, key)
            if other != key and key in wanted:
                zh, en = kind.words(other)
                clashes[key] = ExistsError(
                    en=f"the same {' and '.join(names)} as {en}; choose another {names[-1]}",
                    zh=f"与{zh}的 {'、'.join(names)} 相同，请修改 {names[-1]}",
                    field=names[-1],
                )
    return clashes


def _write(
    conn: Connection[Any],
    kind: Kind,
    checked: Sequence[CheckedRecord],
    before: Sequence[Stored] | None,
    progress: Callable[[str, int, int], None],
) -> None:
    """Insert the records, or update the rows of ``before``, in batches."""
    for begin in range(0, len(checked), BATCH):
        batch = [one.columns for one in checked[begin : begin + BATCH]]
        statement = store.insert_statement(kind, batch[0]) if before is None else store.update_statement(kind, batch[0])
        if before is not None:
            stand = before[begin : begin + BATCH]
            batch = [
                {**columns, "_id": row.id, "_version": row.version} for columns, row in zip(batch, stand, strict=True)
            ]
        with conn.cursor() as cursor:
            cursor.executemany(statement, batch)
            written = cursor.rowcount
        if written != len(batch):
            raise ChangedMeanwhileError(
                en=f"somebody changed the same {kind.name} records meanwhile: import again",
                zh=f"有人同时修改了相同的{kind.zh}记录，请重新导入",
            )
        progress(f"write {kind.name}", begin + len(batch), len(checked))


@contextmanager
def _somebody_else() -> Iterator[None]:
    """Turn a refusal by the database into ChangedMeanwhileError: every row was checked, so a record changed since."""
    try:
        yield
    except IntegrityError as error:
        raise ChangedMeanwhileError(
            en=f"the database refused the batch ({error.diag.message_primary}); somebody may have changed the same"
            " records meanwhile: import again",
            zh="数据库拒绝写入，可能有人同时修改了相同记录，请重新导入",
        ) from error


def _own_devices(conn: Connection[Any], gateways: list[str]) -> None:
    """Add to each new gateway the device for its own health, as :func:`provisioning.add_gateway` does."""
    conn.execute(
        "INSERT INTO device (gateway_id, name, model) SELECT id, %s, %s FROM gateway WHERE name = ANY (%s)"
        " ON CONFLICT DO NOTHING",
        (provisioning.GATEWAY_DEVICE, provisioning.GATEWAY_MODEL, gateways),
    )


def _trace(
    conn: Connection[Any],
    account: Account,
    kind: Kind,
    done: dict[str, list[tuple[tuple[Any, ...], CheckedRecord]]],
    at: dt.datetime,
    origin: str,
) -> None:
    """Write a line of the audit for each resident who was added or changed."""
    if kind.name not in ("resident", "contact", "device"):
        return
    field = {"resident": "code", "contact": "resident", "device": "resident"}[kind.name]
    for what, entries in done.items():
        codes = [key[kind.key.index(field)] for key, _ in entries] if field in kind.key else []
        ids = [checked.resident_id for _, checked in entries if checked.resident_id is not None]
        conn.execute(
            sql.SQL(
                "INSERT INTO audit (at, account_id, action, resident_id, detail, origin)"
                " SELECT %s, %s, %s, r.id, jsonb_build_object('key', r.code, 'by', 'import'), %s"
                " FROM resident r WHERE r.code = ANY (%s) OR r.id = ANY (%s)"
            ),
            (at, account.id, f"{what}_{kind.name}", origin, codes, ids),
        )
