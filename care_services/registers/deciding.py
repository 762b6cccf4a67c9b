"""People's decisions on the lines of a register, and what follows from them in our records.

Each field is decided by itself: ours stays, theirs is taken over, or it waits. Each decision has a reason and stays in
the history; what is taken over goes through the service of the records, with its permission, version and history.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, require
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_network.identity import vault
from care_network.identity.numbers import Document, Identity, contradiction
from care_network.medical.keyring import KeyRing
from care_network.records.network import Network
from care_services.core import traits
from care_services.registers import collecting, leaving, store
from care_services.registers.catalogue import FIELDS, LEFT, REGISTERS, TRAIT
from care_services.registers.matching import YES, Before, differences, first_day, verdict_of
from care_services.registers.reading import Said
from care_services.registers.store import Difference, Import, Line, Sealed

Choice = Literal["ours", "theirs", "later"]
CHOICES: tuple[Choice, ...] = ("ours", "theirs", "later")
MOST_AT_ONCE = 200
"""Lines that one press takes over."""


class TakenOver(msgspec.Struct, frozen=True):
    """The outcome of taking over many lines: how many, and which not, with the reason."""

    lines: int
    failed: tuple[tuple[int, str, str], ...]
    """(number of the line, Chinese, English)."""
    left: int
    """Lines beyond what one press takes."""


class NewHome(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody new lives: a household that we have, or a new one in an area."""

    resident: str
    """The new resident's code."""
    household: str
    area: str = ""
    """Of a new household."""
    address: str = ""


def decide(
    conn: Connection[Any],
    account: Account,
    line_id: int,
    version: int,
    choices: Mapping[str, str],
    reason: str,
    *,
    at: dt.datetime,
    origin: str = "",
    batch: int | None = None,
) -> Line:
    """Decide on fields of a line as it was at ``version``; what is taken over is written into our records at once.

    Raises NotFoundError, ChangedMeanwhileError where somebody else decided meanwhile or changed the record,
    ProvisioningError with the field where the record refuses the register's value.
    """
    require(account, Action.MANAGE_REGISTERS)
    reason = _reason(reason)
    with conn.transaction():
        line, head = _locked(conn, account, line_id, version)
        there = {one.field: one for one in store.differences(conn, [line.id]).get(line.id, [])}
        wrong = [field for field, choice in choices.items() if field not in there or choice not in CHOICES]
        if wrong or not choices:
            raise ProvisioningError(
                en="decide on the fields that differ: ours, theirs or later",
                zh="请对不一致的各项选择：本平台、名册或稍后",
                field=wrong[0] if wrong else None,
            )  # fmt: skip
        taken = {field: there[field] for field, choice in choices.items() if choice == "theirs"}
        _take_over(conn, account, line, head, taken, reason, at, origin)
        for field, choice in choices.items():
            store.decide(conn, there[field].id, choice, reason, account.id, at, batch)
        decided = {one.field: choices.get(one.field, one.choice) for one in there.values()}
        if all(choice in ("ours", "theirs") for choice in decided.values()):
            store.settle(conn, line.id, "decided", reason, account.id, at)
        else:
            conn.execute("UPDATE register_line SET version = version + 1 WHERE id = %s", (line.id,))
        detail = {"import": line.import_id, "line": line.number, "choices": dict(choices), "reason": reason}
        audit(conn, account, "decide_register", at=at, resident_id=line.resident_id, origin=origin, detail=detail)
    return _again(conn, line_id)


def take_over_all(
    conn: Connection[Any], account: Account, number: int, reason: str, *, at: dt.datetime, origin: str = ""
) -> TakenOver:
    """Take over what is no conflict (additions, and updates of what came from this register), a transaction a line.

    A line that our records refuse stays open and is named with the reason.
    """
    collecting.one(conn, account, number)
    reason = _reason(reason)
    found = store.lines(conn, number, verdict="changed", only_open=True, limit=MOST_AT_ONCE + 1)
    done, failed = 0, []
    told = store.differences(conn, [one.id for one in found])
    for line in found[:MOST_AT_ONCE]:
        choices = {one.field: "theirs" for one in told.get(line.id, [])}
        try:
            decide(conn, account, line.id, line.version, choices, reason, at=at, origin=origin)
            done += 1
        except ProvisioningError as error:
            failed.append((line.number, error.message_zh, error.message_en))
    return TakenOver(done, tuple(failed), max(0, len(found) - MOST_AT_ONCE))


