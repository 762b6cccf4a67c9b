"""The tables that can be imported in bulk: their columns, with headings in Chinese and English."""

from collections.abc import Mapping

import msgspec

from care_network.catalogues.ability import GRADES
from care_network.catalogues.workforce import CERTIFICATES, LANGUAGES, ROLES, SKILLS
from care_network.duty.roster import KIND_WORDS
from care_network.errors import NotFoundError
from care_network.importing import cells
from care_network.importing.cells import Reader
from care_network.records import kinds
from care_network.records.kinds import Kind


class Column(msgspec.Struct, frozen=True):
    """A heading, and the fields that its cells fill."""

    name: str
    zh: str
    reader: Reader
    example: str
    fields: tuple[tuple[str, str], ...]
    """(kind, field): a household's code goes to the household and to its resident."""
    needed: bool = False
    """Whether every new record needs it."""

    @property
    def heading(self) -> str:
        return f"{self.zh} {self.name}"


class Sheet(msgspec.Struct, frozen=True):
    """One sort of table. Its rows give records of these kinds, in an order in which each refers to earlier ones."""

    name: str
    zh: str
    kinds: tuple[Kind, ...]
    columns: tuple[Column, ...]

    def column_of(self, kind: Kind, field: str | None) -> Column | None:
        """Find the column that fills a field."""
        for column in self.columns:
            if (kind.name, field) in column.fields:
                return column
        return None


_CODE = cells.code("填写编号：字母、数字、- 和 _，最多 40 个", "write a code of letters, digits, - and _, 40 at most")
_NAME = cells.text("填写 1 至 120 个字", "write 1 to 120 characters")
_TEXT = cells.text("最多 200 个字", "at most 200 characters")
_PHONE = cells.code("填写电话，如 0755-00001234", "write a telephone number such as 0755-00001234")
_PATH = cells.code(
    "填写区域路径，如 shenzhen.yantian.haishan.pengwan.c04（用 shouwang network tree 查看）",
    "write an area's path such as shenzhen.yantian.haishan.pengwan.c04 (see: shouwang network tree)",
)
_GATEWAY = cells.code("填写网关名称，如 gw-yt-0001", "write the gateway's name such as gw-yt-0001")
_DEVICE = cells.code("填写网关内的设备名，如 pendant", "write its name at the gateway such as pendant")
_LANGUAGE = cells.choice({"zh": "中文", "en": "英文"})
_ROLES = cells.choice({code: term.zh for code, term in ROLES.items()})
_LEVELS = cells.choice({"city": "市", "district": "区", "street": "街道", "community": "社区", "compound": "小区"})
_ORGANISATIONS = cells.choice({code: zh for code, (zh, _) in KIND_WORDS.items()})


def _in(kind: str, needed: str = "", /, **columns: tuple[str, Reader, str]) -> tuple[Column, ...]:
    """Columns named like the fields of one kind; ``needed``: those that every new record needs."""
    return tuple(
        Column(name, zh, reader, example, ((kind, name),), name in needed.split())
        for name, (zh, reader, example) in columns.items()
    )


_PLACE = {"longitude": ("经度", cells.NUMBER, "114.2284"), "latitude": ("纬度", cells.NUMBER, "22.5499")}

