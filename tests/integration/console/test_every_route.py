"""Every page and every action, as each role, with a single connection in the pool; and many people at once.

The list of routes is the application's own: a route without an example here fails the test.
"""

import datetime as dt
import io
import random
import re
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import openpyxl
import psycopg
import pytest
from starlette.routing import Route, WebSocketRoute, compile_path
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from alerting.tuning import pauses, sheet
from care_network.access import machine_tokens, second_factor, sessions, webhooks
from care_network.access.machine_tokens import NewToken
from care_network.access.permissions import DISPATCHERS, PERMISSIONS, Action, Role
from care_network.errors import NotPermittedError, ProvisioningError
from care_network.identity import keys as identity_keys
from care_network.medical import notes
from care_network.medical.keyring import create_key_file
from care_network.records.history import changes
from care_network.records.kinds import KINDS
from care_network.records.network import Network
from care_network.rosters.desk import Rosters
from console.access.alerts import STEPS
from console.app import ROUTERS, create_app
from console.pages.rosters.reading import wanted_of
from console.settings import ConsoleSettings
from console.shell.security import COOKIE
from database.rights import checkpoints
from database.settings import DatabaseSettings
from database.upkeep import requests as upkeep_requests
from dispatch.alerts import lifecycle, snoozing
from dispatch.channels.adapters.webpush import create_key
from dispatch.channels.render import ACKNOWLEDGE, RECEIPT
from dispatch.channels.wording.alert_words import Content, MessageItem
from dispatch.core.history import Actor
from dispatch.core.links import create_link_key_file, load_link_keys
from dispatch.desk import handover, merging
from dispatch.family import panels
from dispatch.ladders import desk, drafts
from dispatch.ladders import store as policies
from dispatch.orders import assigning, messages, photos, store
from dispatch.orders.people import Crews
from dispatch.orders.states import BY_PERSON
from dispatch.orders.store import Order
from figures.core import months
from firmware_profiles.link.mqtt import Broker
from tests.integration.dispatch.orders.test_work_orders import picture
from tests.support.brokers import TestBroker
from tests.support.care_routes import gathered
from tests.support.console import SOCKET, ConsoleRoute, broker_away, routes_of, serving
from tests.support.databases import logins_of_console, of_service, url_of
from tests.support.network import account
from tests.support.orders import ZHOU, raise_alert, roster_all_day, staff_city
from tests.support.providers import add_provider
from tests.support.release import LONG_RUN
from tests.support.route_example import Example as Example

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PASSWORD = "three words together"
LOGINS = {
    Role.ADMIN: "admin",
    Role.DISPATCHER: "dispatcher",
    Role.STATION: "station",
    Role.CARER: "carer",
    Role.FAMILY: "daughter",
    Role.LEAD: "lead",
    Role.MANAGER: "manager",
    Role.AUDITOR: "auditor",
    Role.PROVIDER: "provider",
}
"""Of the roles that log in: the panel at home has a link, another system a token."""
FLOOR = "inactivity.floor"
KEYS = {"p256dh": "B" * 87, "auth": "a" * 22}


ITEM = MessageItem(
    alert_id="", severity="emergency", rule="fall", reason_zh="确认跌倒", reason_en="fall", resident_zh="陈",
    resident_en="Chen", sex="male", household="H1", address_zh="路1号", address_en="1 Road", phone="",
    onset=dt.datetime.now(dt.UTC),
)  # fmt: skip
CONTENT = Content(
    reason="escalation", severity="emergency", step=1, count=1, homes=1, place_zh="海山", place_en="Haishan",
    items=(ITEM,),
)  # fmt: skip


class City:
    """A database with people, links and files for the examples; each example brings what it needs."""

    def __init__(self, conn: psycopg.Connection, folder: Path) -> None:
        self.conn, self.crews, self.contacts = conn, Crews(), 10
        staff_city(conn)
        roster_all_day(conn, "S1")
        conn.execute(
            "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order,"
            " consent_at)"
            " SELECT id, '139', '女儿', 'Daughter', '女儿', 'daughter', 1, now() FROM resident WHERE code = 'R1'"
        )
        conn.execute(
            "INSERT INTO family_member SELECT a.id, r.id, '女儿', 'daughter', now() FROM account a, resident r"
            " WHERE a.login = 'daughter' AND r.code = 'R1'"
        )
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
            " SELECT 'night', password_hash, '夜', 'Night', role, area_path, language FROM account"
            " WHERE login = 'dispatcher'"
        )
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
            " SELECT new.role, password_hash, '某', 'Somebody', new.role, area_path, language"
            " FROM account, (VALUES ('lead'), ('manager'), ('auditor')) AS new (role) WHERE login = 'dispatcher'"
        )
        add_provider(conn)
        create_link_key_file(folder / "link.keys")
        self.keys = load_link_keys(folder / "link.keys")
        notes.add_note(conn, create_key_file(folder / "medical.keys"), "R1", notes.MedicalNote(other="无"), now())
        identity_keys.create(folder / "identity.keys")
        checkpoints.make_key(folder / "report.key")
        create_key(folder / "push.pem")
        options = f'{{ private_key_file = "{folder / "push.pem"}", contact = "mailto:a@b.c" }}'
        (folder / "channels.toml").write_text(
            f'[channels.webpush]\nadapter = "webpush"\noptions = {options}\n\n[channels.sms]\nadapter = "outbox"\n'
        )
        self.settings = ConsoleSettings(
            link_key_file=folder / "link.keys", medical_key_file=folder / "medical.keys",
            identity_key_file=folder / "identity.keys", report_key_file=folder / "report.key",
            channels_file=folder / "channels.toml", **logins_of_console(url_of(conn)),
        )  # fmt: skip

    def panel(self) -> str:
        """The path of the page of R1's panel, made anew."""
        return panels.make(self.conn, self.keys, account(self.conn, "admin"), "gw-1", now(), "test")

    def session(self, login: str) -> str:
        return sessions.open_session(self.conn, account(self.conn, login), "127.0.0.1", now())

    def alert(self) -> uuid.UUID:
        """A new alert of R1."""
        self.conn.execute(
            "UPDATE work_order SET state = 'cancelled', next_at = NULL WHERE state NOT IN ('done', 'cancelled')"
        )
        return raise_alert(self.conn, now())

    def order(self, role: Role = Role.DISPATCHER) -> Order:
        """A new order of somebody with the role's account."""
        self.conn.execute("UPDATE staff SET account_id = NULL")
        self.conn.execute(
            "UPDATE staff SET account_id = (SELECT id FROM account WHERE login = %s) WHERE code = 'S11'",
            (LOGINS[role],),
        )
        return assigning.dispatch_alert(self.conn, self.crews, self.alert(), ZHOU, now(), staff_code="S11")

    def done(self) -> Order:
        order = self.order()
        for step in ("accept", "arrive", "finish"):
            assigning.act_as_person(self.conn, self.crews, order.id, step, order.staff_id or 0, ZHOU, now())  # type: ignore[arg-type]
        return store.load(self.conn, order.id)

    def offered(self, login: str) -> int:
        """A hand-over of one alert that waits, by ``login``; what the other examples left open is over."""
        self.nothing_offered()
        self.conn.execute(
            "UPDATE alert SET state = 'resolved', outcome = 'helped', closed_at = now()"
            " WHERE state NOT IN ('resolved', 'cancelled', 'cleared')"
        )
        self.alert()
        return handover.offer(self.conn, "sz.yt", account(self.conn, login), now(), "test").id

    def nothing_offered(self) -> None:
        self.conn.execute("UPDATE handover SET withdrawn_at = now() WHERE accepted_at IS NULL")

    def message(self, kind: str = "staff", key: str = "S1") -> int:
        """The number of a new message to S1, or somebody else."""
        alert = self.alert()
        row = self.conn.execute(
            """
            INSERT INTO message (key, recipient_kind, recipient_key, severity, reason, name_zh, name_en, language,
                                 route, addresses, channel, content, created_at, due_at)
            VALUES (gen_random_uuid(), %s, %s, 'emergency', 'escalation', '许晴', 'Xu Qing', 'zh', '{sms}',
                    '{}', 'sms', %s, now(), now()) RETURNING id
            """,
            (kind, key, msgspec.json.encode(CONTENT).decode()),
        ).fetchone()
        assert row is not None
        self.conn.execute(
            "INSERT INTO notification (alert_id, reason, step, round, recipient_kind, recipient_key, at, due_at,"
            " message_id) VALUES (%s, 'escalation', 1, 0, %s, %s, now(), now(), %s)",
            (alert, kind, key, row[0]),
        )
        return int(row[0])

    def answer(self) -> str:
        """The path of the link in a new message to S1."""
        return "/a/" + self.keys.sign(ACKNOWLEDGE, str(self.message()), "staff:S1", now() + dt.timedelta(hours=1))

    def seen(self, scope: str, key: str) -> int:
        return sheet.load_sheet(self.conn, account(self.conn, "admin"), scope, key, now(), "test").seen

    def phone(self, order: Order) -> str:
        return messages.page_path(self.keys, order.id, "S11", now())


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def ready_for(city: City, step: str, role: Role) -> tuple[uuid.UUID, dict[str, Any]]:
    """An alert on which the role can take the step, and what the step needs besides."""
    if step == "wake":
        silent = raise_alert(city.conn, now(), "technical", "device_silent")
        snoozing.snooze(city.conn, silent, "8h", ZHOU, now(), expected_version=1)
        return silent, {}
    if step == "snooze":
        return raise_alert(city.conn, now(), "technical", "device_silent"), {"span": "8h"}
    alert = city.alert()
    if step == "step":
        return alert, {"number": 1}
    if step in ("merge", "unmerge"):
        other = raise_alert(city.conn, now(), "urgent", "bed_exit")
        if step == "merge":
            return alert, {"other": str(other)}
        merging.merge(city.conn, alert, other, ZHOU, now(), expected_version=1)
        return other, {}
    someone = account(city.conn, LOGINS[role])
    actor = Actor(someone.id, someone.name_zh)
    if step in ("reopen", "undo"):
        lifecycle.act(city.conn, alert, "resolve", actor, now(), expected_version=1, outcome="helped")
    elif step == "own":
        lifecycle.act(city.conn, alert, "acknowledge", ZHOU, now(), expected_version=1)
    return alert, {}


