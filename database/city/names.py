"""Names that a district and the city have in common."""

import re

PUBLICATION = "shouwang_city"
"""Of each feed."""
WRITER = "shouwang_feed_writer"
"""Role on the feed's server: the district's maintenance service."""
FOLLOWER = "shouwang_feed_follower"
"""Role on the feed's server: the city."""
READER = "shouwang_city"
"""Role in the city's database: consoles and reports."""
_SUBSCRIPTION = "district_"
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")


def check_code(code: str) -> None:
    """Raise ValueError where this cannot be the code of a district, of which names of slots are made."""
    if not _CODE.fullmatch(code):
        raise ValueError(f"{code!r}: a district's code has 1 to 40 of a-z, 0-9 and _, and begins with a letter")


def subscription_of(code: str) -> str:
    """The name of the city's subscription to a district, and of its slot there."""
    return _SUBSCRIPTION + code


def code_of(subscription: str) -> str | None:
    """The district of a subscription; None for one of others."""
    return subscription.removeprefix(_SUBSCRIPTION) if subscription.startswith(_SUBSCRIPTION) else None
