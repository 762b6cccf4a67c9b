"""The users of NATS as a file, and which names a gateway may have."""

import json
from collections.abc import Iterable

from shouwang.brokers.config import nats_users
from shouwang.brokers.pki import IDENTITY


def check_gateway_name(name: str) -> None:
    """Raises ValueError for a name that is no gateway's: one of a service would bring a service's rights."""
    if name.startswith("svc-") or not IDENTITY.match(name):
        raise ValueError(f"{name!r} cannot be a gateway's name (small letters, digits, '-'; not 'svc-…')")


def users_file(gateways: Iterable[str]) -> str:
    """Return the text that ``include`` in the ``authorization`` block of a nats.conf reads.

    Raises ValueError where a gateway has a name that would bring a service's rights.
    """
    names = sorted(gateways)
    for name in names:
        check_gateway_name(name)
    return f"users = {json.dumps(nats_users(names), indent=1)}\n"
