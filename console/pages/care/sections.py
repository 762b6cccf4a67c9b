"""The pages of care and services as a table: group, address, name, what for, and the permissions that open them."""

from care_network.access.permissions import Action
from console.pages.meals.sections import SECTIONS as MEALS
from console.pages.privacy.sections import SECTIONS
from console.pages.quality.sections import SECTIONS as QUALITY
from console.pages.sections import Group, Section
from console.pages.services.sections import SECTIONS as SERVICES
from console.pages.timebank import sections as timebank

GROUPS: tuple[Group, ...] = (
    Group("评估与床位", "Assessment and beds", (
        Section("/care/assessments", "能力评估", "Ability assessments", "按国家标准评估，两人签署；谁到期、谁未评",
                "By GB/T 42195-2022, signed by two; who is due, who never was", (Action.VIEW_CARE,)),
        Section("/care/proposals", "评估建议", "Proposals of grades", "按能力等级建议的阈值、呼叫和服务，由人决定",
                "Thresholds, escalation and plans that a grade proposes; a person decides", (Action.VIEW_CARE,)),
        Section("/care/beds", "家庭养老床位", "Home care beds", "每份申请到了哪一步、谁已超期",
                "Where each application stands, and who is late", (Action.VIEW_CARE,)),
        Section("/care/grants", "补贴", "Grants", "规则秒批并写明理由；其余由人工核定",
                "Rules settle at once, with the reason; a person decides the rest", (Action.VIEW_CARE,)),
        Section("/care/equipment", "辅具", "Equipment", "库存、借出、归还、超期",
                "In stock, lent, returned, overdue", (Action.VIEW_CARE,)),
    )),
    Group("服务", "Services", (*SERVICES, *MEALS, *QUALITY)),
    Group("互助", "Helping each other", timebank.SECTIONS),
    Group("人员与知识", "People and knowledge", (
        Section("/care/workforce", "专业人员", "Professionals", "证书、工时、评价；谁可以派往哪里",
                "Certificates, hours, ratings; who may be sent where", (Action.VIEW_CARE,)),
        Section("/care/notices", "提醒", "Reminders", "发给谁、何时发、是否送达",
                "To whom, when, and whether they arrived", (Action.VIEW_NOTICES,)),
        Section("/care/documents", "制度文件", "Documents", "标准与规程的版本、阅读确认",
                "Standards and procedures: versions, and who has read them", (Action.VIEW_CARE,)),
        Section("/care/products", "产品目录", "Products", "设备型号、在用数量与本地可靠性",
                "Device models: how many are in use, how reliable here", (Action.VIEW_CARE,)),
        Section("/care/courses", "培训课程", "Courses", "学习、考试与证书，家属也可参加",
                "Read, be tested, have a certificate; for families, too", (Action.TAKE_COURSE,)),
    )),
    Group("数据与权利", "Data and rights", (
        Section(
            "/care/rules", "服务规则", "Rules of services", "补贴、申请与上限按数据判定，可先试算",
            "Subsidies, grants and caps, tried before they hold", (Action.VIEW_CARE,),
        ),
        Section(
            "/care/registers", "名册采集", "Registers", "导入其他部门名册，逐行比对，逐项确认",
            "Lists of other offices, compared line by line and decided on", (Action.MANAGE_REGISTERS,),
        ),
        Section(
            "/care/reports", "上报与交换", "Reports to other levels", "数据包签名、会签、按序送达，何时发给谁",
            "Packages signed and counter-signed, delivered in order; what was sent to whom", (Action.REPORT_UP,),
        ),
        Section(
            "/care/left", "离开的老人", "Residents who are gone", "去世或迁出的登记，档案保留",
            "Who died or moved away; nothing is deleted", (Action.MANAGE_REGISTERS,),
        ),
        Section(
            "/care/data", "数据分类", "Data in five classes", "每张表的类别、责任人、保存期、来源与去向",
            "Class, owner, retention and lineage of every table", (Action.VIEW_CARE, Action.VIEW_PRIVACY),
        ),
        *SECTIONS,
    )),
)  # fmt: skip
