"""New records as plain structs, and a parser that names the wrong field."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from care_network.catalogues.ability import Grade
from care_network.errors import MalformedError
from firmware_profiles.wire import Code as ChannelCode
from firmware_profiles.wire import DeviceName, GatewayName

AreaPath = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]{1,40}(\.[a-z0-9_]{1,40}){0,4}\Z")]
"""Labels from the city down, joined by dots: 'shenzhen.yantian.haishan.pengwan.c03'."""
Code = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}\Z")]
Login = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._@-]{1,63}\Z")]
Name = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f]{1,120}\Z")]
Text = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f]{0,200}\Z")]
Phone = Annotated[str, msgspec.Meta(pattern=r"^[0-9+ ()-]{0,30}\Z")]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record to be added: parsed by ``parse``, or made directly by the program itself."""


class NewArea(Record, frozen=True):
    path: AreaPath
    level: Literal["city", "district", "street", "community", "compound"]
    name_zh: Name
    name_en: Name
    longitude: Longitude | None = None
    latitude: Latitude | None = None


class NewOrganisation(Record, frozen=True, kw_only=True):
    code: Code
    area: AreaPath
    kind: Literal[
        "district_center",
        "street_elder_center",
        "community_station",
        "compound_point",
        "home_care_bed_team",
        "medical_partner",
        "service_provider",
        "canteen",
        "volunteer_group",
    ]
    name_zh: Name
    name_en: Name
    phone: Phone = ""
    address_zh: Text = ""
    address_en: Text = ""
    longitude: Longitude | None = None
    latitude: Latitude | None = None
    active: bool = True


class NewHousehold(Record, frozen=True, kw_only=True):
    code: Code
    area: AreaPath
    address_zh: Name
    address_en: Name
    phone: Phone = ""
    longitude: Longitude | None = None
    latitude: Latitude | None = None
    floor: Annotated[int, msgspec.Meta(ge=-5, le=200)] | None = None
    """As the buttons of a lift count: 1 is the ground floor. None: not known."""
    has_lift: bool | None = None
    """None: not known."""
    way_in: Text = ""
    """Gate, door and bell in words; never the code of a key safe, which belongs into the medical note."""
    key_safe: bool | None = None
    """Whether a key safe hangs at the door. None: not known."""


class NewResident(Record, frozen=True, kw_only=True):
    code: Code
    household: Code
    name_zh: Name
    name_en: Name
    sex: Literal["female", "male"]
    birth_date: dt.date
    home_care_bed: bool = False
    spo2_scale: Literal[1, 2] = 1
    """NEWS2: 2 only where a clinician prescribed it."""
    on_oxygen: bool = False
    languages: tuple[str, ...] = ("cmn",)
    """Languages spoken at home: codes of ``workforce.LANGUAGES``."""
    ability_grade: Grade | None = None
    """Grade of the last assessment; None: not assessed."""
    lives_alone: bool | None = None
    """None: not known."""
    preferred_language: str | None = None
    """The language to speak with them, a code of ``workforce.LANGUAGES``. None: not known."""


class NewLimit(Record, frozen=True):
    resident: Code
    channel: ChannelCode
    set_by: Name
    low: float | None = None
    high: float | None = None


class NewGateway(Record, frozen=True):
    name: GatewayName
    household: Code


class NewDevice(Record, frozen=True):
    gateway: GatewayName
    name: DeviceName
    model: str
    room: Text = ""
    resident: Code | None = None
    """The wearer; None: it watches the household."""


class NewAccount(Record, frozen=True, kw_only=True):
    login: Login
    password: str
    name_zh: Name
    name_en: Name
    role: Literal["admin", "dispatcher", "lead", "manager", "station", "carer", "family", "auditor", "provider"]
    area: AreaPath | None = None
    language: Literal["zh", "en"] = "zh"

    def __repr__(self) -> str:
        return f"NewAccount(login={self.login!r}, role={self.role!r})"


class NewFamilyMember(Record, frozen=True):
    login: Login
    resident: Code
    relation_zh: Name
    relation_en: Name
    consent_at: dt.datetime


_R = TypeVar("_R", bound=Record)


def parse(kind: type[_R], fields: Mapping[str, Any]) -> _R:
    """Make a record of these fields (numbers and dates may be text). Raises MalformedError, which names the field."""
    try:
        return msgspec.convert(dict(fields), kind, strict=False)
    except msgspec.ValidationError as error:
        what = kind.__name__.removeprefix("New").lower()
        named = re.search(r"at `\$\.(\w+)|missing required field `(\w+)`|unknown field `(\w+)`", str(error))
        wrong, missing, unknown = (None, None, None) if named is None else named.groups()
        if missing:
            zh = f"缺少必填字段 {missing}"
        elif unknown:
            zh = f"没有字段 {unknown}"
        else:
            zh = f"{wrong or '内容'} 不符合要求（{error}）"
        raise MalformedError(
            en=f"{what}: {error}", zh=f"{what}：{zh}", field=wrong or missing or unknown, missing=missing is not None
        ) from error
