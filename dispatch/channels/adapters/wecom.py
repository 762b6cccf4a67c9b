"""``adapter = "wecom"``: group robots of WeCom (企业微信群机器人).

https://developer.work.weixin.qq.com/document/path/91770: POST …/cgi-bin/webhook/send?key=…, 20 messages a minute and
robot, markdown of at most 4,096 bytes of UTF-8.
"""

from dispatch.channels.adapters.base import Outgoing, Sent
from dispatch.channels.adapters.http_request import post_json
from dispatch.channels.adapters.robots import RobotOptions, check_answer, check_robots

LATER = (-1, 45009)
"""Codes for a busy system, and for too many requests."""
MAX_BYTES = 4096


class WeCom:
    def __init__(self, options: RobotOptions) -> None:
        self._robots = check_robots(options)

    def reaches(self, address: str) -> bool:
        return address in self._robots

    def send(self, message: Outgoing, timeout_s: float) -> Sent:
        text = message.text.encode()[:MAX_BYTES].decode(errors="ignore")
        answer = post_json(
            self._robots[message.address].url, {"msgtype": "markdown", "markdown": {"content": text}}, timeout_s
        )
        check_answer(answer, "errcode", LATER)
        return Sent(delivered=True)
