"""Measure every page of the wing, and those beside it that show what the wing keeps, as each role that uses it.

The list is the console's own: each address of a folder of the wing that answers to GET, and :data:`BESIDE`. A parameter
of an address is filled with what the role sees (:mod:`bench.care.objects`), some different ones in turn. A new address
whose parameters nobody fills ends the measurement with a word.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from starlette.routing import Route

from bench.care.certain import bound
from console.app import ROUTERS

if TYPE_CHECKING:
    from bench.care.objects import Objects
    from bench.console_district import Desk

FOLDERS = frozenset({
    "assessment", "beds", "care", "library", "meals", "privacy", "provider", "quality", "registers", "reporting",
    "services", "timebank", "workforce",
})  # fmt: skip
BESIDE = (
    "/", "/residents", "/residents/{code}", "/residents/{code}/now", "/station", "/protection", "/decisions", "/mine",
    "/audit", "/family", "/family/now", "/family/{code}/consents", "/family/{code}/consents/withdraw",
    "/home/{token}", "/home/{token}/services", "/home/{token}/consents",
    "/neighbour/{token}", "/neighbour/{token}/statement",
)  # fmt: skip
"""Pages outside the wing: lists that its cards and counts stand on, the family's, the panel's and volunteers' own."""
LINK = "link"
"""The role of whoever comes by a signed link: no account."""
ROLES = (
    "admin", "lead", "dispatcher", "manager-haishan", "station-haishan", "carer", "provider", "canteen", "family-0001",
    "auditor", LINK,
)  # fmt: skip
"""By login, of the whole district and of a street. Roles of the whole district are asked what none before them may."""
DISTRICT = frozenset({"lead", "dispatcher", "auditor"})
LIMIT_MS = 200.0
FILE_LIMIT_MS = 1000.0
FILES = frozenset({"/care/settlements/{number}/csv"})
"""Addresses that give no page but a file of all lines of a month, some ten thousand, part by part as they are read."""
FEWEST, TIMES = 6, 24


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page as one role uses it: ms of its answers, ms that the processor worked for one, bytes of the largest.

    ``first``: ms of the first answer after the console's start, which does not count among ``times``: templates are
    compiled for it, and nothing is remembered yet. For a role after others, parts of both are known.
    """

    address: str
    login: str
    first: float
    times: list[float]
    processor: float
    size: int


def limit_ms(address: str) -> float:
    """Within which 95 of 100 answers are to be there, as a whole."""
    return FILE_LIMIT_MS if address in FILES else LIMIT_MS


def addresses() -> list[str]:
    """The addresses of the wing's pages, as the console has them, and those beside it."""
    known = {
        (route.endpoint.__module__, route.path)
        for router in ROUTERS for route in router.routes
        if isinstance(route, Route) and "GET" in (route.methods or ())
    }  # fmt: skip
    wing = {path for module, path in known if module.startswith("console.pages.") and module.split(".")[2] in FOLDERS}
    unknown = set(BESIDE) - {path for _, path in known}
    if unknown:
        raise LookupError(f"the console has no such page: {', '.join(sorted(unknown))}")
    return sorted(wing | set(BESIDE))


def measure(
    desk: "Desk", address: str, login: str, paths: Sequence[str], spent: Callable[[], float]
) -> Page | None:  # fmt: skip
    """The times of a page; None: the role does not use it. ``spent``: the processor's time so far.

    Asked until it is certain that 95 of 100 answers are within the limit (:func:`bench.care.certain.bound`), each
    path at least once, or TIMES times.
    """
    desk.renew()
    good, size, first, before = list(paths), 0, 0.0, 0.0
    times: list[float] = []
    while good and len(times) < TIMES:
        path = good[len(times) % len(good)]
        took, body, status = desk.look(path)
        if status == 504:  # so slow that its times are not worth their while: the figure says so
            times.append(took)
            break
        if status >= 500:
            raise RuntimeError(f"{login}: {path}: {status}")
        if status != 200:
            good.remove(path)
        elif not size:
            first, size, before = took, len(body), spent()
        else:
            times.append(took)
            size = max(size, len(body))
            if len(times) >= max(FEWEST, len(good)) and bound(times) < limit_ms(address):
                break
    if not times:
        return None
    return Page(
        address=address, login=login, first=first, times=times, processor=(spent() - before) / len(times), size=size
    )


def pages(desks: dict[str, "Desk"], objects: "Objects", spent: Callable[[], float]) -> Iterator[Page]:
    """Every page as every role that uses it."""
    for address in addresses():
        seen = False
        for login, desk in desks.items():
            if ("{token}" in address) != (login == LINK) or (login in DISTRICT and seen):
                continue
            found = measure(desk, address, login, objects.paths(address, login), spent)
            if found is not None:
                seen = True
                yield found
