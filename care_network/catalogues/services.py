"""Services for which somebody goes to a home, with the skills and roles that they need.

The services are those of care at home in GB/T 43153—2023 (居家养老上门服务基本规范: daily care, basic
nursing, health management, visits, comfort, errands, the home's fittings) and help in an emergency (助急).
"""

from collections.abc import Mapping

import msgspec

HANDS_ON = frozenset({"carer", "nurse", "doctor", "social_worker", "volunteer"})
"""Roles that go to homes. Dispatchers and managers stay where they are needed."""
_CARE = frozenset({"carer", "nurse", "doctor"})


class Service(msgspec.Struct, frozen=True):
    """A row of the table of services.

    Skills are codes of ``workforce.SKILLS``: all of ``needs``, at least one of ``one_of``; those of ``likes`` are
    good to have.
    """

    code: str
    zh: str
    en: str
    minutes: int
    """Usual time in the home; a planned service must fit into the rest of a duty."""
    needs: frozenset[str] = frozenset()
    one_of: frozenset[str] = frozenset()
    likes: frozenset[str] = frozenset()
    roles: frozenset[str] = HANDS_ON


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ALL = (
    Service("emergency_help", "应急救助", "emergency help", 45, _set("first_aid"),
            likes=_set("cpr_aed lifting oxygen")),
    Service("fall_assistance", "跌倒扶助", "help after a fall", 40, one_of=_set("lifting transfer"),
            likes=_set("first_aid cpr_aed transfer")),
    Service("wellness_check", "上门探视", "wellness check", 20, likes=_set("vital_signs first_aid")),
    Service("nursing_visit", "上门护理", "nursing visit", 45, _set("vital_signs"),
            one_of=_set("wound_care injection catheter_care oxygen"), roles=frozenset({"nurse", "doctor"})),
    Service("vital_signs", "生命体征测量", "taking vital signs", 20, _set("vital_signs"),
            likes=_set("first_aid oxygen"), roles=_CARE),
    Service("bathing", "助浴", "help with bathing", 60, _set("bathing"), likes=_set("transfer dementia_care")),
    Service("meal", "助餐", "meal", 30, likes=_set("feeding")),
    Service("cleaning", "助洁", "cleaning", 120, _set("housekeeping")),
    Service("escort", "陪同就医", "escort to hospital", 180, _set("escort"), likes=_set("driving first_aid")),
    Service("rehabilitation", "康复训练", "rehabilitation exercises", 45, _set("rehabilitation")),
    Service("comfort", "精神慰藉", "company and comfort", 45, likes=_set("counselling dementia_care")),
    Service("errand", "代办代购", "errand", 60),
    Service("device_maintenance", "设备维护", "device maintenance", 40, _set("device_repair"),
            roles=HANDS_ON | {"manager"}),
)  # fmt: skip

SERVICES: Mapping[str, Service] = {service.code: service for service in _ALL}


def service_for(rule: str, severity: str) -> str:
    """The service that an alert of this rule (``alert.rule``) and severity asks for."""
    if severity == "technical":
        return "device_maintenance"
    if rule == "fall":
        return "fall_assistance"
    if severity == "emergency" or rule in ("sos", "smoke", "gas", "water_leak"):
        return "emergency_help"
    if rule == "news2" or rule.startswith("limit_"):
        return "nursing_visit" if severity == "urgent" else "vital_signs"
    return "wellness_check"
