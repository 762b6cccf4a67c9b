"""The pages of care and services as a table: group, address, name, what for, and the permissions that open them."""

from care_network.access.permissions import Action
from console.pages.sections import Group, Section

GROUPS: tuple[Group, ...] = (
    Group("评估与床位", "Assessment and beds", (
        Section("/care/beds", "家庭养老床位", "Home care beds", "每份申请到了哪一步、谁已超期。",
                "Where each application stands, and who is late.", (Action.VIEW_CARE,)),
        Section("/care/grants", "补贴", "Grants", "规则秒批并写明理由；其余由人工核定。",
                "Rules settle at once, with the reason; a person decides the rest.", (Action.VIEW_CARE,)),
        Section("/care/equipment", "辅具", "Equipment", "库存、借出、归还、超期。",
                "In stock, lent, returned, overdue.", (Action.VIEW_CARE,)),
    )),
    Group("服务", "Services", ()),
    Group("互助", "Helping each other", ()),
    Group("人员与知识", "People and knowledge", ()),
    Group("数据与权利", "Data and rights", ()),
)  # fmt: skip
