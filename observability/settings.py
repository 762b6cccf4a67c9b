"""Settings of the probes and of the log, from the environment; the same names for every service.

They are read without pydantic, which the home gateway has no need of: loading it would take a fifth of its start.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, get_type_hints

import msgspec
from msgspec import Meta

from observability.liveness import TURN_S


class SettingError(ValueError):
    """A variable of the environment cannot be understood; the text names it."""


class _Settings(msgspec.Struct, frozen=True, kw_only=True):
    prefix: ClassVar[str]
    """Of the variables' names."""

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings that ``environment`` names, the defaults for the others. Raises SettingError."""
        found: dict[str, Any] = {}
        for name, kind in get_type_hints(cls, include_extras=True).items():
            variable = f"{cls.prefix}{name}".upper()
            if variable in environment and name in cls.__struct_fields__:
                try:
                    found[name] = msgspec.convert(environment[variable], kind, strict=False)
                except msgspec.ValidationError as error:
                    raise SettingError(f"{variable}: {error}") from error
        return cls(**found)


class ProbeSettings(_Settings, frozen=True, kw_only=True):
    """``SHOUWANG_PROBE_…``: the small HTTP server with ``/live``, ``/ready`` and ``/metrics``."""

    prefix: ClassVar[str] = "SHOUWANG_PROBE_"

    host: Annotated[str, Meta(description="address of the probes; they need no login and name no person")] = "127.0.0.1"
    port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)] | None,
        Meta(description="port of /live, /ready and /metrics; none: no probes; 0: any free one, which the log tells"),
    ] = None
    turn_s: Annotated[
        float, Meta(ge=1, description="a part that does not turn, or does none of its work, for so long stands still")
    ] = TURN_S
    end_after_s: Annotated[
        float,
        Meta(ge=1, description="a program with a part that stands still ends by itself so long after /live has failed"),
    ] = 30.0


class LogSettings(_Settings, frozen=True, kw_only=True):
    """``SHOUWANG_LOG_…``."""

    prefix: ClassVar[str] = "SHOUWANG_LOG_"

    format: Annotated[Literal["text", "json"], Meta(description="a line of text, or a JSON object, per entry")] = "text"
    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="lower levels are left out")] = (
        "info"
    )
