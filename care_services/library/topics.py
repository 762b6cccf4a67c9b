"""The topics that tie documents, products and courses together: a product's page names what to read and learn."""

from collections.abc import Mapping

Pair = tuple[str, str]

TOPICS: Mapping[str, Pair] = {
    "falls": ("防跌倒", "Falls"),
    "calls": ("呼叫与应急", "Calls for help"),
    "vital_signs": ("体征监测", "Vital signs"),
    "sleep": ("睡眠与离床", "Sleep and leaving bed"),
    "hazards": ("烟气水险情", "Smoke, gas and water"),
    "meals": ("助餐与食品卫生", "Meals and food hygiene"),
    "dementia": ("认知症照护", "Dementia"),
    "visits": ("上门服务", "Visits"),
    "platform": ("平台使用", "Using the platform"),
    "privacy": ("隐私与权利", "Privacy and rights"),
    "volunteers": ("志愿服务", "Volunteers"),
}
"""By code: Chinese and English."""
