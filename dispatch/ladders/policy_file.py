"""Write policies as the file from which they are read: what one district has tried is brought to another."""

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

import msgspec

from dispatch.ladders.policy import Policy

LEFT_OUT = ("version", "steps")
"""The version is the database's; the steps stand a line each."""


def write(policies: Iterable[Policy]) -> str:
    """Write them as TOML; :func:`dispatch.ladders.policy.parse` gives the same policies again."""
    return "\n".join(_written(policy) for policy in policies)


def _written(policy: Policy) -> str:
    fields: dict[str, Any] = msgspec.to_builtins(policy, builtin_types=(dt.time,))
    lines = [
        f"{name} = {_value(value)}"
        for name, value in fields.items()
        if value is not None and value != () and value != [] and name not in LEFT_OUT
    ]
    steps = [f"  {_value(step)}," for step in fields["steps"]]
    return "\n".join(["[[policy]]", *lines, "steps = [", *steps, "]", ""])


def _value(value: Any) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{name} = {_value(one)}" for name, one in value.items() if one is not None) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(_value, value)) + "]"
        case dt.time():
            return value.isoformat()
        case float():
            return f"{value:g}" if value.is_integer() and abs(value) < 1e6 else repr(value)
        case _:  # text, whole numbers and truth are written alike
            return json.dumps(value, ensure_ascii=False)
