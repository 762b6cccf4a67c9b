"""Shared parts of the group robots of WeCom, DingTalk and Feishu: a group chat of an organisation, a secret address."""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from dispatch.channels.adapters.base import ConfigError, PermanentError, RetryableError


class Robot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The robot of a group. Its address is a secret: everybody who has it may write into the group."""

    url: str
    secret: str = ""
    """Set where the robot asks for signed requests."""


class RobotOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Robots by the address that a recipient has on this channel: their organisation's code."""

    robots: dict[str, Robot]


def check_robots(options: RobotOptions) -> Mapping[str, Robot]:
    """The robots by address. Raises ConfigError for one without a webhook address."""
    for name, robot in options.robots.items():
        if urlsplit(robot.url).scheme not in ("http", "https"):
            raise ConfigError(f"the robot {name!r} needs the webhook address of its group")
    return options.robots


def check_answer(answer: Mapping[str, Any], code: str, later: Collection[int]) -> None:
    """Check the code in a robot's answer (HTTP is 200 always); 0 means taken.

    Raises RetryableError for codes in ``later`` or none, PermanentError for others.
    """
    value = answer.get(code)
    if value == 0:
        return
    text = f"{code} {value!r}: {str(answer)[:300]}"
    if value is None or value in later:
        raise RetryableError(text)
    raise PermanentError(text)
