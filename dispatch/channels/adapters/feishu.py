"""``adapter = "feishu"``: group robots of Feishu (飞书自定义机器人).

https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot: 100 messages a minute; signed requests carry
``timestamp`` (s) and ``sign`` = base64(HMAC-SHA-256(key "timestamp\\nsecret", empty message)).
"""

import base64
import hmac
import time
from typing import Any

from dispatch.channels.adapters.base import Outgoing, Sent
from dispatch.channels.adapters.http_request import post_json
from dispatch.channels.adapters.robots import Robot, RobotOptions, check_answer, check_robots

LATER = (11232, 9499)
"""Codes for too many requests."""


class Feishu:
    def __init__(self, options: RobotOptions) -> None:
        self._robots = check_robots(options)

    def reaches(self, address: str) -> bool:
        return address in self._robots

    def send(self, message: Outgoing, timeout_s: float) -> Sent:
        robot = self._robots[message.address]
        body = {"msg_type": "text", "content": {"text": message.text}, **signature(robot, int(time.time()))}
        check_answer(post_json(robot.url, body, timeout_s), "code", LATER)
        return Sent(delivered=True)


def signature(robot: Robot, now_s: int) -> dict[str, Any]:
    """Make the fields that sign a request, where the robot has a secret."""
    if not robot.secret:
        return {}
    mac = hmac.digest(f"{now_s}\n{robot.secret}".encode(), b"", "sha256")
    return {"timestamp": str(now_s), "sign": base64.b64encode(mac).decode()}
