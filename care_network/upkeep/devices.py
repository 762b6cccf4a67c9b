"""Pair, refuse, replace and retire devices; enrol a gateway; ask it for a self test; send it its configuration."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_network.errors import ExistsError, NotFoundError, ProvisioningError
from care_network.records import kinds, records, store
from care_network.records.certificates import EnrolmentError, make_code
from care_network.records.lookup import Lookup
from care_network.records.provisioning import GATEWAY_DEVICE, add_gateway
from care_network.upkeep.scope import UNDO, Acting, GatewayRow, changed, sees_everything, words_of
from database.upkeep import requests as upkeep_requests
from firmware_profiles.devices import MODELS
from vocabulary.times import local_day

SELF_TEST_EVERY = dt.timedelta(seconds=20)
"""Two presses in a row are one test."""
CODE_HOURS = 24.0
MOST_CONFIG = 255 * 1024


class Unpaired(msgspec.Struct, frozen=True, kw_only=True):
    """A device, or a gateway (``device`` is empty), that was heard and is not registered."""

    gateway: str
    device: str
    channels: list[str]
    first_at: dt.datetime
    last_at: dt.datetime
    times: int


class DeviceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A device as a change finds it."""

    id: int
    name: str
    model: str
    room: str
    resident_id: int | None
    resident: str | None
    version: int
    retired: bool


def unpaired_devices(acting: Acting, gateway: GatewayRow) -> list[Unpaired]:
    """Devices that a gateway relays and nobody has registered or refused, the latest first."""
    return _unpaired(acting.conn, "p.gateway = %s AND p.device <> ''", gateway.name)


def unpaired_gateways(acting: Acting) -> list[Unpaired]:
    """Gateways that nobody has registered or refused; of whoever answers for the whole district."""
    if not sees_everything(acting.conn, acting.account):
        return []
    return _unpaired(acting.conn, "p.device = %s", "")


def _unpaired(conn: Connection[Any], where: str, value: str) -> list[Unpaired]:
    query = (
        "SELECT p.gateway, p.device, p.channels, p.first_at, p.last_at, p.times FROM pairing p"  # noqa: S608 - fixed
        f" LEFT JOIN gateway g ON g.name = p.gateway WHERE {where} AND p.refused_at IS NULL"
        " AND CASE WHEN p.device = '' THEN g.id IS NULL"
        " ELSE NOT EXISTS (SELECT FROM device d WHERE d.gateway_id = g.id AND d.name = p.device) END"
        " ORDER BY p.last_at DESC LIMIT 200"
    )
    with conn.cursor(row_factory=class_row(Unpaired)) as cursor:
        return cursor.execute(query.encode(), (value,)).fetchall()


def pair(acting: Acting, gateway: str, device: str, model: str, room: str, resident: str) -> None:
    """Register a device of a gateway, whether it was heard yet or not; a retired one of this name serves again.

    Raises ProvisioningError with the field that is wrong.
    """
    acting.require(Action.OPERATE_DEVICES)
    with acting.changing():
        home = acting.gateway(gateway)
        _add(acting, home, device, model, room, resident)
        acting.audit("pair_device", _resident_id(acting.conn, resident), device=f"{gateway}/{device}", model=model)


def refuse(acting: Acting, gateway: str, device: str) -> None:
    """Say that a device (or, with an empty name, a gateway) that was heard is none of ours: it is shown no more."""
    acting.require(Action.OPERATE_DEVICES)
    with acting.conn.transaction():
        _own(acting, gateway, device)
        done = acting.conn.execute(
            "UPDATE pairing SET refused_at = %s, refused_by = %s WHERE gateway = %s AND device = %s",
            (acting.now, acting.account.login, gateway, device),
        )
        if done.rowcount == 0:
            raise NotFoundError(en=f"{device or gateway} was not heard", zh=f"没有听到 {device or gateway}")
        acting.audit("refuse_pairing", device=f"{gateway}/{device}")


