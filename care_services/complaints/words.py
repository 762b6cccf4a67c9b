"""The words of complaints: about what, categories, severities, levels, states and steps."""

from collections.abc import Mapping

Words = Mapping[str, tuple[str, str]]
"""Chinese and English by code."""

ABOUT: Words = {
    "visit": ("上门服务", "a visit"),
    "meal": ("助餐", "a meal"),
    "provider": ("服务机构", "a provider"),
    "device": ("设备", "a device"),
    "other": ("其他", "something else"),
}
CATEGORIES: Words = {
    "absent": ("没来或迟到", "did not come, or late"),
    "manner": ("服务态度", "manner"),
    "quality": ("服务质量", "quality of the work"),
    "safety": ("安全与伤害", "safety or harm"),
    "money": ("收费与补贴", "money and subsidies"),
    "food": ("餐食质量与卫生", "food and hygiene"),
    "device": ("设备故障或误报", "a device fails or cries wolf"),
    "privacy": ("隐私", "privacy"),
    "other": ("其他", "other"),
}
SEVERITIES: Words = {"minor": ("一般", "minor"), "major": ("较重", "major"), "grave": ("严重", "grave")}
LEVELS: Words = {"station": ("社区站", "station"), "street": ("街道", "street"), "district": ("区", "district")}
"""From the lowest to the highest; a complaint that is not settled goes up."""
STATES: Words = {
    "open": ("待答复", "to be answered"),
    "answered": ("已答复，待回访", "answered, the complainant to be asked"),
    "satisfied": ("满意办结", "closed, satisfied"),
    "closed": ("办结", "closed"),
}
CHANNELS: Words = {
    "page": ("网页", "page"), "telephone": ("电话", "telephone"), "visit": ("来访", "in person"),
    "letter": ("来信", "letter"),
}  # fmt: skip
AUTHORS: Words = {
    "resident": ("老人本人", "the resident"), "family": ("家属", "the family"), "staff": ("工作人员", "staff"),
    "public": ("群众", "a citizen"), "anonymous": ("匿名", "anonymous"),
}  # fmt: skip
EVENTS: Words = {
    "received": ("收到投诉", "received"),
    "answered": ("答复", "answered"),
    "satisfied": ("投诉人满意", "the complainant is satisfied"),
    "unsatisfied": ("投诉人不满意，转上一级", "not satisfied: to the level above"),
    "unsatisfied_top": ("投诉人不满意，区级重新办理", "not satisfied: the district looks at it anew"),
    "raised": ("转上一级", "handed to the level above"),
    "closed": ("办结", "closed"),
    "reopened": ("重新打开", "opened again"),
    "note": ("备注", "note"),
}
