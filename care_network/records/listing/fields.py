"""The words of every field of every kind of record, in Chinese and English: name, help, unit, and what may be chosen.

Lists, pages and forms take their words from here; ``tests/unit/care_network/records/test_fields.py`` fails for a field
without them.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from care_network.catalogues.ability import GRADES
from care_network.catalogues.workforce import CERTIFICATES, LANGUAGES, ROLES, SKILLS, Term
from care_network.duty.roster import KIND_WORDS as ORGANISATIONS
from care_network.records.kinds import KINDS
from firmware_profiles.devices import MODELS
from vocabulary.labels import room_of
from vocabulary.times import SHANGHAI

Options = Mapping[str, tuple[str, str]]
"""Words in Chinese and English, by code."""


class Field(msgspec.Struct, frozen=True):
    """One field of a kind, as people read and fill it."""

    zh: str
    en: str
    form: str = "text"
    """Of 'text', 'tel', 'number', 'date', 'time', 'moment' (both, in Shanghai), 'truth', 'maybe' (yes, no, unknown),
    'choice', 'several' (of the options), 'weekdays', or the name of the kind whose key it is."""
    help_zh: str = ""
    help_en: str = ""
    unit: tuple[str, str] = ("", "")
    options: Options = {}


def _terms(terms: Mapping[str, Term]) -> Options:
    return {code: (term.zh, term.en) for code, term in terms.items()}


LEVELS: Options = {
    "city": ("市", "city"), "district": ("区", "district"), "street": ("街道", "street"),
    "community": ("社区", "community"), "compound": ("小区", "compound"),
}  # fmt: skip
WEEKDAYS: Options = {
    "1": ("周一", "Mon"), "2": ("周二", "Tue"), "3": ("周三", "Wed"), "4": ("周四", "Thu"), "5": ("周五", "Fri"),
    "6": ("周六", "Sat"), "7": ("周日", "Sun"),
}  # fmt: skip
_SPOKEN = _terms(LANGUAGES)
_WRITTEN: Options = {"zh": ("中文", "Chinese"), "en": ("英文", "English")}
_CODE = ("字母、数字、- 和 _，最多 40 个，以后不可更改。", "Letters, digits, - and _, 40 at most; it never changes.")
_ENGLISH = ("英文界面显示此名称。", "Shown on English pages.")
_DEGREES = ("度", "degrees")
_PLACE = {
    "longitude": Field(
        "经度", "Longitude", "number", "CGCS2000，不填则按小区位置。", "CGCS2000; empty: its area's.", _DEGREES
    ),
    "latitude": Field(
        "纬度", "Latitude", "number", "与经度同时填写或都不填。", "With the longitude, or neither.", _DEGREES
    ),
}
_PHONE_HELP = ("数字、空格、+、- 和括号。", "Digits, blanks, +, - and brackets.")

FIELDS: Mapping[str, Mapping[str, Field]] = {
    "area": {
        "path": Field(
            "区域路径",
            "Path",
            "text",
            "上级路径加一段，如 shenzhen.yantian.haishan；以后不可更改。",
            "The path above and one part more: shenzhen.yantian.haishan; it never changes.",
        ),
        "level": Field(
            "层级",
            "Level",
            "choice",
            "市、区、街道、社区、小区逐级相连。",
            "City, district, street, community, compound: each directly below the one before.",
            options=LEVELS,
        ),
        "name_zh": Field("名称", "Name in Chinese"),
        "name_en": Field("英文名称", "Name", "text", *_ENGLISH),
        **_PLACE,
    },
    "organisation": {
        "code": Field("机构编号", "Code", "text", *_CODE),
        "area": Field("区域路径", "Area", "area", "机构所在的层级须与其类别相符。", "Of a level that fits the kind."),
        "kind": Field("机构类别", "Kind", "choice", options=ORGANISATIONS),
        "name_zh": Field("名称", "Name in Chinese"),
        "name_en": Field("英文名称", "Name", "text", *_ENGLISH),
        "phone": Field("电话", "Telephone", "tel", "值班电话，预警会拨打。", "Of the desk: alerts call it."),
        "address_zh": Field("地址", "Address in Chinese"),
        "address_en": Field("英文地址", "Address", "text", *_ENGLISH),
        **_PLACE,
        "active": Field("在用", "Active", "truth", "停用后不再接到预警。", "No alert reaches it while it is not."),
    },
    "household": {
        "code": Field("户编号", "Code of the home", "text", *_CODE),
        "area": Field("小区路径", "Compound", "area", "住户位于小区一级。", "A home lies in a compound."),
        "address_zh": Field(
            "住址", "Address in Chinese", "text", "上门的人按此找门。", "By which people find the door."
        ),
        "address_en": Field("英文住址", "Address", "text", *_ENGLISH),
        "phone": Field("住宅电话", "Telephone at home", "tel", *_PHONE_HELP),
        **_PLACE,
        "floor": Field(
            "楼层",
            "Floor",
            "number",
            "按电梯按钮，1 为首层；不填为未知。",
            "As the buttons of a lift count; empty: unknown.",
            ("层", ""),
        ),
        "has_lift": Field("有电梯", "Lift", "maybe"),
        "way_in": Field(
            "进门方式",
            "Way in",
            "text",
            "大门、单元门、门铃；钥匙盒密码请填入医疗信息，不要写在这里。",
            "Gate, door, bell; the code of a key safe belongs into the medical note, never here.",
        ),
        "key_safe": Field("钥匙盒", "Key safe", "maybe", "门口是否挂有钥匙盒。", "Whether one hangs at the door."),
    },
    "resident": {
        "code": Field("老人编号", "Code", "text", *_CODE),
        "household": Field(
            "户编号", "Home", "household", "搬家时先解除佩戴的设备。", "Before a move, give worn devices back."
        ),
        "name_zh": Field("姓名", "Name in Chinese"),
        "name_en": Field("英文姓名", "Name", "text", *_ENGLISH),
        "sex": Field("性别", "Sex", "choice", options={"female": ("女", "female"), "male": ("男", "male")}),
        "birth_date": Field("出生日期", "Born on", "date"),
        "home_care_bed": Field("家庭养老床位", "Home care bed", "truth"),
        "spo2_scale": Field(
            "血氧评分标准",
            "SpO2 scale",
            "choice",
            "标准 2 须有医嘱。",
            "Scale 2 only where a clinician prescribed it.",
            options={"1": ("标准 1", "scale 1"), "2": ("标准 2（医嘱）", "scale 2 (prescribed)")},
        ),
        "on_oxygen": Field("吸氧", "On oxygen", "truth", "影响血氧评分。", "It counts in the score of vital signs."),
        "languages": Field("语言", "Languages", "several", "在家所说的语言。", "Spoken at home.", options=_SPOKEN),
        "ability_grade": Field(
            "能力等级",
            "Ability grade",
            "choice",
            "按 GB/T 42195-2022 最近一次评估；部分预警阈值随等级变化。",
            "Of the last assessment by GB/T 42195-2022; some thresholds follow it.",
            options=GRADES,
        ),
        "lives_alone": Field("独居", "Lives alone", "maybe"),
        "preferred_language": Field(
            "常用语言", "Speaks best", "choice", "与老人通话时使用。", "To speak with them.", options=_SPOKEN
        ),
    },
    "gateway": {
        "name": Field(
            "网关",
            "Gateway",
            "text",
            "与证书名称一致，以后不可更改。",
            "As its certificate names it; it never changes.",
        ),
        "household": Field(
            "户编号",
            "Home",
            "household",
            "网关不可移到另一户，请登记新网关。",
            "A gateway never moves to another home: register a new one.",
        ),
    },
    "device": {
        "gateway": Field("网关", "Gateway", "gateway"),
        "name": Field(
            "设备名称",
            "Name of the device",
            "text",
            "网关内的名称，以后不可更改。",
            "As the gateway calls it; it never changes.",
        ),
        "model": Field(
            "型号", "Model", "choice", options={code: (one.zh, one.label_en) for code, one in MODELS.items()}
        ),
        "room": Field("房间", "Room", "text", "如 bedroom、bathroom。", "Such as bedroom, bathroom."),
        "resident": Field("佩戴者编号", "Worn by", "resident", "不填则属于全家。", "Empty: it watches the home."),
    },
    "contact": {
        "resident": Field("老人编号", "Resident", "resident"),
        "phone": Field(
            "电话",
            "Telephone",
            "tel",
            "以后不可更改；换号请新增联系人。",
            "It never changes; for another number add a contact.",
        ),
        "name_zh": Field("姓名", "Name in Chinese"),
        "name_en": Field("英文姓名", "Name", "text", *_ENGLISH),
        "relation_zh": Field("关系", "Relation in Chinese", "text", "如 女儿、邻居。", "Such as 女儿."),
        "relation_en": Field("英文关系", "Relation", "text", "如 daughter。", "Such as daughter, neighbour."),
        "call_order": Field(
            "联系顺序",
            "Order of calling",
            "number",
            "1 最先联系，每位老人各不相同。",
            "1 is called first; no two of a resident are alike.",
        ),
        "consent_at": Field(
            "老人同意时间",
            "Resident's consent",
            "moment",
            "老人本人同意联系此人的时间；不填则不会联系。",
            "When the resident agreed that this person is called; empty: nobody calls them.",
        ),
        "language": Field("语言", "Language of messages", "choice", options=_WRITTEN),
        "has_key": Field("持有钥匙", "Has a key", "truth"),
        "login": Field(
            "家属账号", "Family account", "text", "同一人的家属账号登录名。", "The login of the same person, if any."
        ),
    },
    "staff": {
        "code": Field("人员编号", "Code", "text", *_CODE),
        "organisation": Field("机构编号", "Organisation", "organisation"),
        "kind": Field("岗位", "Role", "choice", options=_terms(ROLES)),
        "name_zh": Field("姓名", "Name in Chinese"),
        "name_en": Field("英文姓名", "Name", "text", *_ENGLISH),
        "phone": Field("电话", "Telephone", "tel", "派单和预警会联系此号码。", "Orders and alerts reach this number."),
        "skills": Field(
            "技能",
            "Skills",
            "several",
            "需要证书的技能，证书过期后不再计入。",
            "One that needs a certificate does not count once that has expired.",
            options=_terms(SKILLS),
        ),
        "languages": Field("语言", "Languages", "several", options=_SPOKEN),
        "active": Field(
            "在岗", "Active", "truth", "离岗后不再派单或呼叫。", "Nobody calls or sends them while they are not."
        ),
        "login": Field("账号", "Account", "text", "工作人员账号的登录名。", "The login of an account of staff."),
    },
    "certificate": {
        "staff": Field("人员编号", "Member of staff", "staff"),
        "kind": Field("证书种类", "Kind", "choice", options=_terms(CERTIFICATES)),
        "number": Field("证书编号", "Number"),
        "issued_on": Field("发证日期", "Issued on", "date"),
        "expires_on": Field(
            "有效期至",
            "Valid until",
            "date",
            "最后一个有效日；不填为长期有效。",
            "The last valid day; empty: it does not expire.",
        ),
    },
    "shift": {
        "organisation": Field("机构编号", "Organisation", "organisation"),
        "code": Field("班次编号", "Code", "text", *_CODE),
        "name_zh": Field("名称", "Name in Chinese"),
        "name_en": Field("英文名称", "Name", "text", *_ENGLISH),
        "starts": Field("开始时刻", "Begins", "time", "北京时间。", "By the clock in Shanghai."),
        "ends": Field(
            "结束时刻", "Ends", "time", "不晚于开始时刻则为次日。", "Not after the beginning: on the next day."
        ),
    },
    "roster": {
        "staff": Field("人员编号", "Member of staff", "staff"),
        "organisation": Field("机构编号", "Organisation", "organisation"),
        "shift": Field("班次编号", "Shift"),
        "weekdays": Field(
            "星期", "Weekdays", "weekdays", "班次开始的那一天。", "On which the shift begins.", options=WEEKDAYS
        ),
        "valid_from": Field("开始日期", "From", "date"),
        "valid_until": Field("结束日期", "Until", "date", "不填为长期。", "Empty: until further notice."),
    },
    "exception": {
        "staff": Field("人员编号", "Member of staff", "staff"),
        "kind": Field(
            "类别", "Kind", "choice", options={"absent": ("请假", "absent"), "extra": ("加班", "extra duty")}
        ),
        "starts_at": Field("开始时间", "From", "moment"),
        "ends_at": Field("结束时间", "Until", "moment"),
        "organisation": Field("加班机构编号", "Organisation of the extra duty", "organisation"),
        "reason": Field("事由", "Reason"),
    },
}
"""By kind and field."""
KIND_WORDS: Options = {
    "area": ("区域", "Areas"),
    "organisation": ("机构", "Organisations"),
    "household": ("住户", "Homes"),
    "resident": ("老人", "Residents"),
    "gateway": ("网关", "Gateways"),
    "device": ("设备", "Devices"),
    "contact": ("联系人", "Contacts"),
    "staff": ("工作人员", "Staff"),
    "certificate": ("证书", "Certificates"),
    "shift": ("班次", "Shifts"),
    "roster": ("排班", "Rosters"),
    "exception": ("请假与加班", "Absences and extra duties"),
}
"""The name of many of a kind."""
MANY = ("several", "weekdays")
"""Forms of fields with more than one value."""


def say(language: str, kind: str, name: str, value: Any) -> str | None:
    """Say a field's value in words; None: unknown or not given, '': empty."""
    field = FIELDS[kind][name]
    place = 0 if language == "zh" else 1
    if value is None:
        return None
    if isinstance(value, bool):
        return (("否", "no"), ("是", "yes"))[value][place]
    if isinstance(value, list | tuple):
        words = [field.options.get(str(one), (str(one),) * 2)[place] for one in value]
        return ("、" if language == "zh" else ", ").join(words)
    if field.form == "moment":
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
        return str(moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M"))
    if isinstance(value, dt.time):
        return value.strftime("%H:%M")
    if kind == "device" and name == "room":
        return room_of(str(value))[place]
    text = field.options.get(str(value), (str(value),) * 2)[place]
    return f"{text} {field.unit[place]}".strip() if text else text


def typed(kind: str, name: str, value: Any) -> Any:
    """Write a field's value as the control of a form holds it."""
    if value is None:
        return ""
    if FIELDS[kind][name].form == "maybe":
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        return value.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M")
    if isinstance(value, dt.time):
        return value.strftime("%H:%M")
    return value


def needed(kind: str, name: str) -> bool:
    """Whether a new record needs the field."""
    known = {one.name: one for one in msgspec.structs.fields(KINDS[kind].record)}
    return known[name].required
