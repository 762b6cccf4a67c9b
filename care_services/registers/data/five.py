"""Five in one (五位一体): what the platform does for each of the plan's five sides, and on which page."""

import msgspec


class Doing(msgspec.Struct, frozen=True):
    """Something the platform does, and the address of its page; '': it has no page of its own."""

    zh: str
    en: str
    address: str = ""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the five."""

    zh: str
    en: str
    about_zh: str
    about_en: str
    doings: tuple[Doing, ...]


SIDES: tuple[Side, ...] = (
    Side(
        zh="政务服务", en="Public services", about_zh="申请、补贴与评估，按规则办理",
        about_en="applications, subsidies and assessments by rules",
        doings=(
            Doing("养老服务总览", "care and services", "/care"),
            Doing("能力评估", "ability assessment", "/care/assessments"),
            Doing("家庭养老床位", "home care beds", "/care/beds"), Doing("补贴", "grants", "/care/grants"),
            Doing("一键服务", "one tap", "/care/requests"), Doing("长者助餐", "meals", "/care/meals"),
            Doing("服务与补贴规则", "rules of services and subsidies", "/care/rules"),
        ),
    ),
    Side(
        zh="基础数据", en="Base data", about_zh="老人、机构、人员与名册，一人一档",
        about_en="residents, organisations, staff and registers, one file a person",
        doings=(
            Doing("档案", "records", "/records/resident"), Doing("名册采集", "registers", "/care/registers"),
            Doing("专业人员", "professionals", "/care/workforce"), Doing("产品目录", "products", "/care/products"),
            Doing("数据分类", "classes of data", "/care/data"), Doing("导入", "import", "/imports"),
            Doing("离开的老人", "residents who are gone", "/care/left"),
        ),
    ),
    Side(
        zh="信息交流", en="Exchange", about_zh="与上级、相邻平台和家属互通",
        about_en="with the levels above, platforms beside, and families",
        doings=(
            Doing("上报与交换", "reports to other levels", "/care/reports"),
            Doing("同意台账", "consents", "/care/consents"), Doing("制度文件", "documents", "/care/documents"),
            Doing("外部系统", "other systems", "/machines"), Doing("通知渠道", "channels of messages", "/channels"),
        ),
    ),
    Side(
        zh="动态监管", en="Supervision", about_zh="谁在被守护、设备与服务是否正常、谁看过什么",
        about_en="who is protected, whether devices and services work, who looked at what",
        doings=(
            Doing("值班台", "the desk", "/"), Doing("守护全景", "protection", "/protection"),
            Doing("上门服务", "visits", "/care/visits"), Doing("质量管控", "quality control", "/care/quality"),
            Doing("投诉", "complaints", "/care/complaints"), Doing("工单", "work orders", "/orders"),
            Doing("设备", "devices", "/devices"),
            Doing("审计", "audit", "/audit"),
        ),
    ),
    Side(
        zh="智慧决策", en="Decision support", about_zh="按区域与月份的指标，及规则试算",
        about_en="figures by area and month, rules tried before they hold",
        doings=(
            Doing("计划与完成", "planned against done", "/care/compared"),
            Doing("月度结算", "settlements", "/care/settlements"),
            Doing("统计分析", "figures", "/decisions"), Doing("地图", "map", "/map"),
            Doing("呼叫策略试算", "policies and dry runs", "/policies"), Doing("服务时效", "service levels", "/sla"),
        ),
    ),
)  # fmt: skip
