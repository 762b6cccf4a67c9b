"""A card of a resident's page of care, as each part makes its own."""

import msgspec


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A part of care as a resident's page tells it: where it stands, in a few lines, and where there is more."""

    zh: str
    en: str
    address: str
    lines: tuple[tuple[str, str], ...] = ()
    """(Chinese, English); none: nothing is there yet."""