def acted(step: str, *, api: bool) -> Callable[[City, Role], Example]:
    def example(city: City, role: Role) -> Example:
        alert, more = ready_for(city, step, role)
        row = city.conn.execute("SELECT version FROM alert WHERE id = %s", (alert,)).fetchone()
        assert row is not None
        body = {"version": row[0], "outcome": "helped" if step == "resolve" else "", "note": "写", **more}
        path = f"/alerts/{alert}/{step}"
        return Example(f"/api{path}", json=body) if api else Example(path, data=body, success=303)

    return example


def support(city: City, role: Role) -> Example:
    city.alert()
    city.conn.execute("DELETE FROM desk_support")
    city.conn.execute("UPDATE staff SET account_id = (SELECT id FROM account WHERE login = 'night') WHERE code = 'S13'")
    return Example("/queue/support", data={}, success=303)


def call(city: City, _role: Role) -> Example:
    at = now().isoformat()
    body = {"kind": "resident", "key": "R1", "started_at": at, "ended_at": at, "result": "no_answer"}
    return Example(f"/api/alerts/{city.alert()}/calls", json=body)


def photo(city: City, _role: Role) -> Example:
    order = city.order()
    number = photos.add(city.conn, order.id, order.staff_id, photos.read_photo(picture()), now())
    return Example(f"/orders/{order.id}/photos/{number}")


def step_of_order(step: str) -> Callable[[City, Role], Example]:
    """Accepted, passed on, declined or cancelled while it is offered; the later steps are refused by its state."""

    def example(city: City, _role: Role) -> Example:
        order = city.order()
        success = 409 if step in ("depart", "arrive", "finish") else 303
        return Example(f"/orders/{order.id}/{step}", data={"version": order.version}, success=success)

    return example


def accepted_handover(prefix: str, success: int) -> Callable[[City, Role], Example]:
    return lambda city, _: Example(f"{prefix}/handovers/{city.offered('night')}/accept", success=success)


def withdrawn_handover(prefix: str, success: int) -> Callable[[City, Role], Example]:
    def example(city: City, role: Role) -> Example:
        by = LOGINS[role] if role in DISPATCHERS else "dispatcher"
        return Example(f"{prefix}/handovers/{city.offered(by)}/withdraw", success=success)

    return example


def offered_on_page(city: City, _role: Role) -> Example:
    city.nothing_offered()
    return Example("/handovers", data={"note": "夜里请留意"}, success=303)


def offered_in_api(city: City, _role: Role) -> Example:
    city.nothing_offered()
    return Example("/api/handovers", json={"note": "夜里请留意"})


def parameter(path: str, scope: str, key: str) -> Callable[[City, Role], Example]:
    def example(city: City, _role: Role) -> Example:
        form = {"name": FLOOR, "value": "", "reason": "试", "seen": city.seen(scope, key)}
        return Example(path, data=form, success=303)

    return example


def begun_pause(_city: City, _role: Role) -> Example:
    return Example("/pauses/H1", data={"kind": "maintenance", "hours": "1", "reason": "换电池"}, success=303)


def ended_pause(city: City, _role: Role) -> Example:
    hour = dt.timedelta(hours=1)
    number = pauses.begin(city.conn, account(city.conn, "carer"), "H1", "maintenance", hour, "试", now(), "test")
    return Example(f"/pauses/H1/{number}/end", success=303)


def leave_of(_city: City, _role: Role) -> dict[str, str]:
    """A leave of S11 at a time of its own."""
    start = now() + dt.timedelta(days=1, microseconds=random.randrange(10**9))
    return {"do": "except", "staff": "S11", "starts_at": start.isoformat(),
            "ends_at": (start + dt.timedelta(hours=1)).isoformat(), "reason": "病假"}  # fmt: skip


def undone(city: City, role: Role) -> Example:
    rosters = Rosters(city.conn, account(city.conn, LOGINS[role]), at=now(), origin="test")
    try:
        number = rosters.apply("center-1", wanted_of(leave_of(city, role)))
    except NotPermittedError:
        number = 0
    return Example(f"/rosters/center-1/undo/{number}", data={}, success=303)


