"""The bench of care and services asks every page of the wing: one that nobody fills is told here, not after an hour."""

import re

from bench.care import pages


def test_every_page_of_the_wing_is_measured_and_nothing_else_is_listed() -> None:
    known = pages.addresses()
    assert {address: pages.query_of(address) for address in known}
    assert set(pages.WAYS) <= set(known)
    names = {name for address in known for name in re.findall(r"\{(\w+)\}", address)}
    unused = {key for key in pages.OBJECTS if not key.startswith("/") and key not in names}
    assert not unused | {key for key in pages.OBJECTS if key.startswith("/") and not any(map(key.__eq__, known)) and
                         not any(address.startswith(key) for address in known)}  # fmt: skip
