"""``adapter = "dingtalk"``: group robots of DingTalk (钉钉自定义机器人).

https://open.dingtalk.com/document/orgapp/custom-bot-creation-and-installation: 20 messages a minute and robot; signed
requests carry ``timestamp`` and ``sign`` = base64(HMAC-SHA-256(secret, "timestamp\\nsecret")).
"""

import base64
import hmac
import time
from urllib.parse import urlencode

from dispatch.channels.adapters.base import Outgoing, Sent
from dispatch.channels.adapters.http_request import post_json
from dispatch.channels.adapters.robots import Robot, RobotOptions, check_answer, check_robots

LATER = (-1, 130101, 410100, 430101)
"""Codes for a busy system, and for messages sent too often (20 a minute), of robot and platform."""


class DingTalk:
    def __init__(self, options: RobotOptions) -> None:
        self._robots = check_robots(options)

    def reaches(self, address: str) -> bool:
        return address in self._robots

    def send(self, message: Outgoing, timeout_s: float) -> Sent:
        body = {"msgtype": "markdown", "markdown": {"title": message.title, "text": message.text}}
        answer = post_json(signed_url(self._robots[message.address], time.time_ns() // 1_000_000), body, timeout_s)
        check_answer(answer, "errcode", LATER)
        return Sent(delivered=True)


def signed_url(robot: Robot, now_ms: int) -> str:
    """Add the signature to the robot's address, where it has a secret."""
    if not robot.secret:
        return robot.url
    mac = hmac.digest(robot.secret.encode(), f"{now_ms}\n{robot.secret}".encode(), "sha256")
    query = urlencode({"timestamp": now_ms, "sign": base64.b64encode(mac).decode()})
    return f"{robot.url}{'&' if '?' in robot.url else '?'}{query}"