def shifted(city: City, _role: Role) -> Example:
    data = {"code": f"x{random.randrange(10**9)}", "name_zh": "试", "starts": "08:00", "ends": "09:00"}
    return Example("/rosters/center-1/shifts", data=data, success=303)


def taken_back(city: City, role: Role) -> Example:
    """A home's parameter that the role's account has just set."""
    who, value = account(city.conn, LOGINS[role]), float(random.randrange(50, 400))
    with suppress(ProvisioningError):
        sheet.change(city.conn, who, "home", "H1", FLOOR, value, "试", now(), "test")
    row = city.conn.execute("SELECT max(id) FROM parameter_change WHERE scope = 'home'").fetchone()
    return Example(
        "/parameters/undo", data={"scope": "home", "key": "H1", "number": (row and row[0]) or 0}, success=303
    )


def previewed(_city: City, _role: Role) -> Example:
    data = {"scope": "home", "key": "H1", "name": FLOOR, "value": "9999"}
    return Example("/parameters/preview", data=data, success=422)


def policy_draft(city: City, role: Role) -> int:
    """The version of a draft of the policy for urgent alerts."""
    who, fields = account(city.conn, LOGINS[role]), drafts.raw_of(policies.defaults()[1])
    kept = desk.drafts(city.conn).get("urgent")
    try:
        return desk.save_draft(city.conn, who, "urgent", fields, now(), kept.version if kept else 0)
    except NotPermittedError:
        return 0


def put(city: City, role: Role) -> Example:
    return Example("/policies/urgent/apply", data={"act": "put", "seen": policy_draft(city, role)}, success=303)


def policy_step(city: City, role: Role) -> Example:
    data = {"act": "add_step", "seen": policy_draft(city, role), "steps.0.after_s": "0"}
    return Example("/policies/urgent", data=data, success=303)


def tried(city: City, role: Role) -> Example:
    policy_draft(city, role)
    alert = raise_alert(city.conn, now(), "urgent", "smoke")
    return Example(f"/policies/urgent/dry-run/{alert}")


def family(_city: City, role: Role) -> Example:
    return Example("/family", success=200 if role == Role.FAMILY else 303)


def left(city: City, _role: Role) -> Example:
    """Another account of the family leaves; the daughter has to stay for the examples that follow."""
    city.conn.execute(
        "INSERT INTO family_member SELECT a.id, r.id, '女儿', 'daughter', now() FROM account a, resident r"
        " WHERE a.login = 'daughter' AND r.code = 'R2' ON CONFLICT DO NOTHING"
    )
    return Example("/family/R2/leave", success=303)


def silenced(city: City, _role: Role) -> Example:
    """A telephone of the daughter's is called, and then no more; the other one rates visits."""
    city.conn.execute(
        "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order,"
        " consent_at, account_id) SELECT r.id, '140', '女儿', 'Daughter', '女儿', 'daughter', 2, now(), a.id"
        " FROM resident r, account a WHERE r.code = 'R1' AND a.login = 'daughter'"
        " ON CONFLICT (resident_id, phone) DO UPDATE SET consent_at = now()"
    )
    return Example("/family/R1/stop-calls", success=303)


def board(_city: City, role: Role) -> Example:
    return Example("/", success=303 if role == Role.FAMILY else 200)


def receipt(city: City, _role: Role) -> Example:
    token = city.keys.sign(RECEIPT, str(city.message()), str(uuid.uuid4()), now() + dt.timedelta(hours=1))
    return Example(f"/receipts/{token}", json={"status": "delivered"})


def pressed(city: City, _role: Role) -> Example:
    order = city.order()
    return Example(city.phone(order), data={"key": str(uuid.uuid4()), "action": "accept"}, success=303)


def my_place(city: City, role: Role) -> Example:
    city.order(role)
    return Example("/mine/place", data={"longitude": "114.24", "latitude": "22.56", "accuracy_m": "20"}, success=303)


def told_by_family(city: City, _role: Role) -> Example:
    number = city.message("contact", "R1/139")
    link = city.keys.sign(ACKNOWLEDGE, str(number), "contact:R1", now() + dt.timedelta(hours=1))
    return Example(f"/a/{link}/step", data={"key": str(uuid.uuid4()), "action": "coming"}, success=303)


def place(city: City, _role: Role) -> Example:
    data = {"longitude": "114.24", "latitude": "22.56", "accuracy_m": "20"}
    return Example(f"{city.phone(city.order(Role.CARER))}/place", data=data, success=303)


def rating(city: City) -> str:
    return messages.rating_path(city.keys, city.done().id, "R1", now())


def contact_version(city: City) -> int:
    """The version of R1's contact, whom every role that changes records may change."""
    row = city.conn.execute("SELECT version FROM contact WHERE phone = '139'").fetchone()
    assert row is not None
    return int(row[0])


def new_contact(city: City, _role: Role) -> Example:
    city.contacts += 1
    relative = {"name_zh": "邻", "name_en": "N", "relation_zh": "邻居", "relation_en": "neighbour"}
    data = {"resident": "R1", "phone": f"0755-{city.contacts:04}", "call_order": str(city.contacts), **relative}
    return Example("/records/contact/new", data=data, success=303)


def removed_contact(city: City, _role: Role) -> Example:
    city.contacts += 1
    phone = f"0755-{city.contacts:04}"
    city.conn.execute(
        "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order)"
        " SELECT id, %s, '邻', 'N', '邻居', 'neighbour', %s FROM resident WHERE code = 'R1'",
        (phone, city.contacts),
    )
    return Example(f"/records/contact/at/R1~{phone}/remove", data={"version": 1}, success=303)


def undone_change(city: City, role: Role) -> Example:
    who = account(city.conn, LOGINS[role])
    number = 0
    if Action.EDIT_CONTACTS in PERMISSIONS[role]:
        changed = {"name_zh": f"女儿{contact_version(city)}"}
        Network(city.conn, who, at=now()).change("contact", ("R1", "139"), contact_version(city), changed)
        number = changes.of_record(city.conn, KINDS["contact"], ("R1", "139"))[0].id
    return Example("/records/contact/at/R1~139/undo", data={"change": number}, success=303)


def spare(c: City) -> str:
    """A new device of R1's gateway."""
    name = f"spare-{uuid.uuid4().hex[:8]}"
    c.conn.execute(
        "INSERT INTO device (gateway_id, name, model)"
        " SELECT id, %s, 'shouwang-pendant' FROM gateway WHERE name = 'gw-1'",
        (name,),
    )
    return name


def heard(c: City, gateway: str = "gw-1") -> str:
    """A device of R1's gateway, or a gateway, that asks to be paired."""
    name = f"new-{uuid.uuid4().hex[:8]}"
    pair = (gateway, name) if gateway else (name, "")
    c.conn.execute("INSERT INTO pairing (gateway, device) VALUES (%s, %s)", pair)
    return name


def request_of(c: City, kind: str, subject: str = "gw-1") -> int:
    """A request to a machine that waits."""
    detail = {"after": {"raw_days": 40, "minute_days": 730, "hour_days": 3650}}
    return upkeep_requests.put(c.conn, kind, subject, "admin", detail, wait=dt.timedelta(hours=1))  # type: ignore[arg-type]


