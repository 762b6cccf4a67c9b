"""Words and helpers that the pages of the time bank share."""

import datetime as dt
from typing import Any

import psycopg
from fastapi import Request
from starlette.responses import Response

from care_network.access.accounts import Account
from care_network.catalogues.workforce import LANGUAGES, SKILLS
from care_network.errors import ProvisioningError
from care_services.core import notice_kinds
from care_services.time_bank import kinds
from care_services.time_bank.running import ending
from care_services.time_bank.volunteers import STEPS, steps_from, write_times
from console.pages.care.frame import care_page
from console.shell.errors import message_of, status_of
from vocabulary.times import SHANGHAI

BANK = "/care/time-bank"
WORDS: dict[str, Any] = {
    "bank": BANK, "kinds": kinds.KINDS, "belongs": kinds.GROUPS, "volunteer_states": kinds.STATES,
    "checks": kinds.CHECKS, "request_states": kinds.REQUEST_STATES, "asked_as": kinds.ASKED_AS,
    "bookings": kinds.TRANSACTIONS, "community": kinds.COMMUNITY, "relations": kinds.RELATIONS,
    "need_words": kinds.NEEDS, "hours": kinds.hours, "skill_terms": SKILLS, "language_terms": LANGUAGES,
    "volunteer_steps": STEPS, "steps_from": steps_from, "write_times": write_times,
    "basic_course": kinds.BASIC_COURSE, "notice_states": notice_kinds.STATES,
}  # fmt: skip
"""For the templates: catalogues in both languages."""
TONES = {
    "applied": "unknown", "checked": "unknown", "trained": "unknown", "active": "good", "resting": "late",
    "ended": "unknown", "open": "late", "offered": "unknown", "accepted": "good", "done": "late", "disputed": "bad",
    "confirmed": "good", "cancelled": "unknown",
}  # fmt: skip
"""Marks of states, beside their words."""
VOLUNTEER_ACTIONS: dict[str, tuple[str, str]] = {
    "apply": ("提交申请", "applied"), "change": ("修改资料", "changed"),
    "check_identity": ("身份核验", "identity check"),
    "check_background": ("无犯罪记录核查", "background check"), "training": ("登记培训", "training recorded"),
    "link_made": ("发送个人链接", "own link made"), "link_taken_back": ("撤回个人链接", "own link taken back"),
    "link_shown": ("当面出示个人链接", "own link shown to staff"),
    "missed_excused": ("爽约记录不计", "a missed promise excused"),
    "missed_stands": ("爽约记录维持", "a missed promise stands"),
    "link_staff": ("关联应急响应人员", "linked to a member of staff"),
    **{name: words for name, (_, _, words) in STEPS.items()},
}  # fmt: skip
ROUND_ACTIONS: dict[str, tuple[str, str]] = {
    "make": ("排定巡访", "visits made"), "people": ("调整人员", "people changed"),
    "plan": ("调整时间", "hours changed"), "pause": ("暂停", "paused"), "resume": ("恢复", "goes on"),
}  # fmt: skip
ROUND_DETAILS: dict[str, tuple[str, str]] = {
    "members_in": ("加入老人", "residents who came:"), "members_out": ("退出老人", "residents who left:"),
    "crew_in": ("加入志愿者", "volunteers who came:"), "crew_out": ("退出志愿者", "volunteers who left:"),
    "visits": ("次数", "visits:"), "alone": ("暂无志愿者", "without a pair:"), "cancelled": ("取消", "cancelled:"),
}  # fmt: skip
REQUEST_ACTIONS: dict[str, tuple[str, str]] = {
    "ask": ("预约", "asked"), "plan": ("排入巡访", "planned in a round"), "offer": ("询问志愿者", "offered"),
    "accept": ("志愿者接受", "accepted"), "decline": ("志愿者婉拒", "declined"), "take_back": ("收回", "taken back"),
    "tell": ("登记服务时长", "minutes told"), "confirm": ("接受服务一方确认", "the receiving side's word"),
    "settle": ("社区站认定", "settled by the station"), "cancel": ("取消", "cancelled"),
    "from_order": ("由预警工单登记", "taken from a work order"), "lapse": ("逾期关闭", "closed as over"),
    "cannot": ("志愿者不能前往，重新匹配", "the volunteer cannot come: open again"),
    "lapse_check": ("志愿者审查或状态失效，重新匹配", "the volunteer may not help any more: open again"),
    "lapse_consent": ("老人未同意告知志愿者，收回", "the resident does not agree: taken back"),
    "lapse_answer": ("志愿者未答复，收回", "no answer: taken back"), "no_show": ("志愿者未到", "nobody came"),
    "not_opened": ("无人应门", "nobody opened the door"), "plan_anew": ("巡访调整", "the round changed"),
}  # fmt: skip


def bank_page(
    request: Request, name: str, account: Account, error: ProvisioningError | None = None, **context: Any
) -> Response:
    """Render a page of the time bank; with an error in its place, and its status."""
    now = dt.datetime.now(dt.UTC)
    return care_page(
        request, name, account, status_of(error) if error else 200,
        message=message_of(request, error, account) if error else "", wrong=error.field if error else None,
        today=now.astimezone(SHANGHAI).date(), tones=TONES, volunteer_actions=VOLUNTEER_ACTIONS,
        request_actions=REQUEST_ACTIONS, round_actions=ROUND_ACTIONS, round_details=ROUND_DETAILS,
        ended_as=ending.ENDED_AS, **WORDS, **context,
    )  # fmt: skip


def day(text: str, otherwise: dt.date) -> dt.date:
    """Read a day of an address; one that cannot be read is the other one."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return otherwise


def date_of(text: str, field: str, *, empty: bool = False) -> dt.date | None:
    """Read a day of a form. Raises ProvisioningError with the field."""
    if empty and not text.strip():
        return None
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError as error:
        raise ProvisioningError(zh="日期写法如 2026-11-29", en="write the day as 2026-11-29", field=field) from error


def number_of(text: str, field: str = "minutes") -> int:
    """Read a number of minutes of a form. Raises ProvisioningError with the field."""
    try:
        return int(text.strip())
    except ValueError as error:
        raise ProvisioningError(zh="请填写分钟数", en="write the minutes as a number", field=field) from error


def areas(conn: psycopg.Connection[Any], account: Account) -> list[tuple[str, str, str]]:
    """Areas below the account's, from streets to compounds: (path, Chinese, English), names with those above."""
    return [
        (row[0], row[1], row[2])
        for row in conn.execute(
            "SELECT a.path::text, string_agg(up.name_zh, ' · ' ORDER BY up.path),"
            " string_agg(up.name_en, ' · ' ORDER BY up.path) FROM area a"
            " JOIN area up ON up.path @> a.path AND up.level IN ('street', 'community', 'compound')"
            " WHERE a.path <@ %s::ltree AND a.level IN ('street', 'community', 'compound')"
            " AND NOT a.path <@ 'synthetic' GROUP BY a.path ORDER BY a.path LIMIT 400",
            (account.area_path,),
        )
    ]
