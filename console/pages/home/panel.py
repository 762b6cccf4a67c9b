"""The page for a tablet or television in a home: the time, who comes today, and the call for help. No login.

A press goes the road of every SOS: by MQTT to detection, in the name of the home's panel. It needs no database.
"""

import datetime as dt
import time
import uuid
from collections import OrderedDict
from typing import Any

import psycopg
from fastapi import Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from care_network.catalogues.services import SERVICES
from care_services.one_tap import home_meals
from care_services.one_tap import panel as needs
from care_services.one_tap.needs import BY_CODE
from care_services.time_bank.running import at_home
from console.shell.errors import message_of
from console.shell.i18n import pick
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of, page
from dispatch.alerts import lifecycle
from dispatch.core.links import LinkError, load_link_keys
from dispatch.family import panels
from dispatch.family.panels import Help, Panel
from firmware_profiles import wire
from vocabulary.times import SHANGHAI

router = page_router()
OLDEST_US, NEWEST_US = 600_000_000, 5_000_000
"""How old or new the moment of a press may be by the tablet's clock; otherwise it is now."""
PRESSES = 10_000
CANCEL_WITHIN = dt.timedelta(seconds=20)
"""Ten seconds on the screen, and the time of the way."""
_WEEKDAYS = (
    ("星期一", "Monday"), ("星期二", "Tuesday"), ("星期三", "Wednesday"), ("星期四", "Thursday"), ("星期五", "Friday"),
    ("星期六", "Saturday"), ("星期日", "Sunday"),
)  # fmt: skip


class Press(BaseModel):
    """A press. The same ``id`` is the same press, however often it is sent."""

    id: uuid.UUID
    at_ms: int
    """Of its first sending, by the server's clock as far as the tablet knows it; ms since 1970."""


class Presses:
    """The moments of presses by their ids, so that a repetition is dated like the first: the same alert."""

    def __init__(self) -> None:
        self._at_us: OrderedDict[uuid.UUID, int] = OrderedDict()

    def moment_us(self, press: Press, now_us: int) -> int:
        """The moment of a press, µs since 1970."""
        if press.id not in self._at_us:
            at_us = press.at_ms * 1000
            self._at_us[press.id] = at_us if now_us - OLDEST_US <= at_us <= now_us + NEWEST_US else now_us
            while len(self._at_us) > PRESSES:
                self._at_us.popitem(last=False)
        return self._at_us[press.id]


_presses = Presses()


@router.get("/home/{token}")
def panel_page(request: Request, console: Shared, token: str) -> Response:
    """The page. While the database is away it comes without names and numbers: it calls for help all the same."""
    now = dt.datetime.now(dt.UTC)
    face, state, wishes = panels.NO_FACE, dict[str, Any](help=None, visits=[]), dict[str, Any]()
    try:
        panel = panels.read(load_link_keys(console.settings.link_key_file), token, now)
        if console.feed.database_up:  # one that stands still would hold the page up
            with console.links_database() as conn:
                panels.check(conn, panel, now)
                face, state = panels.face(conn, panel.household_id), state_of(conn, request, panel, now)
                wishes = {"people": needs.people(conn, panel.household_id), **_needs(conn, panel.household_id),
                          "helped": bool(at_home.waiting(conn, panel.household_id))}  # fmt: skip
    except LinkError as error:
        return page(request, "panel_ended.html", status=410, message=message_of(request, error))
    except psycopg.OperationalError:
        pass  # it asks for them again and again
    local = now.astimezone(SHANGHAI)
    return page(
        request,
        "panel.html",
        face=face,
        bare=face is panels.NO_FACE,
        token=token,
        state=state,
        **{"needs": [], "people": [], "cook": False, "helped": False, **wishes},
        today=local,
        weekday=_WEEKDAYS[local.weekday()],
    )


def _needs(conn: psycopg.Connection[Any], household_id: int) -> dict[str, Any]:
    """The buttons of needs; a meal is one of them where a canteen brings it, though nobody cooks at home."""
    found = needs.buttons(conn)
    cook = BY_CODE["meal"] in found
    if not cook and home_meals.brings(conn, household_id):
        found = [BY_CODE["meal"], *found]
    return {"needs": found, "cook": cook}


@router.get("/home/{token}/now")
def panel_now(request: Request, console: Shared, token: str) -> Response:
    """The parts that change: help, visits, and whether a press would be heard."""
    now = dt.datetime.now(dt.UTC)
    panel = panels.read(load_link_keys(console.settings.link_key_file), token, now)
    if console.feed.database_up:
        try:
            with console.links_database() as conn:
                panels.check(conn, panel, now)
                state = state_of(conn, request, panel, now)
            return _answer(console, state, now)
        except psycopg.OperationalError:
            pass  # from memory
    return _answer(console, {"help": _help_of_board(request, console, panel), "visits": None}, now)


