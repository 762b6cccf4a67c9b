"""Judge what a resident is protected against, by plain facts about the home's line and devices. Pure.

Every cell says the best that can be said honestly: *covered* only where a device that serves it was heard lately and
nothing speaks against it; *unknown* where nobody can tell; *blind* where nothing would notice.
"""

from collections.abc import Iterable, Sequence

import msgspec

from care_network.protection.functions import BED, HAZARDS, Function, Level, Serves, serves
from care_network.protection.reasons import OK, Reason
from vocabulary.times import DAY_S, HOUR_S

MISSED_HEARTBEATS = 3
"""So many heartbeats of a device without a message are silence, as in detection."""
GATEWAY_SILENT_S = 180
RECEIVING_S = 90
"""While no home's data are stored for longer than this, the platform itself hears nothing."""
LOW_BATTERY = 10
WORN_S = 12 * HOUR_S
"""A pendant that has not moved for longer lies somewhere. Our own choice: longer than a night's sleep."""
OUT_S, PASSING_S = 600, 120
"""Somebody who left by the door is out after ten minutes without a sign from inside; motion sensors hold on for two
minutes after the last movement."""
BY_HAND_S = DAY_S
"""A heartbeat of this length or longer is that of a device that people use by hand."""


class Trouble(msgspec.Struct, frozen=True):
    """Something technical that the platform has found about a device and that is open: a code of reasons, since."""

    code: str
    at: int


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device as it is known now; times in seconds since 1970, 0: never."""

    model: str
    room: str = ""
    wearer: int | None = None
    """Id of the resident who wears it; None: it serves everybody in the home."""
    gateway: int
    heard: int = 0
    """The last message of its own."""
    unreachable: int = 0
    """Since when its driver has had no contact; 0: it has."""
    battery: int | None = None
    moved: int = 0
    """The last movement of its wearer, or the last sign from inside by a sensor of a room."""
    door: int = 0
    """The door was last opened or closed."""
    trouble: Trouble | None = None
    paused: int = 0
    """Until when it is worked on."""


class Gateway(msgspec.Struct, frozen=True):
    """A home's line. ``contact``: the last time the platform stored something of it; 0: never."""

    contact: int
    offline: int = 0
    """Since when the broker has called it offline; 0: it does not."""


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a home that the picture depends on."""

    gateways: dict[int, Gateway]
    devices: Sequence[Device]
    residents: Sequence[int]
    carer: int | None = None
    """A carer is there, until then; 0: until they leave."""
    paused: int = 0
    """Until when the home is worked on."""


class Cell(msgspec.Struct, frozen=True):
    level: Level
    reason: Reason = OK


Cells = dict[Function, Cell]


def judge(home: Home, resident: int, receiving: int, now: int, detecting: int | None = None) -> Cells:
    """The seven cells of a resident. ``receiving``: when the platform last stored anything of any home; ``detecting``:
    when detection last handled anything of one, None where it has never told."""
    cells = _judge(home, resident, receiving, now)
    return cells if detecting is None or now - detecting < RECEIVING_S else unwatched(cells, detecting)


def _judge(home: Home, resident: int, receiving: int, now: int) -> Cells:
    line = _line(home, receiving, now)
    if line is not None:
        return dict.fromkeys(Function, line)
    mine = [device for device in home.devices if device.wearer in (None, resident)]
    known = [(device, can) for device in mine if (can := serves(device.model, device.room)) is not None]
    states = [(device, can, _state(home, device, can, receiving, now)) for device, can in known]
    cells = {
        Function.FALL: _falls(states, now),
        Function.HELP: _best(state for _, can, state in states if can.calls),
        Function.HAZARD: _hazards(states),
        Function.STILLNESS: _stillness(states),
        Function.LEAVING: _best(state for _, can, state in states if can.door),
        Function.VITALS: _vitals(states, now),
        Function.BREATHING: _best(state for _, can, state in states if can.breath),
    }
    return _at_rest(cells, home, away_since(home, states, now))


def away_since(home: Home, states: Sequence[tuple[Device, Serves, Cell]], now: int) -> int:
    """Since when the only resident has been out, by the door and the sensors inside; 0: at home, or not known."""
    if len(home.residents) != 1:
        return 0
    left = max((device.door for device, can, _ in states if can.door), default=0)
    inside = [(device, state) for device, can, state in states if can.presence]
    sees = any(can.moves and state.level == Level.COVERED for _, can, state in states)
    if not left or not sees or now - left < OUT_S:
        return 0
    return left if max(device.moved for device, _ in inside) <= left + PASSING_S else 0


def unwatched(cells: Cells, since: int) -> Cells:
    """The cells while detection has handled nothing ``since``: what would be noticed is not known."""
    unknown = Cell(Level.UNKNOWN, Reason("undetected", since))
    return {function: cell if cell.level == Level.BLIND else unknown for function, cell in cells.items()}


def _line(home: Home, receiving: int, now: int) -> Cell | None:
    """The reason why nothing at all reaches the platform from this home; None where something does."""
    if not home.gateways:
        return Cell(Level.BLIND, Reason("no_gateway"))
    lines = [_gateway(gateway, receiving, now) for gateway in home.gateways.values()]
    return None if None in lines else min((line for line in lines if line is not None), key=lambda cell: cell.level)


def _gateway(gateway: Gateway, receiving: int, now: int) -> Cell | None:
    if gateway.offline:
        return Cell(Level.BLIND, Reason("offline", gateway.offline))
    if not gateway.contact:
        return Cell(Level.BLIND, Reason("never_online"))
    if now - gateway.contact < GATEWAY_SILENT_S:
        return None
    if now - receiving >= RECEIVING_S:
        return Cell(Level.UNKNOWN, Reason("platform", receiving))
    return Cell(Level.BLIND, Reason("offline", gateway.contact))


def _state(home: Home, device: Device, can: Serves, receiving: int, now: int) -> Cell:
    """How a device is by itself, whatever it serves."""

    def cell(level: Level, code: str, at: int = 0, value: int = 0) -> Cell:
        return Cell(level, Reason(code, at, value, device.model, device.room))

    gateway = home.gateways.get(device.gateway)
    line = Cell(Level.BLIND, Reason("no_gateway")) if gateway is None else _gateway(gateway, receiving, now)
    if line is not None:
        return line
    trouble = device.trouble
    if device.paused > now:
        return cell(Level.BLIND, "paused", device.paused)
    if not device.heard:
        return cell(Level.BLIND, "never")
    if device.unreachable:
        return cell(Level.BLIND, "unreachable", device.unreachable)
    if now - device.heard >= MISSED_HEARTBEATS * can.heartbeat_s:
        return cell(Level.BLIND, "overdue" if can.heartbeat_s >= BY_HAND_S else "silent", device.heard)
    if trouble is not None and trouble.code == "silent" and device.heard <= trouble.at:
        return cell(Level.BLIND, "silent", device.heard)
    if trouble is not None and trouble.code in ("stuck", "fault"):
        return cell(Level.BLIND, trouble.code, trouble.at)
    if device.battery is not None and device.battery <= LOW_BATTERY:
        return cell(Level.WEAK, "battery", value=device.battery)
    if trouble is not None and trouble.code in ("low", "doubt"):
        return cell(Level.WEAK, trouble.code, trouble.at)
    return Cell(Level.COVERED)


def _best(cells: Iterable[Cell]) -> Cell:
    return min(cells, key=lambda cell: cell.level, default=Cell(Level.BLIND, Reason("none")))


_States = Sequence[tuple[Device, Serves, Cell]]


def _falls(states: _States, now: int) -> Cell:
    """By what is worn, while it moves as a worn one does; a radar in a room sees falls in that room alone."""
    worn = []
    for device, can, state in states:
        if can.falls and state.level < Level.UNKNOWN and not now - device.moved < WORN_S:
            worn.append(Cell(Level.UNKNOWN, Reason("worn", device.moved, 0, device.model, device.room)))
        elif can.falls:
            worn.append(state)
    seen = [(device.room, state) for device, can, state in states if can.room_falls]
    rooms = tuple(sorted({room for room, state in seen if state.level == Level.COVERED and room}))
    if rooms:
        worn.append(Cell(Level.WEAK, Reason("rooms", parts=rooms)))
    else:
        worn += [Cell(max(state.level, Level.WEAK), state.reason) for _, state in seen]
    return _best(worn)


def _hazards(states: _States) -> Cell:
    by_kind = {kind: _best(state for _, can, state in states if kind in can.hazards) for kind in HAZARDS}
    missing = tuple(kind for kind, cell in by_kind.items() if cell.reason.code == "none")
    if len(missing) == len(HAZARDS):
        return Cell(Level.BLIND, Reason("none"))
    there = [cell for kind, cell in by_kind.items() if kind not in missing]
    worst = max(there, key=lambda cell: cell.level)
    if all(cell.level == Level.BLIND for cell in there):
        return worst
    if worst.level > Level.COVERED:
        return Cell(Level.WEAK, worst.reason)
    return Cell(Level.WEAK, Reason("missing", parts=missing)) if missing else Cell(Level.COVERED)


def _stillness(states: _States) -> Cell:
    """All sensors of a home together see that nothing moves: one that is out makes the picture weak."""
    seen = [(device, can, state) for device, can, state in states if can.presence]
    working = [(device, can) for device, can, state in seen if state.level <= Level.WEAK]
    if not working:
        return _best(state for _, _, state in seen)
    if not any(can.moves for _, can in working):
        return Cell(Level.WEAK, Reason("rooms", parts=tuple(sorted({d.room for d, _ in working if d.room})) or (BED,)))
    worst = max((state for _, _, state in seen), key=lambda cell: cell.level)
    return Cell(Level.WEAK, worst.reason) if worst.level > Level.COVERED else worst


def _vitals(states: _States, now: int) -> Cell:
    """Covered by what measures all the time; what people use by hand is weak, and overdue after its heartbeat."""
    cells = []
    for device, can, state in states:
        if not can.signs:
            continue
        if can.continuous or state.level > Level.WEAK:
            cells.append(state)
        else:
            code = "by_hand" if now - device.heard < can.heartbeat_s else "overdue"
            cells.append(Cell(Level.WEAK, Reason(code, device.heard, 0, device.model, device.room)))
    return _best(cells)


_RESTING = (Function.STILLNESS, Function.LEAVING)
"""Functions of which detection tells nothing while a carer is there or the home is worked on."""
_INSIDE = (Function.FALL, Function.HELP, Function.STILLNESS, Function.VITALS, Function.BREATHING)
"""Functions for which somebody who lives alone has to be at home."""


def _at_rest(cells: Cells, home: Home, away: int) -> Cells:
    """The cells with what holds for the whole home; a cell that is blind keeps its own reason."""

    def lower(functions: Sequence[Function], level: Level, reason: Reason) -> None:
        for function in functions:
            if cells[function].level < level:
                cells[function] = Cell(level, reason)

    if away:
        lower(_INSIDE, Level.BLIND, Reason("away", away))
    if home.carer is not None:
        lower(_RESTING, Level.WEAK, Reason("carer", home.carer))  # nothing is told, and somebody is there
    if home.paused:
        lower(_RESTING, Level.BLIND, Reason("paused", home.paused))
        lower(tuple(Function), Level.WEAK, Reason("paused", home.paused))
    return cells
