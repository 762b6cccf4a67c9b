"""The pages of care and services as a table: group, address, name, what for, and the permissions that open them."""

from care_network.access.permissions import Action
from console.pages.sections import Group, Section

GROUPS: tuple[Group, ...] = (
    Group("评估与床位", "Assessment and beds", ()),
    Group("服务", "Services", ()),
    Group("互助", "Helping each other", ()),
    Group("人员与知识", "People and knowledge", ()),
    Group("数据与权利", "Data and rights", (
        Section(
            "/care/consents", "同意台账", "Consents", "同意了什么、对谁、如何撤回",
            "What residents agreed to, and withdrawing it",
            (Action.GIVE_CONSENTS,),
        ),
        Section(
            "/care/privacy/processing", "处理活动记录", "Record of processing", "个人信息用来做什么、依据什么、保存多久",
            "What personal data is used for, by which right, how long", (Action.VIEW_PRIVACY,),
        ),
    )),
)  # fmt: skip