def refused_message(c: City, gateway: str = "gw-1") -> int:
    """A message of R1's gateway in the quarantine."""
    row = c.conn.execute(
        "INSERT INTO quarantine (topic, gateway, code, reason, size, sha256, payload)"
        " VALUES ('x', %s, 'undecodable', 'x', 1, gen_random_uuid()::text::bytea, 'x') RETURNING id",
        (gateway,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def a_gap(c: City) -> int:
    """Missing numbers of R1's gateway."""
    row = c.conn.execute(
        "INSERT INTO stream_gap (gateway_id, epoch, stream, numbers)"
        " SELECT id, 1, 'live', '[5,9)' FROM gateway WHERE name = 'gw-1' RETURNING id"
    ).fetchone()
    assert row is not None
    return int(row[0])


def own_request(c: City, role: Role, kind: str, subject: str) -> int:
    """A request of whoever asks now, that waits."""
    return upkeep_requests.put(c.conn, kind, subject, LOGINS[role], wait=dt.timedelta(hours=1))  # type: ignore[arg-type]


def of_gear(step: str, **fields: Any) -> Callable[[City, Role], Example]:
    """A change of a device of R1's gateway."""
    return lambda c, _: Example(
        f"/devices/gw-1/{step}",
        data={key: value(c) if callable(value) else value for key, value in fields.items()}, success=303,
    )  # fmt: skip


GEAR: dict[str, Callable[[City, Role], Example]] = {
    "GET /devices": lambda *_: Example("/devices?q=gw&only=never"),
    "POST /devices/register": lambda c, _: Example(
        "/devices/register", data={"gateway": heard(c, ""), "household": "H1"}, success=303
    ),
    "POST /devices/refuse": lambda c, _: Example("/devices/refuse", data={"gateway": heard(c, "")}, success=303),
    "POST /devices/unrefuse": lambda c, _: Example("/devices/unrefuse", data={"gateway": heard(c, "")}, success=303),
    "GET /devices/{gateway}": lambda *_: Example("/devices/gw-1"),
    "GET /devices/{gateway}/retire": lambda c, _: Example(f"/devices/gw-1/retire?device={spare(c)}"),
    "GET /devices/{gateway}/replace": lambda c, _: Example(f"/devices/gw-1/replace?device={spare(c)}"),
    "POST /devices/{gateway}/retire": of_gear("retire", device=spare, version=1, reason="坏了"),
    "POST /devices/{gateway}/replace": of_gear(
        "replace", device=spare, version=1, new=heard, model="shouwang-pendant"
    ),
    "POST /devices/{gateway}/bring-back": of_gear("bring-back", device=spare),
    "POST /devices/{gateway}/pair": of_gear("pair", device=heard, model="shouwang-pendant", resident="R1"),
    "POST /devices/{gateway}/refuse": of_gear("refuse", device=heard),
    "POST /devices/{gateway}/unrefuse": of_gear("unrefuse", device=heard),
    "POST /devices/{gateway}/enrol": lambda *_: Example("/devices/gw-1/enrol", data={}),
    "POST /devices/{gateway}/self-test": of_gear("self-test"),
    "POST /devices/{gateway}/config": lambda *_: Example("/devices/gw-1/config", data={}, success=422),
    "POST /devices/{gateway}/withdraw": of_gear("withdraw", number=lambda c: request_of(c, "update_config")),
    "GET /quarantine": lambda *_: Example("/quarantine"),
    "GET /quarantine/of/{key}": lambda c, _: Example(f"/quarantine/of/undecodable|gw-1?after={refused_message(c) - 1}"),
    "GET /quarantine/{number}": lambda c, _: Example(f"/quarantine/{refused_message(c)}"),
    "GET /quarantine/{number}/bytes": lambda c, _: Example(f"/quarantine/{refused_message(c)}/bytes"),
    "POST /quarantine/reprocess": lambda c, _: Example(
        "/quarantine/reprocess", data={"number": refused_message(c)}, success=303
    ),
    "POST /quarantine/discard": lambda c, _: Example(
        "/quarantine/discard", data={"number": refused_message(c), "reason": "坏的"}, success=303
    ),
    "POST /quarantine/withdraw": lambda c, role: Example(
        "/quarantine/withdraw", data={"number": own_request(c, role, "discard", "undecodable|gw-1")}, success=303
    ),
    "GET /storage": lambda *_: Example("/storage"),
    "POST /storage/retention": lambda *_: Example(
        "/storage/retention", data={"raw_days": 40, "minute_days": 730, "hour_days": 3650, "seen": "90/730/3650"}
    ),
    "POST /storage/withdraw": lambda c, _: Example(
        "/storage/withdraw", data={"number": request_of(c, "retention", "retention")}, success=303
    ),
    "GET /channels": lambda *_: Example("/channels"),
    "POST /channels/test": lambda c, _: Example(
        "/channels/test",
        data={"channel": "sms", "address": "0755-" + str(uuid.uuid4().int)[:7], "confirmed": "true"},
        success=303,
    ),
    "GET /gaps": lambda *_: Example("/gaps?settled=true"),
    "POST /gaps/ask": lambda c, _: Example("/gaps/ask", data={"number": a_gap(c)}, success=303),
    "POST /gaps/accept": lambda c, _: Example("/gaps/accept", data={"number": a_gap(c), "reason": "没了"}, success=303),
    "POST /gaps/withdraw": lambda c, role: Example(
        "/gaps/withdraw", data={"number": own_request(c, role, "accept_gaps", "gw-1")}, success=303
    ),
}  # fmt: skip
"""Pages of gateways and devices, the intake, channels."""


def offered_app(path: str, code: str = "") -> Callable[[City, Role], Example]:
    """A page of an app that was offered a secret; the code is wrong."""

    def example(city: City, role: Role) -> Example:
        second_factor.offer(city.conn, account(city.conn, LOGINS[role]).id, now())
        return Example(path, data={"code": code}, success=422) if code else Example(path)

    return example


def own_passkey(city: City, role: Role) -> Example:
    row = city.conn.execute(
        "INSERT INTO passkey (account_id, credential, public_key, sign_count, name, created_at)"
        " VALUES (%s, %s, '', 0, 'x', now()) RETURNING id",
        (account(city.conn, LOGINS[role]).id, uuid.uuid4().bytes),
    ).fetchone()
    assert row is not None
    return Example(f"/account/passkeys/{row[0]}/remove", data={"sure": "yes"}, success=303)


def own_session(city: City, role: Role) -> Example:
    city.session(LOGINS[role])
    row = city.conn.execute("SELECT max(number) FROM session").fetchone()
    assert row is not None
    return Example(f"/account/sessions/{row[0]}/end", success=303)


def kept_account(city: City, login: str = "kept") -> None:
    """An account that examples may change: of a carer of Haishan, active."""
    city.conn.execute(
        "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
        " SELECT %s, password_hash, '某', 'Somebody', 'carer', area_path, language FROM account WHERE login = 'carer'"
        " ON CONFLICT (login) DO UPDATE SET active = true, version = 1, role = 'carer'",
        (login,),
    )


def changed_account(city: City, _role: Role) -> Example:
    kept_account(city)
    form = {"version": 1, "name_zh": "新", "name_en": "New", "role": "carer", "area": "sz.yt.hs"}
    return Example("/accounts/of/kept", data=form, success=303)


def kept_page(path: str, data: dict[str, Any] | None = None, success: int = 200) -> Callable[[City, Role], Example]:
    def example(city: City, _role: Role) -> Example:
        kept_account(city)
        return Example(path, data=data, success=success)

    return example


def machine_token(city: City) -> int:
    """A token of another system that an example may revoke."""
    city.conn.execute("UPDATE machine_token SET revoked_at = now() WHERE revoked_at IS NULL")  # 50 are the most
    new = NewToken(
        name="t", login="hospital", scopes=["patient.read"], area="sz.yt", expires_at=now() + dt.timedelta(days=9)
    )
    return machine_tokens.add(city.conn, account(city.conn, "admin"), new, at=now(), origin="test")[0]


def machine_hook(city: City) -> int:
    """A webhook that an example may change."""
    machine_token(city)
    city.conn.execute("UPDATE webhook SET removed_at = now() WHERE removed_at IS NULL")
    admin, url = account(city.conn, "admin"), "https://hook.example.org/"
    return webhooks.add(
        city.conn, admin, "hospital", "h", url, ["alert.raised"], "sz.yt", at=now(), origin="test"
    )[0]  # fmt: skip


def hook_step(step: str, **more: Any) -> Callable[[City, Role], Example]:
    return lambda c, _: Example(f"/machines/hooks/{machine_hook(c)}{step}", **more)


def consent_step(path: str, **form: str) -> Callable[[City, Role], Example]:
    def example(city: City, _role: Role) -> Example:
        machine_token(city)
        return Example(path, data={"system": "hospital", **form}, success=303)

    return example


MACHINES: dict[str, Callable[[City, Role], Example]] = {
    "GET /machines": lambda *_: Example("/machines"),
    "GET /machines/tokens/new": lambda *_: Example("/machines/tokens/new"),
    "POST /machines/tokens": lambda *_: Example("/machines/tokens", data={"name": "x"}, success=422),
    "GET /machines/tokens/{number}/revoke": lambda c, _: Example(f"/machines/tokens/{machine_token(c)}/revoke"),
    "POST /machines/tokens/{number}/revoke": lambda c, _: Example(
        f"/machines/tokens/{machine_token(c)}/revoke", data={}, success=303
    ),
    "GET /machines/consents": lambda *_: Example("/machines/consents?system=hospital"),
    "POST /machines/consents": consent_step("/machines/consents", residents="R1", purpose="care"),
    "POST /machines/consents/withdraw": consent_step("/machines/consents/withdraw", resident="R1", sure="1"),
    "GET /machines/hooks/new": lambda *_: Example("/machines/hooks/new"),
    "POST /machines/hooks": lambda *_: Example("/machines/hooks", data={"name": "x"}, success=422),
    "GET /machines/hooks/{number}": hook_step(""),
    "GET /machines/hooks/{number}/remove": hook_step("/remove"),
    "POST /machines/hooks/{number}/{step}": hook_step("/pause", data={}, success=303),
}

EXAMPLES: dict[str, Callable[[City, Role], Example]] = {
    **GEAR,
    **MACHINES,
    **gathered("EXAMPLES"),
    "GET /api/openapi.json": lambda *_: Example("/api/openapi.json"),
    "GET /": board,
    "GET /records/{kind}": lambda *_: Example("/records/contact"),
    "GET /records/{kind}/below/{place}": lambda *_: Example("/records/area/below/sz.yt.hs"),
    "GET /records/{kind}/suggest": lambda *_: Example("/records/contact/suggest?q=a"),
    "GET /records/{kind}/export": lambda *_: Example("/records/contact/export"),
    "GET /records/{kind}/at/{code}": lambda *_: Example("/records/contact/at/R1~139"),
    "GET /records/{kind}/new": lambda *_: Example("/records/contact/new"),
    "POST /records/{kind}/new": new_contact,
    "GET /records/{kind}/at/{code}/edit": lambda *_: Example("/records/contact/at/R1~139/edit"),
    "POST /records/{kind}/at/{code}/edit": lambda city, _: Example(
        "/records/contact/at/R1~139/edit", data={"version": contact_version(city), "name_zh": "女"}, success=303
    ),
    "GET /records/{kind}/at/{code}/remove": lambda *_: Example("/records/contact/at/R1~139/remove"),
    "POST /records/{kind}/at/{code}/remove": removed_contact,
    "POST /records/{kind}/at/{code}/undo": undone_change,
    "GET /records/contact/at/{code}/consent": lambda *_: Example("/records/contact/at/R1~139/consent"),
    "POST /records/contact/at/{code}/consent": lambda city, _: Example(
        "/records/contact/at/R1~139/consent", data={"version": contact_version(city), "given": "true"}, success=303
    ),
    "GET /imports": lambda *_: Example("/imports"),
    "GET /imports/{sheet}": lambda *_: Example("/imports/contacts"),
    "GET /imports/{sheet}/template": lambda *_: Example("/imports/contacts/template"),
    "POST /imports/{sheet}": lambda *_: Example("/imports/contacts", data={}, success=422),
    "POST /imports/{sheet}/undo": lambda *_: Example("/imports/contacts/undo", data={"change": "1"}, success=404),
    "GET /login": lambda *_: Example("/login", success=303),
    "POST /login": lambda *_: Example("/login", data={"login": "carer", "password": PASSWORD}, success=303),
    "POST /logout": lambda *_: Example("/logout", success=303),
    "POST /language/{language}": lambda *_: Example("/language/zh", success=303),
    "POST /session/stay": lambda *_: Example("/session/stay", success=303),
    "POST /theme/{choice}": lambda *_: Example("/theme/night", success=303),
    "POST /account/let-in": lambda *_: Example("/account/let-in", data={"login": "carer"}),
    "GET /login/second-factor": lambda *_: Example("/login/second-factor", success=303),
    "POST /login/second-factor": lambda *_: Example("/login/second-factor", data={"code": "1"}, success=401),
    "POST /api/login": lambda *_: Example("/api/login", json={"login": "carer", "password": PASSWORD}),
    "GET /password": lambda *_: Example("/password"),
    "POST /password": lambda *_: Example(
        "/password", data={"current": PASSWORD, "new": "four", "again": "five"}, success=422
    ),
    "GET /account": lambda *_: Example("/account"),
    "POST /account/confirm": lambda *_: Example("/account/confirm", data={"next": "/account"}, success=303),
    "POST /account/language": lambda *_: Example("/account/language", data={"language": "zh"}, success=303),
    "POST /account/news/read": lambda *_: Example("/account/news/read", success=303),
    "POST /account/second-factor": lambda *_: Example("/account/second-factor", success=303),
    "GET /account/second-factor": offered_app("/account/second-factor"),
    "POST /account/second-factor/enrol": offered_app("/account/second-factor/enrol", "nonsense"),
    "POST /account/second-factor/remove": lambda *_: Example(
        "/account/second-factor/remove", data={"password": PASSWORD, "code": " ", "sure": "yes"}, success=401
    ),
    "POST /account/recovery-codes": lambda *_: Example(
        "/account/recovery-codes", data={"password": PASSWORD}, success=422
    ),
    "GET /account/passkeys/new": lambda *_: Example("/account/passkeys/new"),
    "POST /account/passkeys/options": lambda *_: Example("/account/passkeys/options", json={}, success=422),
    "POST /account/passkeys": lambda *_: Example("/account/passkeys", json={"answer": {}}, success=422),
    "POST /account/passkeys/{number}/remove": own_passkey,
    "POST /account/sessions/end-others": lambda *_: Example("/account/sessions/end-others", success=303),
    "POST /account/sessions/{number}/end": own_session,
    "POST /login/passkey/options": lambda *_: Example("/login/passkey/options", json={}, success=422),
    "POST /login/passkey": lambda *_: Example("/login/passkey", json={"answer": {}}, success=422),
    "GET /audit": lambda *_: Example("/audit?resident=R1&since=2026-01-01"),
    "GET /audit/looks": lambda *_: Example("/audit/looks"),
    "GET /audit/export": lambda *_: Example("/audit/export?format=xlsx"),
    "POST /audit/verify": lambda *_: Example("/audit/verify", success=303),
    "GET /audit/checkpoints": lambda *_: Example("/audit/checkpoints"),
    "GET /audit/checkpoints/{position}": lambda *_: Example("/audit/checkpoints/1", success=404),
    "GET /accounts": lambda *_: Example("/accounts?q=a&state=bare"),
    "GET /accounts/new": lambda *_: Example("/accounts/new"),
    "POST /accounts/new": lambda *_: Example("/accounts/new", data={"login": "X Y"}, success=422),
    "GET /accounts/roles": lambda *_: Example("/accounts/roles"),
    "GET /accounts/of/{login}": kept_page("/accounts/of/kept"),
    "POST /accounts/of/{login}": changed_account,
    "GET /accounts/of/{login}/{step}": kept_page("/accounts/of/kept/disable"),
    "POST /accounts/of/{login}/{step}": kept_page("/accounts/of/kept/end-sessions", {}, 303),
    "GET /healthz": lambda *_: Example("/healthz"),
    "GET /queue": lambda *_: Example("/queue?opened=a&closed=b"),
    "POST /queue/acknowledge": lambda c, _: Example(
        "/queue/acknowledge", data={"alerts": [f"{c.alert()} 1", f"{c.alert()} 1"]}, success=303
    ),
    "GET /api/alerts": lambda *_: Example("/api/alerts"),
    f"{SOCKET} /api/live": lambda *_: Example("/api/live"),
    "GET /alerts/{alert_id}": lambda c, role: Example(
        f"/alerts/{c.alert()}", success=303 if role == Role.FAMILY else 200
    ),
    "GET /alerts/{alert_id}/trace": lambda c, _: Example(f"/alerts/{c.alert()}/trace"),
    "GET /alerts": lambda *_: Example("/alerts?state=closed&since=2026-01-01&q=陈"),
    "POST /queue/support": support,
    "GET /alerts/{alert_id}/detail": lambda c, role: Example(
        f"/alerts/{c.alert()}/detail", success=404 if role == Role.FAMILY else 200
    ),
    "GET /alerts/{alert_id}/candidates": lambda c, _: Example(f"/alerts/{c.alert()}/candidates"),
    "GET /alerts/{alert_id}/progress": lambda c, role: Example(
        f"/alerts/{c.alert()}/progress", success=404 if role == Role.FAMILY else 200
    ),
    "POST /alerts/{alert_id}/medical-note": lambda c, _: Example(f"/alerts/{c.alert()}/medical-note"),
    **{
        f"POST {'/api' if api else ''}/alerts/{{alert_id}}/{step}": acted(step, api=api)
        for step in STEPS
        for api in (False, True)
    },
    "POST /api/alerts/{alert_id}/calls": call,
    "GET /alerts/{alert_id}/dispatch": lambda c, _: Example(f"/alerts/{c.alert()}/dispatch"),
    "POST /alerts/{alert_id}/dispatch": lambda c, _: Example(f"/alerts/{c.alert()}/dispatch", data={}, success=303),
    "GET /mine": lambda _, role: Example("/mine", success=200 if role == Role.CARER else 303),
    "POST /mine/place": my_place,
    "POST /mine/place/withdraw": lambda c, role: Example(f"/mine/place/withdraw?{c.order(role).number}", success=303),
    "GET /orders": lambda *_: Example("/orders?mine=1"),
    "GET /orders/{order_id}": lambda c, _: Example(f"/orders/{c.order().id}"),
    "POST /orders/{order_id}/phone": lambda c, role: Example(f"/orders/{c.order(role).id}/phone", success=303),
    **{f"POST /orders/{{order_id}}/{step}": step_of_order(step) for step in (*BY_PERSON, "reassign", "cancel")},
    "GET /orders/{order_id}/photos/{photo_id}": photo,
    "POST /orders/{order_id}/by-family/rating": lambda c, _: Example(
        f"/orders/{c.done().id}/by-family/rating", data={"stars": "5"}, success=303
    ),
    "GET /handovers": lambda *_: Example("/handovers"),
    "POST /handovers": offered_on_page,
    "POST /handovers/{number}/accept": accepted_handover("", 303),
    "POST /handovers/{number}/withdraw": withdrawn_handover("", 303),
    "GET /api/handovers": lambda *_: Example("/api/handovers"),
    "POST /api/handovers": offered_in_api,
    "POST /api/handovers/{number}/accept": accepted_handover("/api", 200),
    "POST /api/handovers/{number}/withdraw": withdrawn_handover("/api", 200),
    "GET /residents": lambda *_: Example("/residents?grade=none"),
    "GET /residents/{code}": lambda *_: Example("/residents/R1"),
    "GET /search": lambda *_: Example("/search?q=陈"),
    "GET /search/suggest": lambda *_: Example("/search/suggest?q=陈"),
    "GET /residents/{code}/now": lambda *_: Example("/residents/R1/now"),
    "GET /residents/{code}/file": lambda *_: Example("/residents/R1/file"),
    "GET /residents/{code}/protection": lambda *_: Example("/residents/R1/protection"),
    "GET /station": lambda *_: Example("/station"),
    "GET /station/phones": lambda *_: Example("/station/phones"),
    "GET /protection": lambda *_: Example("/protection?function=falls&level=2"),
    "GET /protection/history": lambda *_: Example("/protection/history?function=falls"),
    "GET /protection/history.csv": lambda *_: Example("/protection/history.csv"),
    "GET /api/residents/{code}/series": lambda *_: Example("/api/residents/R1/series?channel=heart_rate"),
    "GET /family": family,
    "GET /map": lambda *_: Example("/map"),
    "GET /map/list": lambda *_: Example("/map/list"),
    "GET /map/data": lambda *_: Example("/map/data"),
    "GET /map/now": lambda *_: Example("/map/now"),
    "GET /map/near/{alert_id}": lambda c, _: Example(f"/map/near/{c.alert()}"),
    "GET /map/outlines": lambda *_: Example("/map/outlines"),
    "GET /map/tiles/{version}/{z}/{x}/{y}": lambda *_: Example("/map/tiles/0/14/13388/7135", success=204),
    # the only forms with a file that has to be there: without one it is asked for in words
    "POST /map/outlines": lambda *_: Example("/map/outlines", data={"datum": "wgs84"}, success=422),
    "POST /map/outlines/ground": lambda *_: Example("/map/outlines/ground", data={"store": ""}, success=422),
    "POST /map/outlines/ground/remove": lambda *_: Example("/map/outlines/ground/remove", data={}, success=303),
    "GET /family/now": lambda *_: Example("/family/now"),
    "GET /family/rest": lambda *_: Example("/family/rest"),
    "POST /family/{code}/tell": lambda *_: Example(
        "/family/R1/tell", data={"kind": "no_contact", "choice": "off", "words": "写"}, success=303
    ),
    "GET /family/{code}/alerts/{alert_id}": lambda c, _: Example(f"/family/R1/alerts/{c.alert()}"),
    "GET /family/{code}/alerts/{alert_id}/now": lambda c, _: Example(f"/family/R1/alerts/{c.alert()}/now"),
    "GET /family/{code}/circle": lambda *_: Example("/family/R1/circle"),
    "GET /family/{code}/leave": lambda *_: Example("/family/R1/leave"),
    "POST /family/{code}/leave": left,
    "GET /family/{code}/stop-calls": lambda *_: Example("/family/R1/stop-calls"),
    "POST /family/{code}/stop-calls": silenced,
    "POST /type-size/{size}": lambda *_: Example("/type-size/2", data={"back": "/family"}, success=303),
    "GET /family-app/manifest.webmanifest": lambda *_: Example("/family-app/manifest.webmanifest"),
    "GET /family-app/worker.js": lambda *_: Example("/family-app/worker.js"),
    "GET /family-app/offline": lambda *_: Example("/family-app/offline"),
    "GET /apple-touch-icon.png": lambda *_: Example("/apple-touch-icon.png"),
    "GET /home/{token}": lambda c, _: Example(c.panel()),
    "GET /home/{token}/now": lambda c, _: Example(f"{c.panel()}/now"),
    "POST /home/{token}/press": lambda c, _: Example(
        f"{c.panel()}/press", json={"id": str(uuid.uuid4()), "at_ms": 0}, success=202
    ),
    "POST /home/{token}/cancel": lambda c, _: Example(f"{c.panel()}/cancel"),
    "GET /home/{token}/services": lambda c, _: Example(f"{c.panel()}/services"),
    "POST /home/{token}/services": lambda c, _: Example(
        f"{c.panel()}/services", json={"act": "rate", "number": 0, "face": "skip"}, success=409
    ),
    "GET /admin": lambda *_: Example("/admin"),
    "GET /policies": lambda *_: Example("/policies"),
    "GET /policies/{ladder}": lambda *_: Example("/policies/emergency"),
    "POST /policies/{ladder}": policy_step,
    "GET /policies/{ladder}/versions": lambda *_: Example("/policies/emergency/versions"),
    "GET /policies-file": lambda *_: Example("/policies-file"),
    "POST /policies-file": lambda *_: Example("/policies-file", data={}, success=422),  # no file was chosen
    "GET /policies/{ladder}/confirm": lambda *_: Example("/policies/emergency/confirm?act=retire"),
    "POST /policies/{ladder}/apply": put,
    "GET /policies/{ladder}/dry-run": lambda *_: Example("/policies/emergency/dry-run"),
    "GET /policies/{ladder}/dry-run/{alert_id}": tried,
    "GET /rosters": lambda *_: Example("/rosters"),
    "GET /rosters/{organisation}": lambda *_: Example("/rosters/center-1?week=2026-11-30"),
    "GET /rosters/{organisation}/week.xlsx": lambda *_: Example("/rosters/center-1/week.xlsx"),
    "GET /rosters/{organisation}/cell": lambda *_: Example("/rosters/center-1/cell?staff=S11&day=2026-11-30"),
    "GET /rosters/{organisation}/check": lambda *_: Example(
        "/rosters/center-1/check?do=copy&monday=2026-11-30&weeks=2"
    ),
    "POST /rosters/{organisation}/apply": lambda c, role: Example(
        "/rosters/center-1/apply", data=leave_of(c, role), success=303
    ),
    "POST /rosters/{organisation}/undo/{number}": undone,
    "GET /rosters/{organisation}/shifts": lambda *_: Example("/rosters/center-1/shifts"),
    "POST /rosters/{organisation}/shifts": shifted,
    "GET /operations": lambda *_: Example("/operations"),
    "GET /decisions": lambda *_: Example("/decisions"),
    "GET /decisions/list/{kind}": lambda *_: Example(
        f"/decisions/list/places?kind=street&month={months.code(months.month_at(dt.datetime.now(dt.UTC)))}"
    ),
    "GET /decisions/file/{form}": lambda *_: Example("/decisions/file/csv"),
    "GET /sla": lambda *_: Example("/sla"),
    "GET /api/sla": lambda *_: Example("/api/sla"),
    "GET /parameter-export": lambda *_: Example("/parameter-export?scope=resident&key=R1"),
    "GET /parameters": lambda *_: Example("/parameters"),
    "GET /parameter/{name}": lambda *_: Example(f"/parameter/{FLOOR}?scope=resident&key=R1&value=120"),
    "GET /parameter-presets/{name}": lambda *_: Example("/parameter-presets/condition.copd?resident=R1"),
    "POST /parameters/undo": taken_back,
    "POST /parameters/preview": previewed,
    "GET /parameter-previews/{number}": lambda *_: Example("/parameter-previews/none", success=404),
    "POST /parameters": parameter("/parameters", "district", ""),
    "GET /parameters/{scope}/{key}": lambda *_: Example("/parameters/resident/R1"),
    "POST /parameters/{scope}/{key}": parameter("/parameters/home/H1", "home", "H1"),
    "GET /pauses/{household}": lambda *_: Example("/pauses/H1"),
    "POST /pauses/{household}": begun_pause,
    "POST /pauses/{household}/{number}/end": ended_pause,
    "GET /outbox": lambda *_: Example("/outbox"),
    "GET /outbox/cards": lambda *_: Example("/outbox/cards"),
    "GET /gateways": lambda *_: Example("/gateways?state=all"),
    "GET /design": lambda *_: Example("/design"),
    "GET /push-worker.js": lambda *_: Example("/push-worker.js"),
    "GET /styles/{version}.css": lambda *_: Example("/styles/1.css"),
    "GET /api/push": lambda *_: Example("/api/push"),
    "POST /api/push": lambda *_: Example("/api/push", json={"endpoint": "https://fcm.googleapis.com/1", "keys": KEYS}),
    "DELETE /api/push": lambda *_: Example("/api/push?endpoint=https://fcm.googleapis.com/1"),
    "GET /a/{token}": lambda c, _: Example(c.answer()),
    "POST /a/{token}": lambda c, _: Example(c.answer(), success=303),
    "POST /a/{token}/step": told_by_family,
    "GET /field-worker.js": lambda *_: Example("/field-worker.js"),
    "POST /receipts/{token}": receipt,
    "GET /w/{token}": lambda c, _: Example(c.phone(c.order())),
    "GET /w/{token}/mark": lambda c, _: Example(f"{c.phone(c.order())}/mark"),
    "POST /w/{token}": pressed,
    "POST /w/{token}/place": place,
    "POST /w/{token}/place/withdraw": lambda c, _: Example(
        f"{c.phone(c.order(Role.CARER))}/place/withdraw", success=303
    ),
    "GET /rate/{token}": lambda c, _: Example(rating(c)),
    "POST /rate/{token}": lambda c, _: Example(rating(c), data={"stars": "5"}),
}


class Site:
    """A console, its routes, and people who ask it."""

    def __init__(self, city: City, url: str, routes: list[ConsoleRoute], client: httpx2.Client) -> None:
        self.city, self.url, self.routes, self._client = city, url, routes, client
        self._cookies: dict[str, str] = {}
        """Each login's session; no page that is only read ends one."""

    def ask(self, route: ConsoleRoute, example: Example, login: str | None) -> int:
        """The status of the answer."""
        headers = self._headers(login)
        if route.method == SOCKET:
            return self._open(example.path, headers)
        if route.method != "GET":
            self._cookies.clear()
        self._client.cookies.clear()
        answer = self._client.request(route.method, example.path, headers=headers, data=example.data, json=example.json)
        return answer.status_code

    def text(self, example: Example, login: str) -> str:
        """What a page shows; of a file that is packed, what is in it, and of a workbook what its cells say."""
        self._client.cookies.clear()
        shown = self._client.get(example.path, headers=self._headers(login))
        if not shown.content.startswith(b"PK"):
            return shown.text
        packed = zipfile.ZipFile(io.BytesIO(shown.content))
        if "[Content_Types].xml" not in packed.namelist():
            return "\n".join(packed.read(name).decode(errors="replace") for name in packed.namelist())
        rows = [row for sheet in openpyxl.load_workbook(io.BytesIO(shown.content)) for row in sheet.values]
        return "\n".join(str(value) for row in rows for value in row)

    def _headers(self, login: str | None) -> dict[str, str]:
        if login is None:
            return {}
        if login not in self._cookies:
            self._cookies[login] = f"{COOKIE}={self.city.session(login)}"
        return {"Cookie": self._cookies[login]}

    def _open(self, path: str, headers: dict[str, str]) -> int:
        try:
            with connect(
                self.url.replace("http", "ws", 1) + path, additional_headers=headers,
                origin=self.url,  # type: ignore[arg-type]
            ) as socket:  # fmt: skip
                socket.recv(timeout=20)
        except InvalidStatus as error:
            return error.response.status_code
        return 200


@pytest.fixture
def city(database_url: str, tmp_path: Path) -> Iterator[City]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield City(conn, tmp_path)


@contextmanager
def site_of(city: City, database: DatabaseSettings, broker: Broker) -> Iterator[Site]:
    app = create_app(city.settings, database, broker)
    with serving(app) as url, httpx2.Client(base_url=url, headers={"Origin": url}, timeout=30) as client:
        yield Site(city, url, routes_of(app), client)


def answers(site: Site, role: Role, made: dict[str, Example]) -> tuple[dict[str, int], dict[str, int]]:
    """The status of every route for a role, and the one that the table of permissions demands.

    Before a release each role asks everything. Else each route is asked by the first role that may, and in turns by a
    fifth of the others: what differs between them is the table, which has tests of its own.

    ``made``: examples of roles before this one. Who may not ask gets the last one again, whatever became of it: asked
    by somebody who may, it would give another answer than 403 as well.
    """
    got, wanted = {}, {}
    turn = list(LOGINS).index(role)
    for number, route in enumerate(site.routes):
        allowed = not route.needs or PERMISSIONS[role] & set(route.needs)
        if not LONG_RUN and route.name in made and (number + turn) % 5:
            continue
        if allowed or route.name not in made:
            made[route.name] = EXAMPLES[route.name](site.city, role)
        example = made[route.name]
        got[route.name] = site.ask(route, example, LOGINS[role])
        wanted[route.name] = example.success if allowed else 403
    return got, wanted


@pytest.mark.parametrize("broker", ["nats"], indirect=True)  # no page knows which one it is
def test_every_route_with_one_connection_and_as_each_role(city: City, database_url: str, broker: TestBroker) -> None:
    database = DatabaseSettings(url=of_service(database_url, "console"), pool_max=1)
    with site_of(city, database, broker.settings("svc-console")) as site:
        assert {route.name for route in site.routes} == set(EXAMPLES)
        made: dict[str, Example] = {}
        for role in LOGINS:
            got, wanted = answers(site, role, made)
            assert got == wanted, role
        for route in site.routes:
            if route.needs:
                path = re.sub(r"\{\w+\}", "1", route.path)
                refused = 403 if route.method == SOCKET else 401 if path.startswith("/api/") else 303
                assert site.ask(route, Example(path), None) == refused, route.name


def test_the_order_of_the_routers_is_free(city: City) -> None:
    """No path of one router is a path of another: each example is taken by one alone."""
    patterns = [
        (number, compile_path(route.path)[0], getattr(route, "methods", None) or {SOCKET}, route.path)
        for number, router in enumerate(ROUTERS)
        for route in router.routes
        if isinstance(route, Route | WebSocketRoute)
    ]
    assert len(patterns) > 200
    for number, _, methods, path in patterns:
        for method in methods:
            asked = EXAMPLES[f"{method} {path}"](city, Role.DISPATCHER).path.partition("?")[0]
            takers = {other for other, taken, by, _ in patterns if method in by and taken.match(asked)}
            assert takers == {number}, (method, path, asked)


def test_a_step_that_there_is_not_is_not_found(city: City, database_url: str) -> None:
    with (
        broker_away() as broker,
        site_of(city, DatabaseSettings(url=of_service(database_url, "console")), broker) as site,
    ):
        unknown = ConsoleRoute("POST", "", ())
        for path in (f"/alerts/{city.alert()}", f"/api/alerts/{city.alert()}", f"/orders/{city.order().id}"):
            assert site.ask(unknown, Example(f"{path}/explode", data={"version": 1}), "dispatcher") == 404
        press = EXAMPLES["POST /home/{token}/press"](city, Role.DISPATCHER)
        assert site.ask(unknown, press, None) == 503, "nobody hears a press while the broker is away"


def test_64_people_open_one_alert_at_once(city: City, database_url: str) -> None:
    people = 64
    route = ConsoleRoute("GET", "", ())
    with (
        broker_away() as broker,
        site_of(city, DatabaseSettings(url=of_service(database_url, "console")), broker) as site,
    ):
        example = Example(f"/alerts/{city.alert()}")
        cookies = [{COOKIE: city.session("dispatcher")} for _ in range(people)]
        start, got = threading.Barrier(people), []

        def open_page(cookie: dict[str, str]) -> None:
            with httpx2.Client(base_url=site.url, cookies=cookie, timeout=60, trust_env=False) as client:
                start.wait(60)
                got.append(client.get(example.path).status_code)

        threads = [threading.Thread(target=open_page, args=(cookie,)) for cookie in cookies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got == [200] * people
        assert site.ask(route, example, "carer") == 200


def test_a_second_connection_of_one_thread_is_refused(city: City, database_url: str) -> None:
    with broker_away() as broker:
        app = create_app(city.settings, DatabaseSettings(url=of_service(database_url, "console")), broker)
        with serving(app):
            state = app.state.console
            with state.database(), pytest.raises(RuntimeError, match=re.escape("pass it down")), state.database():
                pass
            with state.database() as conn:
                assert conn.execute("SELECT 1").fetchone() == (1,)
