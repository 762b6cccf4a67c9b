"""The kinds of record of the care network: key, table, rules and permissions of each, as a table."""

from collections.abc import Callable, Mapping
from typing import Any, LiteralString

import msgspec

from care_network.access.permissions import Action
from care_network.errors import NotFoundError
from care_network.records import checks, records, staff_records
from care_network.records.lookup import Lookup


class Kind(msgspec.Struct, frozen=True):
    """A row of the table of kinds."""

    name: str
    zh: str
    record: type[records.Record]
    key: tuple[str, ...]
    """The fields that identify a record; they never change."""
    check: Callable[[Lookup, Any], checks.CheckedRecord]
    edit: Action
    table: LiteralString
    select: LiteralString
    """The record's fields, and _id, _version, _path (its area) and _resident."""
    where: LiteralString
    """The key, as parameters in its order."""
    conflict: LiteralString
    """The columns of the key's unique index."""
    casts: Mapping[str, LiteralString] = {}
    """Types of parameters that PostgreSQL can not infer, by column."""
    alone: tuple[tuple[str, ...], ...] = ()
    """Further groups of fields in which no two records may be equal (None excepted)."""
    view: Action = Action.VIEW_NETWORK
    """The permission to look, beside VIEW_NETWORK."""
    people: bool = False
    """Whether a look is audited, because the record is about a resident."""

    def key_of(self, fields: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(fields[name] for name in self.key)

    def words(self, key: tuple[Any, ...]) -> tuple[str, str]:
        """Name a record in Chinese and English: '设备 gw-1/pendant', 'device gw-1/pendant'."""
        text = "/".join(str(part) for part in key)
        return f"{self.zh} {text}", f"{self.name} {text}"


_HOME: LiteralString = " JOIN household h ON h.id = x.household_id JOIN area a ON a.id = h.area_id"
_ORGANISATION: LiteralString = " JOIN organisation o ON o.id = x.organisation_id JOIN area a ON a.id = o.area_id"
_OF_STAFF: LiteralString = (
    " JOIN staff s ON s.id = x.staff_id JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id"
)
_META: LiteralString = "SELECT x.id AS _id, x.version AS _version, a.path::text AS _path,"

AREA = Kind(
    "area", "区域", records.NewArea, ("path",), checks.area, Action.PROVISION, "area",
    "SELECT a.id AS _id, a.version AS _version, a.path::text AS _path, NULL::integer AS _resident,"
    " a.path::text AS path, a.level, a.name_zh, a.name_en, a.longitude, a.latitude FROM area a",
    "a.path::text = %s", "path", casts={"path": "ltree"},
)  # fmt: skip
ORGANISATION = Kind(
    "organisation", "机构", records.NewOrganisation, ("code",), checks.organisation, Action.PROVISION, "organisation",
    _META + " NULL::integer AS _resident, x.code, a.path::text AS area, x.kind, x.name_zh, x.name_en, x.phone,"
    " x.address_zh, x.address_en, x.longitude, x.latitude, x.active"
    " FROM organisation x JOIN area a ON a.id = x.area_id",
    "x.code = %s", "code",
)  # fmt: skip
HOUSEHOLD = Kind(
    "household", "住户", records.NewHousehold, ("code",), checks.household, Action.PROVISION, "household",
    _META + " NULL::integer AS _resident, x.code, a.path::text AS area, x.address_zh, x.address_en, x.phone,"
    " x.longitude, x.latitude FROM household x JOIN area a ON a.id = x.area_id",
    "x.code = %s", "code", view=Action.VIEW_RESIDENT, people=True,
)  # fmt: skip
RESIDENT = Kind(
    "resident", "老人", records.NewResident, ("code",), checks.resident, Action.PROVISION, "resident",
    _META + " x.id AS _resident, x.code, h.code AS household, x.name_zh, x.name_en, x.sex, x.birth_date,"
    " x.home_care_bed, x.spo2_scale, x.on_oxygen, x.languages,"
    " x.ability_grade FROM resident x" + _HOME,
    "x.code = %s", "code", view=Action.VIEW_RESIDENT, people=True,
)  # fmt: skip
GATEWAY = Kind(
    "gateway", "网关", records.NewGateway, ("name",), checks.gateway, Action.PROVISION, "gateway",
    _META + " NULL::integer AS _resident, x.name, h.code AS household FROM gateway x" + _HOME,
    "x.name = %s", "name",
)  # fmt: skip
DEVICE = Kind(
    "device", "设备", records.NewDevice, ("gateway", "name"), checks.device, Action.PROVISION, "device",
    _META + " x.resident_id AS _resident, g.name AS gateway, x.name, x.model, x.room, r.code AS resident"
    " FROM device x JOIN gateway g ON g.id = x.gateway_id JOIN household h ON h.id = g.household_id"
    " JOIN area a ON a.id = h.area_id LEFT JOIN resident r ON r.id = x.resident_id",
    "g.name = %s AND x.name = %s", "gateway_id, name",
)  # fmt: skip
CONTACT = Kind(
    "contact", "联系人", staff_records.NewContact, ("resident", "phone"), checks.contact, Action.EDIT_CONTACTS,
    "contact",
    _META + " r.id AS _resident, r.code AS resident, x.phone, x.name_zh, x.name_en, x.relation_zh, x.relation_en,"
    " x.call_order, x.consent_at, x.language, x.has_key, c.login"
    " FROM contact x JOIN resident r ON r.id = x.resident_id JOIN household h ON h.id = r.household_id"
    " JOIN area a ON a.id = h.area_id LEFT JOIN account c ON c.id = x.account_id",
    "r.code = %s AND x.phone = %s", "resident_id, phone",
    alone=(("resident", "call_order"),), view=Action.VIEW_RESIDENT, people=True,
)  # fmt: skip
STAFF = Kind(
    "staff", "工作人员", staff_records.NewStaff, ("code",), checks.staff, Action.MANAGE_STAFF, "staff",
    _META + " NULL::integer AS _resident, x.code, o.code AS organisation, x.kind, x.name_zh, x.name_en, x.phone,"
    " x.skills, x.languages, x.active, c.login FROM staff x" + _ORGANISATION
    + " LEFT JOIN account c ON c.id = x.account_id",
    "x.code = %s", "code", alone=(("login",),),
)  # fmt: skip
CERTIFICATE = Kind(
    "certificate", "证书", staff_records.NewCertificate, ("staff", "kind"), checks.certificate, Action.MANAGE_STAFF,
    "staff_certificate",
    _META + " NULL::integer AS _resident, s.code AS staff, x.kind, x.number, x.issued_on, x.expires_on"
    " FROM staff_certificate x" + _OF_STAFF,
    "s.code = %s AND x.kind = %s", "staff_id, kind",
)  # fmt: skip
SHIFT = Kind(
    "shift", "班次", staff_records.NewShift, ("organisation", "code"), checks.shift, Action.MANAGE_STAFF, "shift",
    _META + " NULL::integer AS _resident, o.code AS organisation, x.code, x.name_zh, x.name_en, x.starts, x.ends"
    " FROM shift x" + _ORGANISATION,
    "o.code = %s AND x.code = %s", "organisation_id, code",
)  # fmt: skip
ROSTER = Kind(
    "roster", "排班", staff_records.NewRosterEntry, ("staff", "organisation", "shift", "valid_from"), checks.roster,
    Action.MANAGE_STAFF, "roster",
    _META + " NULL::integer AS _resident, s.code AS staff, o.code AS organisation, t.code AS shift, x.weekdays,"
    " x.valid_from, x.valid_until FROM roster x JOIN staff s ON s.id = x.staff_id JOIN shift t ON t.id = x.shift_id"
    " JOIN organisation o ON o.id = t.organisation_id JOIN area a ON a.id = o.area_id",
    "s.code = %s AND o.code = %s AND t.code = %s AND x.valid_from = %s::date", "staff_id, shift_id, valid_from",
)  # fmt: skip
EXCEPTION = Kind(
    "exception", "排班例外", staff_records.NewException, ("staff", "kind", "starts_at"), checks.exception,
    Action.MANAGE_STAFF, "roster_exception",
    _META + " NULL::integer AS _resident, s.code AS staff, x.kind, x.starts_at, x.ends_at, o.code AS organisation,"
    " x.reason FROM roster_exception x JOIN staff s ON s.id = x.staff_id"
    " JOIN organisation home ON home.id = s.organisation_id LEFT JOIN organisation o ON o.id = x.organisation_id"
    " JOIN area a ON a.id = coalesce(o.area_id, home.area_id)",
    "s.code = %s AND x.kind = %s AND x.starts_at = %s::timestamptz", "staff_id, kind, starts_at",
)  # fmt: skip

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        AREA, ORGANISATION, HOUSEHOLD, RESIDENT, GATEWAY, DEVICE, CONTACT, STAFF, CERTIFICATE, SHIFT, ROSTER, EXCEPTION,
    )
}  # fmt: skip


def kind_named(name: str) -> Kind:
    """Find the kind of that name. Raises NotFoundError, which lists the names."""
    if name not in KINDS:
        raise NotFoundError(
            en=f"there is no kind {name!r}; known: {', '.join(KINDS)}", zh=f"没有类别 {name};可用:{'、'.join(KINDS)}"
        )
    return KINDS[name]
