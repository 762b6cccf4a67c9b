"""The kinds of record of the care network: key, table, rules and permissions of each, as a table."""

from collections.abc import Callable, Mapping
from typing import Any, LiteralString

import msgspec

from care_network.access.permissions import Action
from care_network.errors import NotFoundError
from care_network.records import checks, records, staff_records
from care_network.records.lookup import Lookup


class Kind(msgspec.Struct, frozen=True, kw_only=True):
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
    """Types of parameters that PostgreSQL cannot infer, by column."""
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
    name="area",
    zh="区域",
    record=records.NewArea,
    key=("path",),
    check=checks.area,
    edit=Action.PROVISION,
    table="area",
    select="SELECT a.id AS _id, a.version AS _version, a.path::text AS _path, NULL::integer AS _resident,"
    " a.path::text AS path, a.level, a.name_zh, a.name_en, a.longitude, a.latitude FROM area a",
    where="a.path::text = %s",
    conflict="path",
    casts={"path": "ltree"},
)
ORGANISATION = Kind(
    name="organisation",
    zh="机构",
    record=records.NewOrganisation,
    key=("code",),
    check=checks.organisation,
    edit=Action.PROVISION,
    table="organisation",
    select=_META + " NULL::integer AS _resident, x.code, a.path::text AS area, x.kind, x.name_zh, x.name_en, x.phone,"
    " x.address_zh, x.address_en, x.longitude, x.latitude, x.active"
    " FROM organisation x JOIN area a ON a.id = x.area_id",
    where="x.code = %s",
    conflict="code",
)
HOUSEHOLD = Kind(
    name="household",
    zh="住户",
    record=records.NewHousehold,
    key=("code",),
    check=checks.household,
    edit=Action.PROVISION,
    table="household",
    select=_META + " NULL::integer AS _resident, x.code, a.path::text AS area, x.address_zh, x.address_en, x.phone,"
    " x.longitude, x.latitude, x.floor, x.has_lift, x.way_in, x.key_safe FROM household x"
    " JOIN area a ON a.id = x.area_id",
    where="x.code = %s",
    conflict="code",
    view=Action.VIEW_RESIDENT,
    people=True,
)
RESIDENT = Kind(
    name="resident",
    zh="老人",
    record=records.NewResident,
    key=("code",),
    check=checks.resident,
    edit=Action.PROVISION,
    table="resident",
    select=_META + " x.id AS _resident, x.code, h.code AS household, x.name_zh, x.name_en, x.sex, x.birth_date,"
    " x.home_care_bed, x.spo2_scale, x.on_oxygen, x.languages,"
    " x.ability_grade, x.lives_alone, x.preferred_language FROM resident x" + _HOME,
    where="x.code = %s",
    conflict="code",
    view=Action.VIEW_RESIDENT,
    people=True,
)
GATEWAY = Kind(
    name="gateway",
    zh="网关",
    record=records.NewGateway,
    key=("name",),
    check=checks.gateway,
    edit=Action.PROVISION,
    table="gateway",
    select=_META + " NULL::integer AS _resident, x.name, h.code AS household FROM gateway x" + _HOME,
    where="x.name = %s",
    conflict="name",
)
DEVICE = Kind(
    name="device",
    zh="设备",
    record=records.NewDevice,
    key=("gateway", "name"),
    check=checks.device,
    edit=Action.PROVISION,
    table="device",
    select=_META + " x.resident_id AS _resident, g.name AS gateway, x.name, x.model, x.room, r.code AS resident"
    " FROM device x JOIN gateway g ON g.id = x.gateway_id JOIN household h ON h.id = g.household_id"
    " JOIN area a ON a.id = h.area_id LEFT JOIN resident r ON r.id = x.resident_id",
    where="g.name = %s AND x.name = %s",
    conflict="gateway_id, name",
)
CONTACT = Kind(
    name="contact",
    zh="联系人",
    record=staff_records.NewContact,
    key=("resident", "phone"),
    check=checks.contact,
    edit=Action.EDIT_CONTACTS,
    table="contact",
    select=_META
    + " r.id AS _resident, r.code AS resident, x.phone, x.name_zh, x.name_en, x.relation_zh, x.relation_en,"
    " x.call_order, x.consent_at, x.language, x.has_key, c.login"
    " FROM contact x JOIN resident r ON r.id = x.resident_id JOIN household h ON h.id = r.household_id"
    " JOIN area a ON a.id = h.area_id LEFT JOIN account c ON c.id = x.account_id",
    where="r.code = %s AND x.phone = %s",
    conflict="resident_id, phone",
    alone=(("resident", "call_order"),),
    view=Action.VIEW_RESIDENT,
    people=True,
)
STAFF = Kind(
    name="staff",
    zh="工作人员",
    record=staff_records.NewStaff,
    key=("code",),
    check=checks.staff,
    edit=Action.MANAGE_STAFF,
    table="staff",
    select=_META + " NULL::integer AS _resident, x.code, o.code AS organisation, x.kind, x.name_zh, x.name_en, x.phone,"
    " x.skills, x.languages, x.active, c.login FROM staff x"
    + _ORGANISATION
    + " LEFT JOIN account c ON c.id = x.account_id",
    where="x.code = %s",
    conflict="code",
    alone=(("login",),),
)
CERTIFICATE = Kind(
    name="certificate",
    zh="证书",
    record=staff_records.NewCertificate,
    key=("staff", "kind"),
    check=checks.certificate,
    edit=Action.MANAGE_STAFF,
    table="staff_certificate",
    select=_META + " NULL::integer AS _resident, s.code AS staff, x.kind, x.number, x.issued_on, x.expires_on"
    " FROM staff_certificate x" + _OF_STAFF,
    where="s.code = %s AND x.kind = %s",
    conflict="staff_id, kind",
)
SHIFT = Kind(
    name="shift",
    zh="班次",
    record=staff_records.NewShift,
    key=("organisation", "code"),
    check=checks.shift,
    edit=Action.MANAGE_STAFF,
    table="shift",
    select=_META + " NULL::integer AS _resident, o.code AS organisation, x.code, x.name_zh, x.name_en, x.starts, x.ends"
    " FROM shift x" + _ORGANISATION,
    where="o.code = %s AND x.code = %s",
    conflict="organisation_id, code",
)
ROSTER = Kind(
    name="roster",
    zh="排班",
    record=staff_records.NewRosterEntry,
    key=("staff", "organisation", "shift", "valid_from"),
    check=checks.roster,
    edit=Action.MANAGE_STAFF,
    table="roster",
    select=_META + " NULL::integer AS _resident, s.code AS staff, o.code AS organisation, t.code AS shift, x.weekdays,"
    " x.valid_from, x.valid_until FROM roster x JOIN staff s ON s.id = x.staff_id JOIN shift t ON t.id = x.shift_id"
    " JOIN organisation o ON o.id = t.organisation_id JOIN area a ON a.id = o.area_id",
    where="s.code = %s AND o.code = %s AND t.code = %s AND x.valid_from = %s::date",
    conflict="staff_id, shift_id, valid_from",
)
EXCEPTION = Kind(
    name="exception",
    zh="排班例外",
    record=staff_records.NewException,
    key=("staff", "kind", "starts_at"),
    check=checks.exception,
    edit=Action.MANAGE_STAFF,
    table="roster_exception",
    select=_META
    + " NULL::integer AS _resident, s.code AS staff, x.kind, x.starts_at, x.ends_at, o.code AS organisation,"
    " x.reason FROM roster_exception x JOIN staff s ON s.id = x.staff_id"
    " JOIN organisation home ON home.id = s.organisation_id LEFT JOIN organisation o ON o.id = x.organisation_id"
    " JOIN area a ON a.id = coalesce(o.area_id, home.area_id)",
    where="s.code = %s AND x.kind = %s AND x.starts_at = %s::timestamptz",
    conflict="staff_id, kind, starts_at",
)

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
            en=f"there is no kind {name!r}; known: {', '.join(KINDS)}", zh=f"没有类别 {name}；可用：{'、'.join(KINDS)}"
        )
    return KINDS[name]
