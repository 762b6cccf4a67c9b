"""Judge the beat: what is broken or not known, how grave that is, and whether a board without alerts is quiet."""

from typing import Literal

import msgspec

from console.board.blindness import Sight
from vocabulary.path_links import LIMIT_S

STUCK_S = 8.0
"""Age of the last look at the database from which it counts as standing still; a look comes every 2 s."""
ALERTING_S = 30.0
"""Without a message handled for so long detection stands still, while homes are heard: each sends several a minute."""
DISPATCH_S = 30.0
"""The dispatch service speaks every 5 s."""
INGEST_S = 60.0
"""Without a message stored for so long the states of homes are old, while homes are heard."""

Level = Literal["cut", "grave", "late"]
"""``cut``: red, with title and tone, where nothing on the screen may be believed; ``grave``: red; ``late``: amber."""
Code = Literal[
    "stuck",
    "database",
    "broker",
    "alerting",
    "undetected",
    "dispatch",
    "uncalled",
    "ingest",
    "path",
    "all_dark",
    "dark",
]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Knowledge of a console at a moment. Ages in seconds; None: never heard of, or not known."""

    looked_s: float
    """Since the last look at the database that succeeded, or since the start."""
    database: bool
    broker: bool
    handled_s: float | None
    dispatch_s: float | None
    stored_s: float | None
    heard: bool
    """Whether any home of the district is online."""
    path_s: float | None = None
    """Since the whole path of an emergency was proved; None: nobody proves it, or nothing is known."""
    path_broken: bool = False
    """Whether its watcher names a broken link."""
    sight: Sight | None
    """Of the homes in the account's area; None: not known, or not for this account."""


class Trouble(msgspec.Struct, frozen=True):
    """One thing that is broken or not known. ``n``: seconds, or homes."""

    code: Code
    level: Level
    n: int = 0


def troubles_of(known: Known) -> list[Trouble]:
    """The troubles of a moment, the gravest first."""
    found = [*_of_database(known), *_of_services(known), *_of_sight(known)]
    if not known.broker:
        found.append(Trouble("broker", "late"))
    return sorted(found, key=lambda trouble: ("cut", "grave", "late").index(trouble.level))


def is_calm(known: Known) -> bool:
    """Whether no open alert means that nothing is known to be wrong: everything is known, and every home is seen."""
    return not troubles_of(known) and known.sight is not None and known.sight.sees_all


def _of_database(known: Known) -> list[Trouble]:
    if not known.database:
        return [Trouble("database", "cut", int(known.looked_s))]
    return [Trouble("stuck", "cut", int(known.looked_s))] if known.looked_s > STUCK_S else []


def _of_services(known: Known) -> list[Trouble]:
    """Troubles of the services that tell by way of the database; while it is silent their ages say nothing of them."""
    if _of_database(known):
        return []
    found = []
    if known.heard and known.handled_s is None:
        found.append(Trouble("undetected", "cut"))
    elif known.heard and known.handled_s is not None and known.handled_s > ALERTING_S:
        found.append(Trouble("alerting", "cut", int(known.handled_s)))
    if known.heard and known.dispatch_s is None:
        found.append(Trouble("uncalled", "late"))
    elif known.dispatch_s is not None and known.dispatch_s > DISPATCH_S:
        found.append(Trouble("dispatch", "grave", int(known.dispatch_s)))
    if known.heard and known.stored_s is not None and known.stored_s > INGEST_S:
        found.append(Trouble("ingest", "late", int(known.stored_s)))
    if known.path_s is not None and (known.path_broken or known.path_s > LIMIT_S):
        found.append(Trouble("path", "late", int(known.path_s)))
    return found


def _of_sight(known: Known) -> list[Trouble]:
    sight = known.sight
    if sight is None or not sight.blind:
        return []
    return (
        [Trouble("all_dark", "grave", sight.dark)]
        if sight.dark == sight.homes
        else [Trouble("dark", "late", sight.dark)]
    )
