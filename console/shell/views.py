"""Render pages: the template environment, its functions and filters."""

import base64
import datetime as dt
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from fastapi import Request
from fastapi.templating import Jinja2Templates
from jinja2 import pass_context
from jinja2.runtime import Context
from starlette.responses import Response

from alerting.tuning.catalogue import catalogue
from care_network.access.accounts import Account
from care_network.access.permissions import may_do
from care_network.catalogues.ability import GRADES
from console.shell import styles
from console.shell.i18n import Language, doer, pick, translate
from console.shell.theme import theme_of
from dispatch.alerts import evidence, outcomes
from dispatch.core.headline import address, place
from dispatch.orders.states import WORDS as ORDER_WORDS
from firmware_profiles.channels import CHANNELS
from firmware_profiles.devices import MODELS
from firmware_profiles.signal import decode_signal
from vocabulary.labels import room_of, unit_of
from vocabulary.severity import GRAVE, SEVERITIES
from vocabulary.times import SHANGHAI

MOST_POINTS = 2000
"""Of a drawn line: more are not seen."""
LANGUAGE_COOKIE = "shouwang_language"
CONSOLE = Path(__file__).parents[1]
STATIC = CONSOLE / "static"
templates = Jinja2Templates(
    directory=[CONSOLE / "shell", *sorted(p for p in (CONSOLE / "pages").iterdir() if p.is_dir()), CONSOLE / "links"]
)
templates.env.trim_blocks = templates.env.lstrip_blocks = True


AGES = ((60, 1, "秒", "s"), (3600, 60, "分钟", "min"), (172_800, 3600, "小时", "h"))
"""Below so many seconds an age is told in a unit of so many."""


def start_page(account: Account | None) -> str:
    """The page behind the platform's name: the board, but for roles that may not see it."""
    return {"provider": "/provider", "auditor": "/audit"}.get(account.role, "/") if account else "/"


def language_of(request: Request, account: Account | None) -> Language:
    """The reader's language: the switch on the page first, then the account's choice, then Chinese."""
    chosen = request.cookies.get(LANGUAGE_COOKIE) or (account.language if account else "zh")
    return "en" if chosen == "en" else "zh"


def page(request: Request, name: str, account: Account | None = None, status: int = 200, **context: Any) -> Response:
    """Render a template in the reader's language."""
    words = words_of(language_of(request, account), account)
    words["outbox"] = request.app.state.console.channels.outbox
    words["simulated_days"] = request.app.state.console.settings.simulated_days
    words["theme"] = theme_of(request, words["now"])
    words["here"] = request.url.path
    return templates.TemplateResponse(request, name, {**words, **context}, status_code=status)


def words_of(language: Language, account: Account | None) -> dict[str, Any]:
    """The functions and words that every template may use."""

    def _(text: str, **values: object) -> str:
        return translate(language, text, **values)

    def channel_label(code: str) -> str:
        return pick(language, CHANNELS[code].zh, CHANNELS[code].en)

    def unit(code: str) -> str:
        return pick(language, *unit_of(CHANNELS[code].unit))

    return {
        "_": _,
        "pick": lambda zh, en: pick(language, zh, en),
        "own_id": _own_ids(),
        "doer": lambda name, name_en=None: doer(language, name, name_en),
        "pick_list": lambda zh, en: zh if language == "zh" else en,
        "order_word": lambda code: pick(language, *ORDER_WORDS.get(code, (code, code))),
        "language": language,
        "styles": styles.address(),
        "account": account,
        "may": lambda action: account is not None and may_do(account, action),
        "channel_label": channel_label,
        "unit": unit,
        "unit_word": lambda code: pick(language, *unit_of(code)),
        "model_label": lambda model: (
            pick(language, MODELS[model].zh, MODELS[model].label_en) if model in MODELS else model
        ),
        "short_place": lambda of: pick(language, *place((of.area_zh, of.area_en), (of.address_zh, of.address_en))),
        "room_label": lambda room: pick(language, *room_of(str(room))),
        "grades": GRADES,
        "severities": SEVERITIES,
        "grave": GRAVE,
        "outcomes": list(outcomes.OUTCOMES.values()),
        "findings": {"cause": outcomes.CAUSES, "injury": outcomes.INJURIES, "hospital": outcomes.HOSPITAL},
        "actions_taken": outcomes.ACTIONS,
        "evidence_lines": evidence.lines,
        "evidence_parameters": lambda parts: evidence.parameters(parts, catalogue()),
        "evidence_channels": evidence.channels,
        "evidence_fall": evidence.fall,
        "now": dt.datetime.now(dt.UTC),
        "ago": lambda at: ago(language, at),
    }


