"""The places of the demonstration: Yantian's real streets, communities by their names, compounds invented."""

import msgspec

from care_network.records.records import NewArea, NewOrganisation

CITY = "shenzhen"
DISTRICT = f"{CITY}.yantian"

_DISTRICT = (
    NewArea(CITY, "city", "深圳市", "Shenzhen"),
    NewArea(DISTRICT, "district", "盐田区", "Yantian District", 114.2370, 22.5570),
)
_STREETS = (
    NewArea(f"{DISTRICT}.shatoujiao", "street", "沙头角街道", "Shatoujiao Street", 114.2265, 22.5470),
    NewArea(f"{DISTRICT}.haishan", "street", "海山街道", "Haishan Street", 114.2365, 22.5560),
    NewArea(f"{DISTRICT}.yantian", "street", "盐田街道", "Yantian Street", 114.2700, 22.5920),
    NewArea(f"{DISTRICT}.meisha", "street", "梅沙街道", "Meisha Street", 114.3060, 22.6000),
)
_COMMUNITIES = (
    NewArea(f"{DISTRICT}.shatoujiao.donghe", "community", "东和社区", "Donghe Community", 114.2280, 22.5495),
    NewArea(f"{DISTRICT}.shatoujiao.qiaodong", "community", "桥东社区", "Qiaodong Community", 114.2240, 22.5465),
    NewArea(f"{DISTRICT}.haishan.pengwan", "community", "鹏湾社区", "Pengwan Community", 114.2390, 22.5575),
    NewArea(f"{DISTRICT}.haishan.tiandong", "community", "田东社区", "Tiandong Community", 114.2345, 22.5590),
    NewArea(f"{DISTRICT}.yantian.yongan", "community", "永安社区", "Yong'an Community", 114.2675, 22.5950),
    NewArea(f"{DISTRICT}.yantian.donghai", "community", "东海社区", "Donghai Community", 114.2735, 22.5905),
    NewArea(f"{DISTRICT}.meisha.dameisha", "community", "大梅沙社区", "Dameisha Community", 114.3050, 22.5985),
)


class Compound(msgspec.Struct, frozen=True):
    """A compound and the words of its addresses."""

    area: NewArea
    street_zh: str
    street_en: str


def _compound(parent: str, label: str, zh: str, en: str, east: float, north: float, road: str) -> Compound:
    road_zh, road_en = road.split("|")
    return Compound(NewArea(f"{DISTRICT}.{parent}.{label}", "compound", zh, en, east, north), road_zh, road_en)


COMPOUNDS = (
    _compound("shatoujiao.donghe", "c01", "海晴苑", "Haiqing Court", 114.2284, 22.5499, "沙盐路|Shayan Rd"),
    _compound("shatoujiao.donghe", "c02", "碧涛里", "Bitao Lane", 114.2292, 22.5474, "公园路|Gongyuan Rd"),
    _compound("shatoujiao.qiaodong", "c03", "桥东花园", "Qiaodong Garden", 114.2243, 22.5468, "沙深路|Shashen Rd"),
    _compound("haishan.pengwan", "c04", "鹏湾雅居", "Pengwan Residence", 114.2394, 22.5578, "深沙路|Shensha Rd"),
    _compound("haishan.pengwan", "c05", "梧桐山居", "Wutong Hillside", 114.2376, 22.5612, "海山路|Haishan Rd"),
    _compound("haishan.tiandong", "c06", "田东新村", "Tiandong New Village", 114.2349, 22.5594, "梧桐路|Wutong Rd"),
    _compound("yantian.yongan", "c07", "永安里", "Yong'an Lane", 114.2679, 22.5953, "永安路|Yong'an Rd"),
    _compound("yantian.donghai", "c08", "东海湾苑", "Donghai Bay Court", 114.2738, 22.5908, "东海道|Donghai Ave"),
    _compound("meisha.dameisha", "c09", "梅沙听涛", "Meisha Tingtao", 114.3054, 22.5988, "盐梅路|Yanmei Rd"),
)
"""In the order in which homes fill them, round and round."""

AREAS = (*_DISTRICT, *_STREETS, *_COMMUNITIES, *(compound.area for compound in COMPOUNDS))
"""From the top down."""

_STREET_NAMES = {
    "shatoujiao": ("沙头角街道", "Shatoujiao Street"),
    "haishan": ("海山街道", "Haishan Street"),
    "yantian": ("盐田街道", "Yantian Street"),
    "meisha": ("梅沙街道", "Meisha Street"),
}
STREETS = tuple(_STREET_NAMES)

ORGANISATIONS = (
    NewOrganisation(
        code="district-center",
        area=DISTRICT,
        kind="district_center",
        name_zh="盐田区养老服务综合基地",
        name_en="Yantian Elder Care Base",
        phone="0755-00040001",
    ),
    *(
        NewOrganisation(
            code=f"center-{street}",
            area=f"{DISTRICT}.{street}",
            kind="street_elder_center",
            name_zh=f"{zh}长者服务中心",
            name_en=f"{en} Elder Center",
        )
        for street, (zh, en) in _STREET_NAMES.items()
    ),
    NewOrganisation(
        code="home-care-beds",
        area=DISTRICT,
        kind="home_care_bed_team",
        name_zh="家庭养老床位服务团队",
        name_en="Home Care Bed Team",
    ),
    *(
        NewOrganisation(
            code=f"beds-{street}",
            area=f"{DISTRICT}.{street}",
            kind="home_care_bed_team",
            name_zh=f"{zh}家庭养老床位小组",
            name_en=f"{en} Home Care Bed Team",
        )
        for street, (zh, en) in _STREET_NAMES.items()
    ),
    NewOrganisation(
        code="station-donghe",
        area=f"{DISTRICT}.shatoujiao.donghe",
        kind="community_station",
        name_zh="东和社区长者服务站",
        name_en="Donghe Elder Station",
    ),
    NewOrganisation(
        code="station-pengwan",
        area=f"{DISTRICT}.haishan.pengwan",
        kind="community_station",
        name_zh="鹏湾社区长者服务站",
        name_en="Pengwan Elder Station",
    ),
    NewOrganisation(
        code="point-c04",
        area=f"{DISTRICT}.haishan.pengwan.c04",
        kind="compound_point",
        name_zh="鹏湾雅居长者服务点",
        name_en="Pengwan Residence Elder Point",
    ),
    NewOrganisation(
        code="health-shatoujiao",
        area=f"{DISTRICT}.shatoujiao",
        kind="medical_partner",
        name_zh="沙头角社区健康服务中心",
        name_en="Shatoujiao Health Center",
    ),
)