SHEETS: Mapping[str, Sheet] = {sheet.name: sheet for sheet in (
    Sheet("areas", "区域", (kinds.AREA,), _in(
        "area", "path level name_zh",
        path=("区域路径", _PATH, "shenzhen.yantian.haishan"),
        level=("层级", _LEVELS, "街道"),
        name_zh=("名称", _NAME, "海山街道"),
        name_en=("英文名称", _NAME, "Haishan Street"),
        **_PLACE,
    )),
    Sheet("organisations", "机构", (kinds.ORGANISATION,), _in(
        "organisation", "code area kind name_zh",
        code=("机构编号", _CODE, "center-haishan"),
        area=("区域路径", _PATH, "shenzhen.yantian.haishan"),
        kind=("机构类别", _ORGANISATIONS, "街道长者服务中心"),
        name_zh=("名称", _NAME, "海山街道长者服务中心"),
        name_en=("英文名称", _NAME, "Haishan Street Elder Center"),
        phone=("电话", _PHONE, "0755-00001234"),
        address_zh=("地址", _TEXT, "海山路1号"),
        address_en=("英文地址", _TEXT, "1 Haishan Road"),
        **_PLACE,
        active=("在用", cells.TRUTH, "是"),
    )),
    Sheet("residents", "老人与住户", (kinds.HOUSEHOLD, kinds.RESIDENT), (
        *_in(
            "resident", "code name_zh sex birth_date",
            code=("老人编号", _CODE, "R0001"),
            name_zh=("姓名", _NAME, "陈秀英"),
            name_en=("英文姓名", _NAME, "Chen Xiuying"),
            sex=("性别", cells.choice({"female": "女", "male": "男"}), "女"),
            birth_date=("出生日期", cells.DATE, "1941-05-06"),
        ),
        Column("household", "户编号", _CODE, "H0001", (("household", "code"), ("resident", "household")), True),
        *_in(
            "household", "area address_zh",
            area=("小区路径", _PATH, "shenzhen.yantian.haishan.pengwan.c04"),
            address_zh=("住址", _NAME, "深沙路11号鹏湾雅居2栋502"),
            address_en=("英文住址", _NAME, "502/2, Pengwan Residence, 11 Shensha Rd"),
            phone=("住宅电话", _PHONE, "0755-00001234"),
            **_PLACE,
        ),
        *_in(
            "resident",
            home_care_bed=("家庭养老床位", cells.TRUTH, "是"),
            spo2_scale=("血氧评分标准", cells.INTEGER, "1"),
            on_oxygen=("吸氧", cells.TRUTH, "否"),
            languages=("语言", cells.several(LANGUAGES), "普通话；粤语"),
            ability_grade=("能力等级", cells.choice({code: zh for code, (zh, _) in GRADES.items()}), "轻度失能"),
            lives_alone=("独居", cells.MAYBE, "是"),
            preferred_language=("常用语言", cells.choice({code: one.zh for code, one in LANGUAGES.items()}), "粤语"),
        ),
        *_in(
            "household",
            floor=("楼层", cells.INTEGER, "5"),
            has_lift=("有电梯", cells.MAYBE, "否"),
            way_in=("进门方式", _TEXT, "东门进，单元门按 502 呼叫"),
            key_safe=("钥匙盒", cells.MAYBE, "是"),
        ),
    )),
    Sheet("homes", "住户", (kinds.HOUSEHOLD,), _in(
        "household", "code area address_zh",
        code=("户编号", _CODE, "H0001"),
        area=("小区路径", _PATH, "shenzhen.yantian.haishan.pengwan.c04"),
        address_zh=("住址", _NAME, "深沙路11号鹏湾雅居2栋502"),
        address_en=("英文住址", _NAME, "502/2, Pengwan Residence, 11 Shensha Rd"),
        phone=("住宅电话", _PHONE, "0755-00001234"),
        **_PLACE,
        floor=("楼层", cells.INTEGER, "5"),
        has_lift=("有电梯", cells.MAYBE, "否"),
        way_in=("进门方式", _TEXT, "东门进，单元门按 502 呼叫"),
        key_safe=("钥匙盒", cells.MAYBE, "是"),
    )),
    Sheet("contacts", "联系人", (kinds.CONTACT,), _in(
        "contact", "resident phone name_zh relation_zh call_order",
        resident=("老人编号", _CODE, "R0001"),
        call_order=("联系顺序", cells.INTEGER, "1"),
        name_zh=("姓名", _NAME, "陈女士"),
        name_en=("英文姓名", _NAME, "Ms Chen"),
        relation_zh=("关系", _NAME, "女儿"),
        relation_en=("英文关系", _NAME, "daughter"),
        phone=("电话", _PHONE, "0755-00001234"),
        consent_at=("老人同意时间", cells.MOMENT, "2026-11-01 10:00"),
        language=("语言", _LANGUAGE, "中文"),
        has_key=("持有钥匙", cells.TRUTH, "是"),
        login=("家属账号", cells.code("填写家属账号的登录名", "write the login of a family account"), ""),
    )),
    Sheet("devices", "设备与网关", (kinds.GATEWAY, kinds.DEVICE), (
        Column("gateway", "网关", _GATEWAY, "gw-yt-0001",
                (("gateway", "name"), ("device", "gateway")), True),
        Column("household", "户编号", _CODE, "H0001", (("gateway", "household"),)),
        *_in(
            "device", "name model",
            name=("设备名称", _DEVICE, "pendant"),
            model=("型号", cells.code("填写型号，如 nonin-3230", "write the model such as nonin-3230"), "nonin-3230"),
            room=("房间", _TEXT, "bedroom"),
            resident=("佩戴者编号", _CODE, "R0001"),
        ),
    )),
    Sheet("staff", "工作人员与志愿者", (kinds.STAFF,), _in(
        "staff", "code organisation kind name_zh",
        code=("人员编号", _CODE, "S0001"),
        organisation=("机构编号", _CODE, "center-haishan"),
        kind=("岗位", _ROLES, "护理员"),
        name_zh=("姓名", _NAME, "许晴"),
        name_en=("英文姓名", _NAME, "Xu Qing"),
        phone=("电话", _PHONE, "0755-00001234"),
        skills=("技能", cells.several(SKILLS), "急救；移位转运"),
        languages=("语言", cells.several(LANGUAGES), "普通话；粤语"),
        active=("在岗", cells.TRUTH, "是"),
        login=("账号", cells.code("填写工作人员账号的登录名", "write the login of an account of staff"), ""),
    )),
    Sheet("certificates", "证书", (kinds.CERTIFICATE,), _in(
        "certificate", "staff kind",
        staff=("人员编号", _CODE, "S0001"),
        kind=("证书种类", cells.choice({code: term.zh for code, term in CERTIFICATES.items()}), "红十字救护员证"),
        number=("证书编号", _TEXT, "44030012345"),
        issued_on=("发证日期", cells.DATE, "2025-05-01"),
        expires_on=("有效期至", cells.DATE, "2028-04-30"),
    )),
    Sheet("shifts", "班次", (kinds.SHIFT,), _in(
        "shift", "organisation code name_zh starts ends",
        organisation=("机构编号", _CODE, "center-haishan"),
        code=("班次编号", _CODE, "night"),
        name_zh=("名称", _NAME, "夜班"),
        name_en=("英文名称", _NAME, "Night"),
        starts=("开始时刻", cells.TIME, "23:00"),
        ends=("结束时刻", cells.TIME, "07:00"),
    )),
    Sheet("rosters", "排班", (kinds.ROSTER,), _in(
        "roster", "staff organisation shift weekdays valid_from",
        staff=("人员编号", _CODE, "S0001"),
        organisation=("机构编号", _CODE, "center-haishan"),
        shift=("班次编号", _CODE, "night"),
        weekdays=("星期", cells.WEEKDAYS, "一至五"),
        valid_from=("开始日期", cells.DATE, "2026-11-01"),
        valid_until=("结束日期", cells.DATE, ""),
    )),
    Sheet("exceptions", "请假与加班", (kinds.EXCEPTION,), _in(
        "exception", "staff kind starts_at ends_at",
        staff=("人员编号", _CODE, "S0001"),
        kind=("类别", cells.choice({"absent": "请假", "extra": "加班"}), "请假"),
        starts_at=("开始时间", cells.MOMENT, "2026-11-01 08:00"),
        ends_at=("结束时间", cells.MOMENT, "2026-11-02 08:00"),
        organisation=("加班机构编号", _CODE, ""),
        reason=("事由", _TEXT, "病假"),
    )),
)}  # fmt: skip


def sheet_named(name: str) -> Sheet:
    """Find the table of that name. Raises NotFoundError, which lists the names."""
    if name not in SHEETS:
        raise NotFoundError(
            en=f"there is no import of {name!r}; known: {', '.join(SHEETS)}",
            zh=f"没有导入类别 {name}；可用：{'、'.join(SHEETS)}",
        )
    return SHEETS[name]