def link(
    conn: Connection[Any],
    account: Account,
    ring: KeyRing,
    line_id: int,
    version: int,
    resident: str,
    reason: str,
    *,
    at: dt.datetime,
    origin: str = "",
) -> Line:
    """Say who a line is about that named nobody surely: the resident of a code, or '' for nobody of ours (it is new).

    The line's identity number goes into the resident's record where there is none. Differences are written down, to be
    decided on.
    """
    require(account, Action.MANAGE_REGISTERS)
    reason = _reason(reason)
    with conn.transaction():
        line, head = _locked(conn, account, line_id, version)
        if line.verdict not in ("candidate", "new"):
            raise ProvisioningError(en="this line is about somebody already", zh="这一行已对应到老人")
        number, verdict = None, "new"
        if resident:
            number = leaving.seen(conn, account, clean(resident))
            said = _said(ring, line)
            ours = store.known(conn, head.area_path, head.taken_on, [number]).residents.get(number)
            if ours is None:
                raise NotFoundError(
                    en=f"{resident} lives outside the area of this register", zh=f"{resident} 不在本名册的区域内",
                    field="resident",
                )  # fmt: skip
            if said.identity is not None:
                _set_identity(conn, ring, account, number, said.identity, ours.has_identity, at, origin)
            told = store.before(conn, head.register, [number], head.id).get(number, Before())
            found = differences(REGISTERS[head.register], said, ours, told)
            verdict = verdict_of(found)
            with conn.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO register_difference (line_id, field, kind, ours, theirs, before)"
                    " VALUES (%s, %s, %s, %s, %s, %s)",
                    [(line.id, one.field, one.kind, one.ours, one.theirs, one.before) for one in found],
                )
        conn.execute(
            "UPDATE register_line SET resident_id = %s, verdict = %s, version = version + 1 WHERE id = %s",
            (number, verdict, line.id),
        )
        if verdict == "same":
            store.settle(conn, line.id, "decided", reason, account.id, at)
        detail = {"import": line.import_id, "line": line.number, "to": resident, "reason": reason}
        audit(conn, account, "link_register", at=at, resident_id=number, origin=origin, detail=detail)
    return _again(conn, line_id)


def add_resident(
    conn: Connection[Any],
    account: Account,
    ring: KeyRing,
    line_id: int,
    version: int,
    home: NewHome,
    *,
    at: dt.datetime,
    origin: str = "",
) -> Line:
    """Make a resident of a line that is new, in a household that we have or a new one; with number and trait.

    Raises ProvisioningError with the field where a record refuses it.
    """
    require(account, Action.MANAGE_REGISTERS)
    with conn.transaction():
        line, head = _locked(conn, account, line_id, version)
        if line.verdict != "new":
            raise ProvisioningError(en="this line is not about somebody new", zh="这一行不是新的老人")
        said = _said(ring, line)
        for field in ("birth_date", "sex"):
            if field not in said.fields:
                zh, en = FIELDS[field].zh, FIELDS[field].en
                raise ProvisioningError(
                    en=f"the line does not tell the {en}: set it aside and add the resident by hand",
                    zh=f"这一行没有{zh}：请搁置后人工建档", field=field,
                )  # fmt: skip
        network = Network(conn, account, at=at, origin=origin)
        if home.area:
            address = home.address or said.fields.get("address", "")
            network.add("household", {
                "code": home.household, "area": home.area, "address_zh": address, "address_en": address,
                "phone": said.fields.get("phone", ""),
            })  # fmt: skip
        added = network.add("resident", {
            "code": home.resident, "household": home.household, "name_zh": said.fields["name"],
            "name_en": said.fields["name"], "sex": said.fields["sex"], "birth_date": said.fields["birth_date"],
        })  # fmt: skip
        if said.identity is not None:
            _set_identity(conn, ring, account, added.id, said.identity, False, at, origin)
        register = REGISTERS[head.register]
        if register.trait:
            traits.record(
                conn, account, home.resident, register.trait, holds=True, evidence=_evidence(head, line),
                valid_from=first_day(said.fields, head.taken_on), now=at, origin=origin,
            )  # fmt: skip
        conn.execute("UPDATE register_line SET resident_id = %s WHERE id = %s", (added.id, line.id))
        store.settle(conn, line.id, "added", home.resident, account.id, at)
        detail = {"import": line.import_id, "line": line.number, "resident": home.resident}
        audit(conn, account, "add_from_register", at=at, resident_id=added.id, origin=origin, detail=detail)
    return _again(conn, line_id)


def set_aside(
    conn: Connection[Any],
    account: Account,
    line_id: int,
    version: int,
    reason: str,
    *,
    at: dt.datetime,
    origin: str = "",
) -> Line:
    """Say that nothing is to be done on a line, and why. It stays with its import."""
    require(account, Action.MANAGE_REGISTERS)
    reason = _reason(reason)
    with conn.transaction():
        line, _ = _locked(conn, account, line_id, version)
        store.settle(conn, line.id, "aside", reason, account.id, at)
        detail = {"import": line.import_id, "line": line.number, "reason": reason}
        audit(conn, account, "set_aside_register", at=at, resident_id=line.resident_id, origin=origin, detail=detail)
    return _again(conn, line_id)


def opened(ring: KeyRing, line: Line) -> Sealed:
    """The line as it stands in the file. Raises KeyFileError."""
    return msgspec.json.decode(ring.open(line.sealed, store.about(line.import_id, line.number)), type=Sealed)


