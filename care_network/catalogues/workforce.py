"""Skills, certificates, languages and roles of staff and volunteers, and the days on which a skill counts.

The certificates are those that the district's posts ask for: 护士执业证书 (护士条例, State Council Decree 517),
医师执业证书 (医师法), 养老护理员 (国家职业技能标准 2019, occupation 4-10-01-05; it does not expire),
红十字救护员证 (Red Cross first aider, valid for three years), 健康证 and 社会工作者职业水平证书.
"""

import datetime as dt
from collections.abc import Iterable, Mapping

import msgspec


class Term(msgspec.Struct, frozen=True):
    """The label of a code, and the certificates of which one must be valid for it (none: no certificate is needed)."""

    zh: str
    en: str
    needs: frozenset[str] = frozenset()


CERTIFICATES: Mapping[str, Term] = {
    "nurse_licence": Term("护士执业证书", "nurse's licence"),
    "doctor_licence": Term("医师执业证书", "doctor's licence"),
    "elder_carer": Term("养老护理员证书", "elder carer's certificate"),
    "first_aid": Term("红十字救护员证", "Red Cross first aider"),
    "health": Term("健康证", "health certificate"),
    "social_worker": Term("社会工作者证书", "social worker's certificate"),
    "driving_licence": Term("机动车驾驶证", "driving licence"),
}

_NURSE = frozenset({"nurse_licence", "doctor_licence"})
_CARER = frozenset({"elder_carer"}) | _NURSE

SKILLS: Mapping[str, Term] = {
    "first_aid": Term("急救", "first aid", frozenset({"first_aid"}) | _NURSE),
    "cpr_aed": Term("心肺复苏/AED", "CPR and AED", frozenset({"first_aid"}) | _NURSE),
    "lifting": Term("搀扶与搬移", "lifting after a fall"),
    "transfer": Term("移位转运", "transfer between bed and chair", _CARER),
    "bathing": Term("助浴", "help with bathing", _CARER),
    "feeding": Term("助餐喂食", "help with eating", _CARER),
    "dementia_care": Term("认知症照护", "dementia care", _CARER),
    "wound_care": Term("伤口护理", "wound care", _NURSE),
    "injection": Term("注射", "injection", _NURSE),
    "catheter_care": Term("导管护理", "catheter care", _NURSE),
    "oxygen": Term("氧疗护理", "oxygen therapy", _NURSE),
    "vital_signs": Term("生命体征测量", "taking vital signs"),
    "rehabilitation": Term("康复训练", "rehabilitation exercises"),
    "counselling": Term("心理慰藉", "counselling"),
    "housekeeping": Term("家政服务", "housekeeping"),
    "escort": Term("陪同就医", "escort to hospital"),
    "driving": Term("驾驶", "driving", frozenset({"driving_licence"})),
    "device_repair": Term("设备安装维护", "fitting and mending devices"),
}

LANGUAGES: Mapping[str, Term] = {  # ISO 639-3
    "cmn": Term("普通话", "Mandarin"),
    "yue": Term("粤语", "Cantonese"),
    "hak": Term("客家话", "Hakka"),
    "nan": Term("潮汕话/闽南语", "Teochew, Southern Min"),
    "hsn": Term("湘语", "Xiang"),
    "wuu": Term("吴语", "Wu"),
    "eng": Term("英语", "English"),
    "csl": Term("手语", "Chinese Sign Language"),
}

ROLES: Mapping[str, Term] = {
    "carer": Term("护理员", "care worker"),
    "nurse": Term("护士", "nurse", frozenset({"nurse_licence"})),
    "doctor": Term("医生", "doctor", frozenset({"doctor_licence"})),
    "dispatcher": Term("调度员", "dispatcher"),
    "social_worker": Term("社工", "social worker"),
    "manager": Term("负责人", "manager"),
    "volunteer": Term("志愿者", "volunteer"),
}


class Certificate(msgspec.Struct, frozen=True, gc=False):
    """A certificate of a member of staff, still valid on the day ``expires_on``; None: it does not expire."""

    kind: str
    expires_on: dt.date | None = None

    def valid(self, on: dt.date) -> bool:
        return self.expires_on is None or on <= self.expires_on


def effective_skills(
    skills: Iterable[str], certificates: Iterable[Certificate], on: dt.date
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split skills into those that count on that day and those whose certificate is missing or has expired; sorted."""
    valid = {certificate.kind for certificate in certificates if certificate.valid(on)}
    good: set[str] = set()
    lapsed: set[str] = set()
    for skill in skills:
        needs = SKILLS[skill].needs if skill in SKILLS else frozenset()
        (good if not needs or needs & valid else lapsed).add(skill)
    return tuple(sorted(good)), tuple(sorted(lapsed))
