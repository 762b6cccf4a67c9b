"""Read TOML that others wrote."""

import tomllib
from typing import Any


def read_toml(text: str) -> dict[str, Any]:
    """Parse TOML 1.0. Raises tomllib.TOMLDecodeError, and nothing else: also where it is nested too deeply."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise tomllib.TOMLDecodeError("nested too deeply") from error
