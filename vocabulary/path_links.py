"""The links of an emergency's path, from the gateway to the receipt, in the order in which it passes them."""

from collections.abc import Mapping
from typing import Final

LINKS: Final[Mapping[str, tuple[str, str]]] = {
    "database": ("链路自检 → 数据库", "watcher of the path → database"),
    "gateway_broker": ("家庭网关 → 消息服务器", "gateway → broker"),
    "broker_ingest": ("消息服务器 → 接收服务", "broker → ingest"),
    "ingest_database": ("接收服务 → 数据库", "ingest → database"),
    "broker_alerting": ("消息服务器 → 预警服务", "broker → alerting"),
    "alerting_database": ("预警服务 → 数据库", "alerting → database"),
    "dispatch": ("数据库 → 调度服务（呼叫）", "database → dispatch (ladder)"),
    "notify": ("数据库 → 通知服务", "database → delivery service"),
    "channel": ("通知服务 → 渠道回执", "delivery service → receipt of the channel"),
    "broker_console": ("消息服务器 → 控制台", "broker → console"),
    "console_database": ("控制台 → 数据库", "console → database"),
    "silence": ("预警服务：网关失联检测", "alerting: detection of a silent gateway"),
}
"""By code: the words, in Chinese and English."""
LIMIT_S = 70.0
"""A path that was not proved for so long is not known to be whole."""


def words(links: tuple[str, ...] | list[str]) -> tuple[str, str]:
    """Name these links, in Chinese and in English; a code of a newer program stands for itself."""
    named = [LINKS.get(link, (link, link)) for link in links]
    return "；".join(zh for zh, _ in named), "; ".join(en for _, en in named)