def _answer(console: Console, state: dict[str, Any], now: dt.datetime) -> Response:
    """The state with the server's clock, by which the panel shows the time and dates its presses."""
    return JSONResponse({**state, "hears": console.feed.broker_up, "now_ms": round(now.timestamp() * 1000)})


@router.post("/home/{token}/press")
def press(console: Shared, token: str, pressed: Press) -> Response:
    """Call for help. 202: the broker has it; 503: it has not, and the page tries again. Raises LinkError."""
    now = dt.datetime.now(dt.UTC)
    panel = panels.read(load_link_keys(console.settings.link_key_file), token, now)
    if console.feed.database_up:
        try:
            with console.links_database() as conn:
                panels.check(conn, panel, now)
        except psycopg.OperationalError:
            pass  # a call for help does not wait for the database
    at_us = _presses.moment_us(pressed, time.time_ns() // 1000)
    event = wire.Event(
        wire.VERSION, panel.gateway, at_us, at_us, 1, at_us, wire.PANEL, "sos_pressed", {"press": str(pressed.id)}
    )
    heard = console.feed.press(event)
    return JSONResponse({"sent": heard}, 202 if heard else 503)


@router.post("/home/{token}/cancel")
def cancel(console: Shared, token: str) -> Response:
    """Take the panel's own call back, while nobody has taken it. Raises LinkError."""
    now = dt.datetime.now(dt.UTC)
    panel = panels.read(load_link_keys(console.settings.link_key_file), token, now)
    with console.links_database() as conn:
        panels.check(conn, panel, now)
        found = panels.press_of(conn, panel, now - CANCEL_WITHIN)
        done = found is not None and lifecycle.follow_up(
            conn, found[0], "cancel", now, "老人在平板上按了“我没事”", "the resident pressed “I am fine” on the panel"
        )
    return JSONResponse({"cancelled": done})


def opened(console: Console, conn: psycopg.Connection[Any], token: str, now: dt.datetime) -> Panel:
    """The panel of an address that holds and was not withdrawn. Raises LinkError."""
    panel = panels.read(load_link_keys(console.settings.link_key_file), token, now)
    panels.check(conn, panel, now)
    return panel


def state_of(conn: psycopg.Connection[Any], request: Request, panel: Panel, now: dt.datetime) -> dict[str, Any]:
    """How far help has come, and who comes on the day of ``now`` in Shanghai."""
    language = language_of(request, None)
    midnight = now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    visits = []
    for visit in panels.visits(conn, panel.household_id, midnight, midnight + dt.timedelta(days=1)):
        clock = visit.at.astimezone(SHANGHAI).strftime("%H:%M")
        service = SERVICES.get(visit.service)
        what = pick(language, service.zh, service.en) if service else ""
        who = pick(language, visit.name_zh, visit.name_en)
        if language == "zh":
            visits.append(f"{clock} {who}来{what}" if who else f"{clock} 有人来{what}")
        else:
            visits.append(f"{clock} {who or 'Somebody'} comes: {what}")
    found = panels.help_of(conn, panel.household_id)
    return {"help": _words(request, found), "visits": visits}


def _help_of_board(request: Request, console: Console, panel: Panel) -> dict[str, Any] | None:
    """While the database is away: the state without a name."""
    alerts = console.board.open_alerts(lambda a: a.household_id == panel.household_id and a.severity == "emergency")
    if not alerts:
        return None
    newest = max(alerts, key=lambda alert: alert.onset_us)
    heard_us = max(max(alert.onset_us, alert.word_us or 0) for alert in alerts)
    return _words(request, Help(newest.state, "", "", dt.datetime.fromtimestamp(heard_us / 1e6, dt.UTC)))


def _words(request: Request, found: Help | None) -> dict[str, Any] | None:
    """The state and the sentence of it, to be written and spoken."""
    if found is None:
        return None
    zh, en = found.name_zh or "工作人员", found.name_en or "Somebody"
    words = {
        "raised": ("已收到，正在找人", "Received. We are looking for somebody."),
        "acknowledged": (f"{zh}已经知道了，正在处理", f"{en} knows and is dealing with it."),
        "responding": (f"{zh}正在路上", f"{en} is on the way."),
        "on_scene": (f"{zh}已经到了", f"{en} has arrived."),
    }[found.state]
    heard_ms = round(found.heard_at.timestamp() * 1000)
    return {"state": found.state, "words": pick(language_of(request, None), *words), "heard_ms": heard_ms}