def ask_again(acting: Acting, gateway: str, device: str) -> None:
    """Take a refusal back."""
    acting.require(Action.OPERATE_DEVICES)
    with acting.conn.transaction():
        _own(acting, gateway, device)
        acting.conn.execute(
            "UPDATE pairing SET refused_at = NULL, refused_by = '' WHERE gateway = %s AND device = %s",
            (gateway, device),
        )
        acting.audit("undo_refusal", device=f"{gateway}/{device}")


def replace(acting: Acting, gateway: str, old: str, version: int, new: str, model: str) -> None:
    """Put a new device in the place of one: it takes wearer and room; the old one is retired, its history stays.

    Thresholds and policies of the resident and the home stay as they are. Raises ProvisioningError
    with the field that is wrong, ChangedMeanwhileError where the old device is no longer as it was at ``version``.
    """
    acting.require(Action.OPERATE_DEVICES)
    with acting.changing():
        home = acting.gateway(gateway)
        before = _device(acting.conn, home, old)
        if before.name == new:
            raise ExistsError(
                en="the new device needs a name of its own, as the gateway reports it",
                zh="新设备须有自己的名称，与网关上报的一致",
                field="new",
            )
        _retire(acting, before, version, f"由 {new} 更换")
        number = _add(acting, home, new, model, before.room, before.resident or "")
        acting.conn.execute("UPDATE device SET replaced_by = %s WHERE id = %s", (number, before.id))
        acting.audit("replace_device", before.resident_id, device=f"{gateway}/{old}", by=new, model=model)


def retire(acting: Acting, gateway: str, device: str, version: int, reason: str) -> None:
    """Take a device out of use: it watches nobody from now on; its history stays.

    Raises ChangedMeanwhileError where it is no longer as it was at ``version``, ProvisioningError without a reason.
    """
    acting.require(Action.OPERATE_DEVICES)
    with acting.changing():
        home = acting.gateway(gateway)
        before = _device(acting.conn, home, device)
        _retire(acting, before, version, words_of(reason))
        acting.audit("retire_device", before.resident_id, device=f"{gateway}/{device}")


def bring_back(acting: Acting, gateway: str, device: str) -> None:
    """Use a retired device again, where and by whom it was used; the one that replaced it is retired in its place."""
    acting.require(Action.OPERATE_DEVICES)
    with acting.changing():
        home = acting.gateway(gateway)
        before = _device(acting.conn, home, device)
        acting.conn.execute(
            "UPDATE device SET retired_at = %s, retired_why = %s, version = version + 1"
            " WHERE retired_at IS NULL AND id = (SELECT replaced_by FROM device WHERE id = %s)",
            (acting.now, f"{device} 恢复使用", before.id),
        )
        acting.conn.execute(
            "UPDATE device SET retired_at = NULL, retired_why = '', replaced_by = NULL, version = version + 1"
            " WHERE id = %s",
            (before.id,),
        )
        acting.audit("bring_device_back", before.resident_id, device=f"{gateway}/{device}")


def register(acting: Acting, gateway: str, household: str) -> None:
    """Register a gateway at a home. Raises ProvisioningError with the field that is wrong."""
    acting.require(Action.OPERATE_DEVICES)
    new = records.parse(records.NewGateway, {"name": gateway.strip(), "household": household.strip()})
    with acting.changing():
        row = acting.conn.execute(
            "SELECT FROM household h JOIN area a ON a.id = h.area_id WHERE h.code = %s AND a.path <@ %s::ltree",
            (new.household, acting.account.area_path),
        ).fetchone()
        if row is None:
            raise NotFoundError(
                en=f"there is no home {new.household!r} in your area",
                zh=f"您的管辖区域内没有住户 {new.household}",
                field="household",
            )
        add_gateway(acting.conn, new)
        acting.audit("add_gateway", key=new.name, household=new.household)


