"""The pages of care and services as a table: group, address, name, what for, and the permissions that open them."""

from care_network.access.permissions import Action
from console.pages.privacy.sections import SECTIONS
from console.pages.sections import Group, Section
from console.pages.timebank import sections as timebank

GROUPS: tuple[Group, ...] = (
    Group("评估与床位", "Assessment and beds", (
        Section("/care/assessments", "能力评估", "Ability assessments", "按国家标准评估，两人签署；谁到期、谁未评",
                "By GB/T 42195-2022, signed by two; who is due, who never was", (Action.VIEW_CARE,)),
        Section("/care/proposals", "评估建议", "Proposals of grades", "按能力等级建议的阈值、呼叫和服务，由人决定",
                "Thresholds, escalation and plans that a grade proposes; a person decides", (Action.VIEW_CARE,)),
    )),
    Group("服务", "Services", ()),
    Group("互助", "Helping each other", timebank.SECTIONS),
    Group("人员与知识", "People and knowledge", ()),
    Group("数据与权利", "Data and rights", (
        Section(
            "/care/rules", "服务规则", "Rules of services", "补贴、申请与上限按数据判定，可先试算",
            "Subsidies, grants and caps, tried before they hold", (Action.VIEW_CARE,),
        ),
        *SECTIONS,
    )),
)  # fmt: skip
