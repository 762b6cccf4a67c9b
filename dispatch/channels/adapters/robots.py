"""What the group robots of WeCom, DingTalk and Feishu have in common: a room of an organisation, a secret address."""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from dispatch.channels.adapters.base import ConfigError, PermanentError, RetryableError


class Robot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One group's robot. Its address is a secret: whoever has it may write into the group."""

    url: str
    secret: str = ""
    """Where the robot asks for signed requests."""


class RobotOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Robots by the address that a recipient has on this channel: their organisation's code."""

    robots: dict[str, Robot]


def check_robots(options: RobotOptions) -> Mapping[str, Robot]:
    """Raises ConfigError for an address that is none."""
    for name, robot in options.robots.items():
        if urlsplit(robot.url).scheme not in ("http", "https"):
            raise ConfigError(f"the robot {name!r} needs the webhook address of its group")
    return options.robots


def check_answer(answer: Mapping[str, Any], code: str, later: Collection[int]) -> None:
    """Robots answer 200 with a code of their own; 0 is taken. Raises RetryableError for those in ``later``."""
    found = answer.get(code)
    if found == 0:
        return
    text = f"{code} {found!r}: {str(answer)[:300]}"
    if found is None or found in later:
        raise RetryableError(text)
    raise PermanentError(text)
