"""The bench of care and services asks every page of the wing: one that nobody fills is told here, not after an hour."""

import re

from bench.care import objects, pages


def test_every_page_of_the_wing_is_measured_and_nothing_else_is_listed() -> None:
    known = pages.addresses()
    assert len(known) > 100
    for address in known:
        objects.query_of(address)  # raises where nobody fills a parameter
    names = {name for address in known for name in re.findall(r"\{(\w+)\}", address)}
    used = {key for key in objects.OBJECTS if key in names or any(address.startswith(key) for address in known)}
    assert set(objects.OBJECTS) == used
    assert set(objects.WAYS) <= set(known)