def _own_ids() -> Callable[[str], str]:
    """Give each field of a page an id of its own: one that stands in a second form gets a number behind it."""
    times: Counter[str] = Counter()

    def own(name: str) -> str:
        times[name] += 1
        return name if times[name] == 1 else f"{name}-{times[name]}"

    return own


def ago(language: Language, at: dt.datetime) -> str:
    """How long ago a moment was, in words; ``static/ago.js`` goes on counting by the same rules."""
    s = max(0, int((dt.datetime.now(dt.UTC) - at).total_seconds()))
    for below, size, zh, en in AGES:
        if s < below:
            return pick(language, f"{s // size} {zh}前", f"{s // size} {en} ago")
    return pick(language, f"{s // 86_400} 天前", f"{s // 86_400} d ago")


def clock(value: dt.datetime | int | None, form: str = "%m-%d %H:%M:%S") -> str:
    """A moment (datetime, or µs since 1970) as the wall clock of Shanghai shows it."""
    if value is None:
        return "—"
    try:
        moment = dt.datetime.fromtimestamp(value / 1e6, dt.UTC) if isinstance(value, int) else value
        return moment.astimezone(SHANGHAI).strftime(form)
    except (ValueError, OverflowError, OSError):  # no date of our calendar
        return "—"


def number(value: float, code: str) -> str:
    """A value with as many digits as its channel resolves."""
    return f"{value:.1f}" if CHANNELS[code].resolution < 1 else f"{value:.0f}"


class FallPicture(msgspec.Struct, frozen=True):
    """The acceleration around a fall as an SVG path, 600 × 140: its magnitude over time, from 0 to ``top`` g.

    ``peak``: the highest value of the same signal, so that the picture and its number agree.
    """

    points: str
    top: int
    peak: float

    def height(self, g: float) -> float:
        """The y of an acceleration."""
        return 140 - 140 * g / self.top


def fall_picture(fall: dict[str, Any]) -> FallPicture | None:
    """Draw the signal of a fall, never clipped; None without a signal."""
    try:
        signal = decode_signal(base64.b64decode(str(fall.get("signal", "")), validate=True))
    except ValueError:
        return None
    whole = np.linalg.norm(signal.milli_g.astype(np.float64), axis=1) / 1000
    # Of a long signal every nth value is drawn, and always the highest.
    drawn = np.unique(np.append(np.arange(0, len(whole), len(whole) // MOST_POINTS + 1), whole.argmax()))
    peak = float(whole.max())
    picture = FallPicture("", max(8, math.ceil(peak)), peak)
    x = drawn * (600 / max(1, len(whole) - 1))
    points = " ".join(f"{at:.1f},{picture.height(value):.1f}" for at, value in zip(x, whole[drawn], strict=True))
    return msgspec.structs.replace(picture, points=points)


def fall_plot(fall: dict[str, Any]) -> str:
    """The points of :func:`fall_picture`; empty without a signal."""
    picture = fall_picture(fall)
    return "" if picture is None else picture.points


_SPANS = ((120, 1, "秒", "s"), (7200, 60, "分钟", "min"), (172_800, 3600, "小时", "h"), (math.inf, 86_400, "天", "d"))


def duration(seconds: float | None, language: str = "en") -> str:
    """A length of time, short: 45 s, 12.5 min, 3 h, 4 d; in Chinese with the units' words."""
    if seconds is None:
        return "—"
    size, zh, en = next((size, zh, en) for limit, size, zh, en in _SPANS if seconds < limit or limit == math.inf)
    return f"{seconds / size:.1f}".removesuffix(".0") + f" {zh if language == 'zh' else en}"


@pass_context
def _duration(context: Context, seconds: float | None) -> str:
    return duration(seconds, str(context.get("language", "en")))


templates.env.filters["duration"] = _duration
templates.env.filters["fall_picture"] = fall_picture


def milliseconds(value: dt.datetime) -> int:
    """A moment in ms since 1970, as browsers count."""
    return round(value.timestamp() * 1000)


templates.env.filters["milliseconds"] = milliseconds
templates.env.filters["clock"] = clock
templates.env.filters["number"] = number
templates.env.globals["address"] = address
templates.env.globals["start_page"] = start_page
templates.env.filters["fall_plot"] = fall_plot
templates.env.filters["readable"] = evidence.readable
