"""The pages of privacy for the list of care and services."""

from care_network.access.permissions import Action
from console.pages.sections import Section

SECTIONS: tuple[Section, ...] = (
    Section(
        "/care/consents", "同意台账", "Consents", "同意了什么、对谁、如何撤回",
        "What residents agreed to, and withdrawing it", (Action.GIVE_CONSENTS,),
    ),
    Section(
        "/care/privacy/copies", "个人信息副本", "Copies of personal data", "老人或家属要求查阅、复制时制作",
        "All that is held on a person, as an archive", (Action.MANAGE_PRIVACY,),
    ),
    Section(
        "/care/privacy/erasures", "个人信息删除", "Erasures", "先看计划，两人批准后执行，并出具凭证",
        "Planned, approved by two people, certified", (Action.APPROVE_ERASURE,),
    ),
    Section(
        "/care/privacy/processing", "处理活动记录", "Record of processing",
        "个人信息用来做什么、依据什么、保存多久", "What personal data is used for, by which right, how long",
        (Action.VIEW_PRIVACY,),
    ),
    Section(
        "/care/privacy/research", "去标识化研究", "Research without names", "项目、审批与导出；小组不给出",
        "Projects, approval and exports; small groups are left out", (Action.VIEW_PRIVACY,),
    ),
    Section(
        "/care/privacy/retention", "保存期限", "Periods", "各类数据保存多久、现已到期多少",
        "How long data are kept, and what is over its period", (Action.VIEW_PRIVACY,),
    ),
    Section(
        "/care/privacy/holds", "法定保全", "Legal holds", "诉讼或调查期间，到期清除和删除都不执行",
        "What may be evidence is not removed", (Action.VIEW_PRIVACY,),
    ),
    Section(
        "/care/privacy/duties", "法定义务", "Duties of law", "个人信息保护法逐条：在哪里落实、如何证明",
        "By article: where it is met, and what shows it", (Action.VIEW_PRIVACY,),
    ),
    Section(
        "/care/privacy/assessment", "影响评估", "Impact assessment", "敏感信息各项用途的风险与措施",
        "Risks of each use of sensitive data", (Action.VIEW_PRIVACY,),
    ),
    Section(
        "/care/privacy/breaches", "安全事件", "Breaches", "泄露、篡改、丢失的登记与通知",
        "Leaks and losses, and who was told", (Action.VIEW_PRIVACY,),
    ),
)  # fmt: skip
