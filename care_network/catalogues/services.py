"""Services for which somebody goes to a home, with the skills and roles that they need.

The services are those of care at home in GB/T 43153—2023 (居家养老上门服务基本规范: daily care, basic
nursing, health management, visits, comfort, errands, the home's fittings) and help in an emergency (助急).
"""

from collections.abc import Mapping

import msgspec

HANDS_ON = frozenset({"carer", "nurse", "doctor", "social_worker", "volunteer"})
"""Roles that go to homes. Dispatchers and managers stay where they are needed."""
_CARE = frozenset({"carer", "nurse", "doctor"})


class Service(msgspec.Struct, frozen=True, kw_only=True):
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
    Service(code="emergency_help", zh="应急救助", en="emergency help", minutes=45, needs=_set("first_aid"),
            likes=_set("cpr_aed lifting oxygen")),
    Service(code="fall_assistance", zh="跌倒扶助", en="help after a fall", minutes=40, one_of=_set("lifting transfer"),
            likes=_set("first_aid cpr_aed transfer")),
    Service(code="wellness_check", zh="上门探视", en="wellness check", minutes=20, likes=_set("vital_signs first_aid")),
    Service(code="nursing_visit", zh="上门护理", en="nursing visit", minutes=45, needs=_set("vital_signs"),
            one_of=_set("wound_care injection catheter_care oxygen"), roles=frozenset({"nurse", "doctor"})),
    Service(code="vital_signs", zh="生命体征测量", en="taking vital signs", minutes=20, needs=_set("vital_signs"),
            likes=_set("first_aid oxygen"), roles=_CARE),
    Service(code="bathing", zh="助浴", en="help with bathing", minutes=60, needs=_set("bathing"),
            likes=_set("transfer dementia_care")),
    Service(code="meal", zh="助餐", en="meal", minutes=30, likes=_set("feeding")),
    Service(code="cleaning", zh="助洁", en="cleaning", minutes=120, needs=_set("housekeeping")),
    Service(code="escort", zh="陪同就医", en="escort to hospital", minutes=180, needs=_set("escort"),
            likes=_set("driving first_aid")),
    Service(code="rehabilitation", zh="康复训练", en="rehabilitation exercises", minutes=45,
            needs=_set("rehabilitation")),
    Service(code="comfort", zh="精神慰藉", en="company and comfort", minutes=45,
            likes=_set("counselling dementia_care")),
    Service(code="errand", zh="代办代购", en="errand", minutes=60),
    Service(code="device_maintenance", zh="设备维护", en="device maintenance", minutes=40, needs=_set("device_repair"),
            roles=HANDS_ON | {"manager"}),
)  # fmt: skip

SERVICES: Mapping[str, Service] = {service.code: service for service in _ALL}


def service_for(asked: str, severity: str) -> str:
    """The service for an alert of this severity. ``asked``: the one that its rule asks for, '' for none in particular.

    An emergency of any kind needs help at once, and urgent vital signs a nurse.
    """
    if severity == "technical":
        return "device_maintenance"
    if severity == "emergency":
        return asked if asked == "fall_assistance" else "emergency_help"
    if severity == "urgent" and asked == "vital_signs":
        return "nursing_visit"
    return asked if asked in SERVICES else "wellness_check"
