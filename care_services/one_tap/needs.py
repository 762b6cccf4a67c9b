"""The large buttons of "I need …": what stands on them, and the service of the catalogue that each asks for. Pure."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence

import msgspec

from vocabulary.times import SHANGHAI


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A button. ``works``: kinds of work of the care network's catalogue, the best first."""

    code: str
    zh: str
    en: str
    works: tuple[str, ...]


NEEDS: tuple[Need, ...] = (
    Need(code="meal", zh="吃饭", en="A meal", works=("meal",)),
    Need(code="clean", zh="打扫", en="Cleaning", works=("cleaning",)),
    Need(code="bath", zh="洗澡", en="A bath", works=("bathing",)),
    Need(code="repair", zh="修东西", en="A repair", works=("device_maintenance",)),
    Need(code="accompany", zh="陪我出门", en="Go out with me", works=("escort",)),
    Need(code="doctor", zh="医生护士上门", en="Doctor or nurse", works=("nursing_visit", "vital_signs")),
    Need(code="company", zh="说说话", en="Company", works=("comfort",)),
    Need(code="errand", zh="代买代办", en="An errand", works=("errand",)),
)  # fmt: skip
"""In the words of the resident; the kinds of work are those of GB/T 43153—2023."""

_URGENT_ZH = (
    "摔倒", "跌倒", "摔了", "摔伤", "起不来", "站不起来", "胸痛", "胸口痛", "胸口疼", "胸闷", "心口痛", "心口疼",
    "喘不", "呼吸困难", "透不过气", "憋气", "昏迷", "晕倒", "昏倒", "晕过去", "叫不醒", "没反应", "没有反应", "抽搐",
    "大出血", "流血不止", "止不住血", "吐血", "中风", "嘴歪", "口角歪", "说不出话", "半边", "噎", "卡住喉咙", "烫伤",
    "触电", "着火", "起火", "煤气", "漏气", "中毒", "吃错药", "自杀", "不想活", "救命", "快不行",
)  # fmt: skip
_URGENT_EN = (
    "fell", "fallen", "cannot get up", "can't get up", "chest pain", "cannot breathe", "can't breathe",
    "short of breath", "unconscious", "fainted", "collapsed", "not responding", "seizure", "bleeding", "stroke",
    "choking", "burnt", "fire", "gas leak", "smell of gas", "poison", "suicide", "wants to die", "emergency",
)  # fmt: skip


def urgent_word(words: str) -> str:
    """The first words that sound like an emergency; '' for none. Better one word too many than one too few."""
    low = words.lower()
    return next((one for one in (*_URGENT_ZH, *_URGENT_EN) if one in low), "")


def service_of(need: Need, services: Sequence[tuple[str, str]], offered: Collection[str]) -> str | None:
    """The service for a need, of ``services`` (code and work), one that is ``offered`` here first; None: none is."""
    for work in need.works:
        fitting = [code for code, of in services if of == work]
        best = next((code for code in fitting if code in offered), fitting[0] if fitting else None)
        if best is not None:
            return best
    return None


OPENS, CLOSES = dt.time(8), dt.time(17)


def soonest(now: dt.datetime) -> dt.datetime:
    """The time that "soon" means: a half hour of the day's work, an hour or more from now, or next morning at nine."""
    local = now.astimezone(SHANGHAI)
    half = dt.timedelta(minutes=30)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + -(-(local + dt.timedelta(hours=1) - midnight) // half) * half
    if at.date() == local.date() and local.time() >= OPENS and at.time() <= CLOSES:
        return at.astimezone(dt.UTC)
    day = local.date() if local.time() < OPENS else local.date() + dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time(9), SHANGHAI).astimezone(dt.UTC)


BY_CODE: Mapping[str, Need] = {one.code: one for one in NEEDS}