def enrol(acting: Acting, gateway: str) -> str:
    """Make a code with which the gateway gets its first certificate, once, within a day; an older one ends.

    Returns ``<gateway>.<code>``; the installer needs the authority's fingerprint behind it. Raises ProvisioningError
    for a gateway that was revoked.
    """
    acting.require(Action.OPERATE_DEVICES)
    with acting.conn.transaction():
        home = acting.gateway(gateway)
        try:
            code = make_code(acting.conn, home.name, acting.now, dt.timedelta(hours=CODE_HOURS))
        except EnrolmentError as error:
            raise ProvisioningError(
                en=str(error), zh=f"网关 {gateway} 已吊销，吊销的名称不再启用，请另取新名"
            ) from error
        acting.audit("enrolment_code", gateway=gateway)
    return f"{home.name}.{code}"


def ask_self_test(acting: Acting, gateway: str) -> int:
    """Ask a gateway to test itself; the number of the request. One that is under way is not asked for twice."""
    acting.require(Action.OPERATE_DEVICES)
    with acting.conn.transaction():
        home = acting.gateway(gateway)
        running = acting.conn.execute(
            "SELECT id FROM upkeep_request WHERE kind = 'self_test' AND subject = %s"
            " AND (state = 'queued' OR state = 'sent' AND ends_at > clock_timestamp())"
            " AND asked_at > clock_timestamp() - %s ORDER BY id DESC LIMIT 1",
            (home.name, SELF_TEST_EVERY),
        ).fetchone()
        if running is not None:
            return int(running[0])
        number = upkeep_requests.put(acting.conn, "self_test", home.name, acting.account.login)
        acting.audit("self_test", gateway=gateway)
    return number


class ConfigNote(msgspec.Struct, frozen=True):
    """Gateway and version as a signed configuration names them; the gateway alone can verify the signature."""

    gateway: str
    version: int
    made_us: int = 0


class _Sealed(msgspec.Struct, frozen=True, array_like=True):
    content: bytes
    signature: bytes


def read_config(body: bytes) -> ConfigNote:
    """Read for whom a signed configuration is. Raises ProvisioningError for any other file."""
    try:
        sealed = msgspec.msgpack.decode(body, type=_Sealed)
        return msgspec.msgpack.decode(sealed.content, type=ConfigNote)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProvisioningError(
            en="this is no signed configuration; make one with: shouwang provision sign-config",
            zh="这不是签名配置文件；请用 shouwang provision sign-config 生成",
            field="file",
        ) from error


def push_config(acting: Acting, gateway: str, body: bytes) -> int:
    """Queue a signed configuration for its gateway; it can be withdrawn for UNDO. The number of the request.

    The district's signing key never comes near the platform: the file was signed elsewhere, and the gateway verifies
    it. Raises ProvisioningError for a file that is none, another gateway's, or not newer than the last one sent.
    """
    acting.require(Action.OPERATE_DEVICES)
    acting.gateway(gateway)
    if not body:
        raise ProvisioningError(en="choose the file", zh="请选择文件", field="file")
    if len(body) > MOST_CONFIG:
        raise ProvisioningError(en="the file is too large", zh="文件过大", field="file")
    made_for = read_config(body)
    with acting.conn.transaction():
        home = acting.gateway(gateway)
        if made_for.gateway != home.name:
            raise ProvisioningError(
                en=f"this configuration was signed for {made_for.gateway}, not for {home.name}",
                zh=f"这份配置是为网关 {made_for.gateway} 签的，不是 {home.name}",
                field="file",
            )
        row = acting.conn.execute(
            "SELECT max((detail ->> 'version')::bigint) FROM upkeep_request"
            " WHERE kind = 'update_config' AND subject = %s AND state <> 'withdrawn'",
            (home.name,),
        ).fetchone()
        if row is not None and row[0] is not None and made_for.version <= row[0]:
            raise ProvisioningError(
                en=f"version {made_for.version} is not newer than {row[0]}, which was sent before: sign it anew",
                zh=f"版本 {made_for.version} 不比已下发的 {row[0]} 新，请重新签名",
                field="file",
            )
        detail = {"version": made_for.version, "bytes": len(body)}
        number = upkeep_requests.put(
            acting.conn, "update_config", home.name, acting.account.login, detail, body=body, wait=UNDO
        )
        acting.audit("push_config", gateway=gateway, version=made_for.version)
    return number


