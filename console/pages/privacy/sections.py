"""The pages of privacy for the list of care and services."""

from care_network.access.permissions import Action
from console.pages.sections import Section

SECTIONS: tuple[Section, ...] = (
    Section(
        "/care/consents", "同意台账", "Consents", "同意了什么、对谁、如何撤回",
        "What residents agreed to, and withdrawing it", (Action.GIVE_CONSENTS,),
    ),
    Section(
        "/care/privacy/processing", "处理活动记录", "Record of processing",
        "个人信息用来做什么、依据什么、保存多久", "What personal data is used for, by which right, how long",
        (Action.VIEW_PRIVACY,),
    ),
)  # fmt: skip
