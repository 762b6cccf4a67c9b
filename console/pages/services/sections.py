"""The pages of services at home, as the front page of care lists them."""

from care_network.access.permissions import Action
from console.pages.sections import Section

SECTIONS: tuple[Section, ...] = (
    Section("/care/visits", "当日上门服务", "Visits of the day",
            "谁超时、谁在服务、谁还没去、完成多少", "Who is late, who is there, who is still to come",
            (Action.VIEW_CARE,)),
    Section("/care/requests", "一键申请", "Requests by one tap",
            "老人和家属要什么，问了谁，到哪一步", "What residents and families ask for, who is asked, where it stands",
            (Action.VIEW_CARE,)),
    Section("/care/plans", "服务计划", "Service plans",
            "每位老人每周哪天由谁做什么", "Which service, on which days, by whom, for each resident",
            (Action.VIEW_CARE,)),
    Section("/care/compared", "计划与完成", "Planned against done",
            "按月、按机构对照计划与实际，签到方式", "By month and provider, with how visits were proved",
            (Action.VIEW_CARE,)),
    Section("/care/ratings", "服务评价", "Ratings of visits",
            "待处理的低分评价，各机构与人员均分", "Low ratings to deal with, means by provider and person",
            (Action.VIEW_CARE,)),
    Section("/care/catalogue", "服务目录与价格", "Catalogue of services",
            "服务项目、时长、所需技能，各机构价格", "Services, their time and skills, and what each provider asks",
            (Action.VIEW_CARE,)),
    Section("/care/settlements", "月度结算", "Monthly settlement",
            "按机构结算已完成的服务，冻结并编号", "What was done, frozen under a number for each provider",
            (Action.VIEW_CARE,)),
    Section("/care/rounds", "自动巡查", "The rounds",
            "平台自动做的事是否都在进行", "Whether the jobs that the platform does by itself are alive",
            (Action.VIEW_CARE,)),
)  # fmt: skip
