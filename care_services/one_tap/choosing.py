"""Choose the best provider for a request: free, known, near, well rated, cheap, speaking the language. Pure."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence

import msgspec

from care_network.catalogues.workforce import LANGUAGES
from care_services.core.money import in_yuan

WEIGHTS: Mapping[str, float] = {
    # A known face is what residents ask for first (NICE guideline NG21, home care); then quality before price.
    "known": 0.25, "rating": 0.25, "near": 0.20, "price": 0.15, "language": 0.15,
}  # fmt: skip
HALF_M = 2000.0
"""The distance that halves the part "near": somebody comes by bus or e-bike."""
PRIOR, PRIOR_N = 4.0, 5
"""A provider with few ratings counts as one with five more of four stars: one bad day is no verdict."""
KNOWN_VISITS = 3


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of a provider who can do the work. ``visits``: earlier ones to this resident."""

    code: str
    name_zh: str
    name_en: str
    languages: tuple[str, ...]
    busy: bool
    visits: int = 0


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that offers the service at this home. ``metres`` None: a place is not known."""

    organisation_id: int
    organisation: str
    name_zh: str
    name_en: str
    price_fen: int
    own_fen: int
    metres: int | None
    mean: float | None
    ratings: int
    workers: tuple[Worker, ...]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A provider with its score between 0 and 1, the person proposed, and the reasons in both languages."""

    option: Option
    worker: Worker | None
    score: float
    reasons_zh: tuple[str, ...]
    reasons_en: tuple[str, ...]


def rank(
    options: Sequence[Option], languages: Collection[str], asked: Collection[int] = ()
) -> list[Choice]:  # fmt: skip
    """The providers that have somebody free, the best first; those in ``asked`` (ids) were asked before, and are out.

    A provider without anybody who is free and able is out, too: it could not say yes.
    """
    cheapest = min((one.own_fen for one in options), default=0)
    found = []
    for one in options:
        free = [worker for worker in one.workers if not worker.busy]
        if one.organisation_id in asked or not free:
            continue
        best = max(free, key=lambda worker: (worker.visits, bool(set(worker.languages) & set(languages))))
        parts = {
            "known": min(best.visits / KNOWN_VISITS, 1.0),
            "rating": (shrunk(one.mean, one.ratings) - 1) / 4,
            "near": 0.5 if one.metres is None else 1 / (1 + one.metres / HALF_M),
            "price": 1.0 if not one.own_fen else min(1.0, (cheapest + 100) / (one.own_fen + 100)),
            "language": 1.0 if set(best.languages) & set(languages) else 0.0,
        }
        score = sum(WEIGHTS[name] * value for name, value in parts.items())
        zh, en = _reasons(one, best, languages, len(free))
        found.append(Choice(option=one, worker=best, score=round(score, 4), reasons_zh=zh, reasons_en=en))
    return sorted(found, key=lambda one: (-one.score, one.option.own_fen, one.option.organisation))


def shrunk(mean: float | None, n: int) -> float:
    """The mean of ratings with the prior mixed in, between 1 and 5."""
    return (PRIOR * PRIOR_N + (mean or 0.0) * n) / (PRIOR_N + n) if mean is not None else PRIOR


def _reasons(
    one: Option, best: Worker, languages: Collection[str], free: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:  # fmt: skip
    pairs = [(f"{free} 人有空", f"{free} free then")]
    if best.visits:
        pairs.append((f"{best.name_zh}曾上门 {best.visits} 次", f"{best.name_en} was there {best.visits} times"))
    if one.metres is not None:
        pairs.append((f"距离约 {one.metres / 1000:.1f} 公里", f"about {one.metres / 1000:.1f} km away"))
    if one.mean is not None:
        pairs.append((f"评价 {one.mean:.1f} 分（{one.ratings} 条）", f"rated {one.mean:.1f} (of {one.ratings})"))
    else:
        pairs.append(("还没有评价", "not rated yet"))
    pairs.append((f"自付 {in_yuan(one.own_fen)} 元", f"own share {in_yuan(one.own_fen)} yuan"))
    common = [code for code in languages if code in best.languages and code in LANGUAGES]
    if common:
        pairs.append((
            "讲" + "、".join(LANGUAGES[code].zh for code in common),
            "speaks " + ", ".join(LANGUAGES[code].en for code in common),
        ))  # fmt: skip
    zh, en = zip(*pairs, strict=True)
    return tuple(zh), tuple(en)


def answer_by(now: dt.datetime, minutes: int, wanted_at: dt.datetime) -> dt.datetime:
    """The end of the time to answer: so many minutes, at most half of the time that is left until the visit. Pure."""
    left = max(dt.timedelta(minutes=3), (wanted_at - now) / 2)
    return now + min(dt.timedelta(minutes=minutes), left)
