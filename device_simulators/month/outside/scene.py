"""Describe a scene of the outside as data: who plays it where, and the home that it needs."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import msgspec
from numpy.random import Generator

from device_simulators.month.script import Script

Play = Callable[[Script, int, Generator], None]
"""Plays a scene on a day of a home."""
Trait = Literal["", "cat", "zeros", "copd", "courier"]
"""The nature of a home, all month: a cat; a radar that says 0 where nobody is; a resident with COPD and SpO2 scale 2;
deliveries at the door."""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """``needs``: equipment (:class:`device_simulators.month.people.Equipment`) and extra devices (:data:`EXTRA`).
    ``couple``: the home of two. ``spoilt_by``: traits with which it would not be what it says. ``habits``: of
    :class:`device_simulators.month.people.Habits`. ``body``: likewise. ``early``: it comes in the first days, before
    anything is learned. ``first``: nothing unusual was learned before it.
    """

    play: Play
    needs: tuple[str, ...] = ()
    couple: bool = False
    trait: Trait = ""
    spoilt_by: frozenset[str] = frozenset()
    habits: Mapping[str, float] = MappingProxyType({})
    body: Mapping[str, float] = MappingProxyType({})
    early: bool = False
    first: bool = False


STILL = frozenset({"cat"})
"""Traits that spoil a scene in which nothing moves."""
OXYGEN = frozenset({"copd"})
"""Traits that spoil a scene whose oxygen is judged by the usual scale."""
