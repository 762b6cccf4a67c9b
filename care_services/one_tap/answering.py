"""How long a provider may take to answer a request: by rules that are data."""

from care_services.core.rules import Fact, Outcome, Subject

_DEFAULT = """
[[rule]]
code = "soon"
zh = "四小时内要上门"
en = "wanted within four hours"
when = [["hours_until", "<", 4]]
then = { answer_minutes = 10 }

[[rule]]
code = "later"
zh = "其他"
en = "others"
when = []
then = { answer_minutes = 30 }
"""

SUBJECT = Subject(
    code="request_answer",
    zh="一键申请答复时限",
    en="Time to answer a request by one tap",
    facts={
        "hours_until": Fact(zh="距期望时间", en="hours until it is wanted", kind=int, unit_zh="小时", unit_en="hours"),
        "service": Fact(zh="服务项目", en="service", kind=str),
    },
    outcomes={"answer_minutes": Outcome(zh="答复时限（分钟）", en="minutes to answer", kind=int, low=2, high=1440)},
    default=_DEFAULT,
)