def withdraw(acting: Acting, number: int) -> upkeep_requests.Request:
    """Take a request about a gateway back before it is sent. Raises NotFoundError, ProvisioningError where too late."""
    acting.require(Action.OPERATE_DEVICES)
    with acting.conn.transaction():
        found = request_of(acting, number)
        if not upkeep_requests.withdraw(acting.conn, number):
            raise ProvisioningError(en="too late: it is on its way", zh="已经下发，无法撤回")
        acting.audit("withdraw_request", request=number, gateway=found.subject)
    return found


def request_of(acting: Acting, number: int) -> upkeep_requests.Request:
    """The request about a gateway of the account's area. Raises NotFoundError."""
    found = upkeep_requests.load(acting.conn, number)
    if found is None or found.kind not in ("self_test", "update_config"):
        raise NotFoundError(en="there is no such request", zh="没有这项请求")
    acting.gateway(found.subject)
    return found


def _own(acting: Acting, gateway: str, device: str) -> None:
    """Whether a pairing request is the account's to settle. Raises NotFoundError."""
    if device:
        acting.gateway(gateway)
    elif not sees_everything(acting.conn, acting.account):
        raise NotFoundError(en=f"there is no gateway {gateway!r} in your area", zh=f"您的管辖区域内没有网关 {gateway}")


def _device(conn: Connection[Any], gateway: GatewayRow, name: str) -> DeviceRow:
    with conn.cursor(row_factory=class_row(DeviceRow)) as cursor:
        found = cursor.execute(
            """
            SELECT d.id, d.name, d.model, d.room, d.resident_id, r.code AS resident, d.version,
                   d.retired_at IS NOT NULL AS retired
            FROM device d LEFT JOIN resident r ON r.id = d.resident_id WHERE d.gateway_id = %s AND d.name = %s
            """,
            (gateway.id, name),
        ).fetchone()
    if found is None or found.name == GATEWAY_DEVICE:
        raise NotFoundError(en=f"{gateway.name} has no device {name!r}", zh=f"网关 {gateway.name} 没有设备 {name}")
    return found


def _add(acting: Acting, home: GatewayRow, device: str, model: str, room: str, resident: str) -> int:
    """Store the device, or use the retired one of its name again; its id."""
    fields = {"gateway": home.name, "name": device.strip(), "model": model, "room": room.strip()}
    new = records.parse(records.NewDevice, fields | {"resident": resident or None})
    if new.model not in MODELS or new.model == GATEWAY_DEVICE:
        raise ProvisioningError(en="choose the model", zh="请选择型号", field="model")
    try:
        known = _device(acting.conn, home, new.name)
    except NotFoundError:
        return store.add(acting.conn, kinds.DEVICE, new, local_day(acting.now))
    if not known.retired:
        raise ExistsError(en=f"{new.name} is in use already", zh=f"{new.name} 已在使用", field="device")
    if known.model != new.model:
        raise ProvisioningError(
            en=f"{new.name} was a {known.model}: another model needs another name",
            zh=f"{new.name} 原为 {known.model}，换型号须换名称",
            field="model",
        )
    checked = kinds.DEVICE.check(Lookup(acting.conn, local_day(acting.now)), new)
    acting.conn.execute(
        "UPDATE device SET retired_at = NULL, retired_why = '', replaced_by = NULL, room = %s, resident_id = %s,"
        " version = version + 1 WHERE id = %s",
        (new.room, checked.columns["resident_id"], known.id),
    )
    return known.id


def _retire(acting: Acting, before: DeviceRow, version: int, why: str) -> None:
    done = acting.conn.execute(
        "UPDATE device SET retired_at = %s, retired_why = %s, version = version + 1"
        " WHERE id = %s AND version = %s AND retired_at IS NULL",
        (acting.now, why, before.id, version),
    )
    if done.rowcount == 0:
        raise changed(f"设备 {before.name} ", f"device {before.name}")


def _resident_id(conn: Connection[Any], code: str) -> int | None:
    row = conn.execute("SELECT id FROM resident WHERE code = %s", (code,)).fetchone()
    return None if row is None else int(row[0])
