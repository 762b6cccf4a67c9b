"""Watch the watcher of the path: one that has fallen silent becomes a technical alert."""

from typing import Any

import msgspec
import psycopg
import structlog

from database.reports import path_proofs
from dispatch.alerts.platform import follow_up, raise_once
from vocabulary.path_links import LIMIT_S
from vocabulary.rule_words import KEY, RuleWords

log = structlog.get_logger(__name__)

RULE, SUBJECT = "path_unwatched", "platform:path"
WORDS = RuleWords(zh="链路无人看守", en="Path unwatched", outside_zh="链路无人看守", outside_en="Path unwatched")


def watch(conn: psycopg.Connection[Any]) -> None:
    """Raise the alert once the watcher has said nothing for LIMIT_S, and clear it when it speaks again.

    A district whose watcher never began has none: the doctor says so.
    """
    proof = path_proofs.load(conn)
    if proof is None:
        return
    if proof.looked_s <= LIMIT_S:
        follow_up(conn, RULE, SUBJECT, "clear", ("链路自检已恢复", "The path is watched again"))
        return
    reason = (
        f"链路自检已 {proof.looked_s:.0f} 秒没有消息：呼救链路是否畅通已无法得知，请检查 shouwang-path",
        f"The watcher of the path has said nothing for {proof.looked_s:.0f} s: nobody knows whether an emergency would"
        " arrive. Look at shouwang-path",
    )
    if raise_once(conn, RULE, SUBJECT, reason, {KEY: msgspec.to_builtins(WORDS)}):
        log.error("the path is not watched", silent_s=round(proof.looked_s))
