"""A request by which a route is tried."""

from typing import Any

import msgspec


class Example(msgspec.Struct, frozen=True):
    """A request that succeeds for whoever may send it."""

    path: str
    data: dict[str, Any] | None = None
    json: dict[str, Any] | None = None
    success: int = 200