def masked(ring: KeyRing, line: Line) -> str:
    """The line's identity number as it is shown; '' where it has none."""
    number = opened(ring, line).identity
    return Identity(Document(line.said["document"]), number).masked if number else ""


def _said(ring: KeyRing, line: Line) -> Said:
    number = opened(ring, line).identity
    identity = None
    if number:
        born = line.said.get("birth_date")
        identity = Identity(
            Document(line.said["document"]), number, dt.date.fromisoformat(born) if born else None, line.said.get("sex")
        )
    return Said(number=line.number, fields=line.said, identity=identity)


def _take_over(
    conn: Connection[Any],
    account: Account,
    line: Line,
    head: Import,
    taken: Mapping[str, Difference],
    reason: str,
    at: dt.datetime,
    origin: str,
) -> None:
    if not taken:
        return
    if line.code is None:
        raise NotFoundError(en="the resident is no longer in our records", zh="该老人已不在本平台档案中")
    network = Network(conn, account, at=at, origin=origin)
    resident = network.get("resident", (line.code,))
    household = network.get("household", (msgspec.structs.asdict(resident.record)["household"],))
    fields: dict[str, dict[str, Any]] = {"resident": {}, "household": {}}
    for field, one in taken.items():
        if field in FIELDS:
            kind, _, name = FIELDS[field].ours.partition(".")
            stored = resident if kind == "resident" else household
            now = msgspec.structs.asdict(stored.record)[name]
            if str(now or "") != one.ours:
                raise ChangedMeanwhileError(
                    en=f"our {FIELDS[field].en} is {now} by now and was {one.ours or 'unknown'} when the register came:"
                    " look at it again",
                    zh=f"本平台的{FIELDS[field].zh}现为“{now}”，导入时为“{one.ours or '未知'}”，请重新核对",
                    field=field,
                )  # fmt: skip
            fields[kind][name] = one.theirs
    if fields["resident"]:
        network.change("resident", (line.code,), resident.version, fields["resident"])
    if fields["household"]:
        key = (msgspec.structs.asdict(household.record)["code"],)
        network.change("household", key, household.version, fields["household"])
    if TRAIT in taken:
        holds = taken[TRAIT].theirs == YES
        day = first_day(line.said, head.taken_on) if holds else head.taken_on
        traits.record(
            conn, account, line.code, REGISTERS[head.register].trait, holds=holds, evidence=_evidence(head, line),
            valid_from=day, now=at, origin=origin,
        )  # fmt: skip
    if LEFT in taken:
        state, _, day_text = taken[LEFT].theirs.partition(" ")
        if state == "here":
            leaving.end(conn, account, line.code, _evidence(head, line), at=at, origin=origin)
        else:
            left_on = dt.date.fromisoformat(day_text) if day_text else head.taken_on
            leaving.record(conn, account, line.code, left_on, state, _evidence(head, line), at=at, origin=origin)


def _set_identity(
    conn: Connection[Any],
    ring: KeyRing,
    account: Account,
    resident: int,
    identity: Identity,
    has_one: bool,
    at: dt.datetime,
    origin: str,
) -> None:
    if has_one:
        raise ProvisioningError(
            en="this resident has another identity number already: the line is about somebody else",
            zh="该老人已登记另一个证件号码，这一行应是另一个人", field="resident",
        )  # fmt: skip
    row = conn.execute("SELECT birth_date, sex FROM resident WHERE id = %s", (resident,)).fetchone()
    wrong = None if row is None else contradiction(identity, row[0], row[1])
    if wrong is not None:
        raise wrong
    vault.store(conn, ring, {resident: identity}, account, at)
    detail = {"document": identity.document.value, "from": "register"}
    audit(conn, account, vault.SET, at=at, resident_id=resident, origin=origin, detail=detail)


def _locked(conn: Connection[Any], account: Account, line_id: int, version: int) -> tuple[Line, Import]:
    line = store.one_line(conn, line_id, lock=True)
    if line is None:
        raise NotFoundError(en="there is no such line", zh="没有这一行")
    head = collecting.one(conn, account, line.import_id)
    if line.version != version or line.settled_at is not None:
        raise ChangedMeanwhileError(
            en=f"line {line.number} was decided on meanwhile{' by ' + line.by_zh if line.by_zh else ''}: look again",
            zh=f"第 {line.number} 行刚被处理{'（' + line.by_zh + '）' if line.by_zh else ''}，请重新查看",
        )
    return line, head


def _again(conn: Connection[Any], line_id: int) -> Line:
    line = store.one_line(conn, line_id)
    assert line is not None  # noqa: S101 - locked before
    return line


def _evidence(head: Import, line: Line) -> str:
    return f"{REGISTERS[head.register].zh} {head.taken_on} 第 {line.number} 行（导入 {head.id}）"


def _reason(reason: str) -> str:
    reason = clean(reason)[:200]
    if not reason:
        raise ProvisioningError(en="say why", zh="请填写理由", field="reason")
    return reason
