"""Examples of the routes of the time bank; each brings what it needs."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from care_network.access.permissions import PERMISSIONS, Action, Role
from care_services.library.courses import keeping
from care_services.time_bank import books, correcting, holders, people, requests, rounds, store
from care_services.time_bank.requests import Person
from care_services.time_bank.rounds import NewRound
from care_services.time_bank.running import ending, learning, own_link, wishes
from care_services.time_bank.running.telling import CONFIRM, HELP, NEIGHBOUR
from care_services.time_bank.running.wishes import NewWish
from tests.support import time_bank
from tests.support.network import C1, account
from tests.support.orders import place, raise_alert
from tests.support.route_example import Example
from vocabulary.times import SHANGHAI

BANK = "/care/time-bank"
DAY = dt.timedelta(days=1)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _by(city: Any) -> Any:
    return time_bank.managers(city.conn)[0]


def _volunteer(city: Any) -> str:
    return time_bank.volunteer(city.conn, _by(city), _now(), area="sz.yt.hs.pw")


def _asked(city: Any) -> int:
    return time_bank.asked(city.conn, _by(city), _now())


def _done(city: Any) -> int:
    """A help of yesterday whose minutes a volunteer told."""
    code, number = _volunteer(city), _asked(city)
    city.conn.execute(
        "UPDATE time_request SET state = 'accepted', wanted_from = now() - interval '1 day',"
        " wanted_until = now() - interval '23 hours', volunteer_id = (SELECT id FROM time_volunteer WHERE code = %s)"
        " WHERE number = %s",
        (code, number),
    )
    one = store.find(city.conn, _by(city), number)
    requests.tell(city.conn, one, 60, Person(key=f"volunteer:{code}", name="某"), _now())
    return number


def _earned(city: Any) -> str:
    code = _volunteer(city)
    time_bank.helped(city.conn, _by(city), code, 60, _now() - 5 * DAY)
    return code


def _transaction(city: Any) -> int:
    code = _earned(city)
    row = city.conn.execute(
        "SELECT max(t.number) FROM time_transaction t JOIN time_entry e ON e.transaction_id = t.id"
        " WHERE e.account_id = %s", (holders.find(city.conn, _by(city), "volunteer", code).account_id,),
    ).fetchone()  # fmt: skip
    return int(row[0])


def _waiting(city: Any) -> int:
    number = _transaction(city)
    books.ask_reversal(city.conn, _by(city), number, "录入错误", _now())
    return number


def _reversed(city: Any, minutes: int = 0) -> int:
    number, (first, second) = _waiting(city), time_bank.managers(city.conn)
    books.decide_reversal(city.conn, second, number, _now(), agreed=True)
    if minutes:
        correcting.ask(city.conn, first, number, minutes, "实为 40 分钟", _now())
    return number


def _step(city: Any, role: Any) -> Example:
    if role == Role.MANAGER:
        number = _asked(city)
        return Example(f"{BANK}/requests/{number}/cancel", data={"note": "不需要了", "version": 1}, success=303)
    number = _done(city)
    one = store.find(city.conn, _by(city), number)
    path = f"{BANK}/requests/{number}/confirm"
    return Example(path, data={"minutes": 60, "version": one.version}, success=303)


def _order(city: Any, *_: Any) -> Example:
    """A work order of an alarm at R1's door that a volunteer finished."""
    code, now = _volunteer(city), _now()
    place(city.conn, "center-1", 114.24, 22.56)
    alert = raise_alert(city.conn, now - DAY)
    staff = city.conn.execute(
        "INSERT INTO staff (code, organisation_id, kind, name_zh, name_en) SELECT %s, id, 'volunteer', '邻', 'Near'"
        " FROM organisation WHERE code = 'center-1' RETURNING id", (f"N{code}",),
    ).fetchone()  # fmt: skip
    city.conn.execute("UPDATE time_volunteer SET staff_id = %s WHERE code = %s", (staff[0], code))
    row = city.conn.execute(
        "INSERT INTO work_order (id, alert_id, service, urgency, household_id, resident_id, due_at, reason_zh,"
        " reason_en, state, staff_id, created_at, done_at) SELECT gen_random_uuid(), a.id, 'fall_assistance',"
        " 'emergency', a.household_id, a.resident_id, now(), '', '', 'done', %s, now(), now() FROM alert a"
        " WHERE a.id = %s RETURNING id, number",
        (staff[0], alert),
    ).fetchone()
    city.conn.execute(
        "INSERT INTO work_order_event (order_id, at, action, from_state, to_state, actor)"
        " VALUES (%s, now() - interval '25 minutes', 'arrive', 'en_route', 'arrived', '邻')",
        (row[0],),
    )
    return Example(f"{BANK}/orders/{row[1]}", data={}, success=303)


def _missed(city: Any) -> tuple[str, int]:
    """A volunteer to whom a no-show was written down, and its line."""
    code, number = _volunteer(city), _asked(city)
    requests.offer(city.conn, _by(city), number, code, 1, _now(), accepted=True)
    city.conn.execute("UPDATE time_request SET wanted_from = now() - interval '1 hour' WHERE number = %s", (number,))
    ending.not_come(city.conn, account(city.conn, "station"), number, "", 2, _now())
    row = city.conn.execute("SELECT max(id) FROM time_missed").fetchone()
    return code, int(row[0])


def _own_missed(city: Any, *_: Any) -> Example:
    code, line = _missed(city)
    one = people.find(city.conn, _by(city), code)
    token = city.keys.sign(NEIGHBOUR, f"{code}.{one.link_serial}", f"volunteer:{code}", _now() + DAY)
    return Example(f"/neighbour/{token}/missed", data={"line": line, "appeal": "我到了"}, success=303)


def _course(city: Any) -> str:
    keeping.add_built_in(city.conn, _now())
    return f"{_own(city)[0]}/courses/family_carers"


def _test(city: Any) -> str:
    """A test that a volunteer has begun by their link."""
    keeping.add_built_in(city.conn, _now())
    path = _own(city)[0]
    one = people.find(city.conn, _by(city), city.conn.execute("SELECT max(code) FROM time_volunteer").fetchone()[0])
    return f"{path}/tests/{learning.begin(city.conn, one, 'family_carers', _now())}"


def _answers(city: Any, path: str) -> dict[str, Any]:
    one = people.find(city.conn, _by(city), city.conn.execute("SELECT max(code) FROM time_volunteer").fetchone()[0])
    attempt, _ = learning.load(city.conn, one, int(path.rpartition("/")[2]))
    return {f"q{each.question}": str(each.options[0]) for each in attempt.questions}


def _hand_in(city: Any, *_: Any) -> Example:
    path = _test(city)
    return Example(path, data=_answers(city, path), success=303)


def _helped_at_home(city: Any) -> int:
    return _done(city)


def _link(city: Any, purpose: str, *, done: bool) -> str:
    if done:
        number = _done(city)
    else:
        code, number = _volunteer(city), _asked(city)
        requests.offer(city.conn, _by(city), number, code, 1, _now())
    one = store.find(city.conn, _by(city), number)
    person = f"volunteer:{one.volunteer}" if purpose == HELP else f"resident:{one.resident}"
    return str(city.keys.sign(purpose, f"{one.id}.{one.link_serial}", person, _now() + DAY))


def _own(city: Any) -> tuple[str, int]:
    """A volunteer's own link, and the number of what they are asked for."""
    code, number = _volunteer(city), _asked(city)
    requests.offer(city.conn, _by(city), number, code, 1, _now())
    one = own_link.renew(city.conn, _by(city), code, 4, _now())
    token = city.keys.sign(NEIGHBOUR, f"{code}.{one.link_serial}", f"volunteer:{code}", _now() + DAY)
    return f"/neighbour/{token}", number


def _own_step(city: Any, *_: Any) -> Example:
    path, number = _own(city)
    return Example(path, data={"number": number, "act": "yes"}, success=303)


def _rich(city: Any) -> None:
    """R1 has minutes, as a younger senior has who helped."""
    if not books.lots_of(city.conn, holders.find(city.conn, _by(city), "resident", "R1")):
        taker = holders.find(city.conn, _by(city), "resident", "R1")
        giver = holders.find(city.conn, _by(city), "volunteer", _earned(city))
        books.transfer(city.conn, _by(city), giver, taker, 40, f"rich/{_volunteer(city)}", _now())


def _wish(city: Any, role: Any = Role.FAMILY) -> int:
    """A wish of the role's own account where it may have one, else of the daughter."""
    _rich(city)
    new = NewWish(resident="R1", what="donate", minutes="1")
    login = str(role) if Action.CONFIRM_HELP in PERMISSIONS[role] and role != Role.FAMILY else "daughter"
    return wishes.ask(city.conn, account(city.conn, login), new, _now())


def _wished(city: Any, *_: Any) -> Example:
    _rich(city)
    return Example("/time-bank/wishes", data={"giver": "R1", "what": "donate", "wished": "1"}, success=303)


def _round(city: Any) -> str:
    new = NewRound(
        name_zh="巡访", area="sz.yt.hs.pw", weekday="3", starts="14:30", members=("R1",),
        crew=(_volunteer(city), _volunteer(city)),
    )  # fmt: skip
    return rounds.add(city.conn, _by(city), new, _now())


def _round_edit(city: Any, *_: Any) -> Example:
    code = _round(city)
    data = {
        "name_zh": "巡访", "area": "sz.yt.hs.pw", "weekday": "4", "starts": "14:30", "minutes": "40", "members": "R1",
        "crew_more": f"{_volunteer(city)}、{_volunteer(city)}", "version": 1, "agreed": "true",
    }  # fmt: skip
    return Example(f"{BANK}/rounds/{code}/edit", data=data, success=303)


def _new(city: Any, role: Any) -> Example:
    day = (_now().astimezone(SHANGHAI) + 2 * DAY).date()
    data = {"resident": "R1", "kind": "company", "day": str(day), "hour": "10:00"}
    return Example("/time-bank" if role == Role.FAMILY else f"{BANK}/requests/new", data=data, success=303)


def _mine(city: Any, role: Any) -> Example:
    return Example("/time-bank", data=_new(city, role).data, success=303)


VOLUNTEER = {
    "name_zh": "何婶", "sex": "female", "born_on": "1962-05-01", "belongs_to": "senior", "area": C1, "languages": "cmn",
}  # fmt: skip
EXAMPLES: dict[str, Callable[..., Example]] = {
    f"GET {BANK}": lambda *_: Example(BANK),
    f"POST {BANK}/orders/{{order}}": _order,
    f"GET {BANK}/volunteers": lambda *_: Example(f"{BANK}/volunteers"),
    f"GET {BANK}/volunteers/new": lambda *_: Example(f"{BANK}/volunteers/new"),
    f"POST {BANK}/volunteers/new": lambda *_: Example(f"{BANK}/volunteers/new", data=VOLUNTEER, success=303),
    f"GET {BANK}/volunteers/{{volunteer}}": lambda city, *_: Example(f"{BANK}/volunteers/{_volunteer(city)}"),
    f"GET {BANK}/volunteers/{{volunteer}}/edit": lambda city, *_: Example(
        f"{BANK}/volunteers/{_volunteer(city)}/edit"
    ),
    f"POST {BANK}/volunteers/{{volunteer}}/edit": lambda city, *_: Example(
        f"{BANK}/volunteers/{_volunteer(city)}/edit", data={**VOLUNTEER, "version": 4}, success=303
    ),
    f"POST {BANK}/volunteers/{{volunteer}}/check": lambda city, *_: Example(
        f"{BANK}/volunteers/{_volunteer(city)}/check", data={"kind": "identity", "checked_on": "2026-01-02"},
        success=303,
    ),
    f"POST {BANK}/volunteers/{{volunteer}}/training": lambda city, *_: Example(
        f"{BANK}/volunteers/{_volunteer(city)}/training",
        data={"course": "walks", "passed_on": "2026-01-02", "place": "社区", "taught_by": "社工站"},
        success=303,
    ),
    f"POST {BANK}/volunteers/{{volunteer}}/missed/{{line}}": lambda city, *_: Example(
        f"{BANK}/volunteers/{(one := _missed(city))[0]}/missed/{one[1]}",
        data={"excused": "true", "reason": "门牌登记有误"}, success=303,
    ),
    "POST /neighbour/{token}/missed": _own_missed,
    "GET /neighbour/{token}/courses/{course}": lambda city, *_: Example(_course(city)),
    "POST /neighbour/{token}/courses/{course}": lambda city, *_: Example(_course(city), data={}, success=303),
    "GET /neighbour/{token}/tests/{number}": lambda city, *_: Example(_test(city)),
    "POST /neighbour/{token}/tests/{number}": _hand_in,
    "GET /home/{token}/helped": lambda city, *_: Example(f"{city.panel()}/helped"),
    "POST /home/{token}/helped": lambda city, *_: Example(
        f"{city.panel()}/helped", data={"number": _helped_at_home(city), "minutes": 60}, success=303
    ),
    f"POST {BANK}/volunteers/{{volunteer}}/step": lambda city, *_: Example(
        f"{BANK}/volunteers/{_volunteer(city)}/step", data={"action": "rest", "note": "探亲", "version": 4}, success=303
    ),
    f"POST {BANK}/volunteers/{{volunteer}}/staff": lambda city, *_: Example(
        f"{BANK}/volunteers/{_volunteer(city)}/staff", data={"staff": "", "version": 4}, success=303
    ),
    f"GET {BANK}/requests": lambda *_: Example(f"{BANK}/requests"),
    f"GET {BANK}/requests/new": lambda *_: Example(f"{BANK}/requests/new"),
    f"POST {BANK}/requests/new": _new,
    f"GET {BANK}/requests/{{number}}": lambda city, *_: Example(f"{BANK}/requests/{_asked(city)}"),
    f"POST {BANK}/requests/{{number}}/{{step}}": _step,
    "GET /time-bank": lambda city, *_: (_asked(city), Example("/time-bank"))[1],
    "POST /time-bank": _mine,
    f"GET {BANK}/rounds": lambda *_: Example(f"{BANK}/rounds"),
    f"GET {BANK}/rounds/new": lambda *_: Example(f"{BANK}/rounds/new"),
    f"POST {BANK}/rounds/new": lambda city, *_: Example(
        f"{BANK}/rounds/new",
        data={"name_zh": "巡访", "area": "sz.yt.hs.pw", "weekday": "3", "starts": "14:30", "minutes": "40",
              "members": "R1", "crew_more": f"{_volunteer(city)}、{_volunteer(city)}"},
        success=303,
    ),
    f"POST {BANK}/rounds/week": lambda *_: Example(f"{BANK}/rounds/week", data={}, success=303),
    f"GET {BANK}/ledger": lambda *_: Example(f"{BANK}/ledger"),
    f"GET {BANK}/ledger/{{number}}": lambda city, *_: Example(f"{BANK}/ledger/{_transaction(city)}"),
    f"POST {BANK}/ledger/{{number}}/reverse": lambda city, *_: Example(
        f"{BANK}/ledger/{_transaction(city)}/reverse", data={"reason": "录入错误"}, success=303
    ),
    f"POST {BANK}/ledger/{{number}}/decide": lambda city, *_: Example(
        f"{BANK}/ledger/{_waiting(city)}/decide", data={"agreed": "true"}, success=303
    ),
    f"POST {BANK}/ledger/{{number}}/anew": lambda city, *_: Example(
        f"{BANK}/ledger/{_reversed(city)}/anew", data={"minutes": "40", "reason": "实为 40 分钟"}, success=303
    ),
    f"POST {BANK}/ledger/{{number}}/anew/decide": lambda city, *_: Example(
        f"{BANK}/ledger/{_reversed(city, 40)}/anew/decide", data={"agreed": "true"}, success=303
    ),
    f"GET {BANK}/statement/{{kind}}/{{holder}}": lambda *_: Example(f"{BANK}/statement/resident/R1"),
    f"GET {BANK}/statement/{{kind}}/{{holder}}/csv": lambda *_: Example(f"{BANK}/statement/resident/R1/csv"),
    f"GET {BANK}/book": lambda *_: Example(f"{BANK}/book"),
    f"POST {BANK}/book": lambda city, *_: Example(
        f"{BANK}/book",
        data={"what": "transfer", "giver": _earned(city), "taker": "R1", "minutes": "5", "key": _volunteer(city)},
        success=303,
    ),
    f"POST {BANK}/volunteers/{{volunteer}}/link": lambda city, *_: Example(
        f"{BANK}/volunteers/{_volunteer(city)}/link", data={"version": 4}, success=303
    ),
    f"GET {BANK}/rounds/{{code}}": lambda city, *_: Example(f"{BANK}/rounds/{_round(city)}"),
    f"GET {BANK}/rounds/{{code}}/edit": lambda city, *_: Example(f"{BANK}/rounds/{_round(city)}/edit"),
    f"POST {BANK}/rounds/{{code}}/edit": _round_edit,
    f"POST {BANK}/rounds/{{code}}/pause": lambda city, *_: Example(
        f"{BANK}/rounds/{_round(city)}/pause", data={"active": "false", "version": 1}, success=303
    ),
    f"GET {BANK}/wishes": lambda city, *_: (_wish(city), Example(f"{BANK}/wishes"))[1],
    f"POST {BANK}/wishes/{{number}}/decide": lambda city, *_: Example(
        f"{BANK}/wishes/{_wish(city)}/decide", data={"reason": "老人本人同意", "agreed": "true"}, success=303
    ),
    "GET /time-bank/statement/{code}": lambda *_: Example("/time-bank/statement/R1"),
    "POST /time-bank/wishes": _wished,
    "POST /time-bank/wishes/{number}/withdraw": lambda city, role: Example(
        f"/time-bank/wishes/{_wish(city, role)}/withdraw", data={}, success=303
    ),
    "GET /neighbour/{token}": lambda city, *_: Example(_own(city)[0]),
    "POST /neighbour/{token}": _own_step,
    "GET /neighbour/{token}/statement": lambda city, *_: Example(f"{_own(city)[0]}/statement"),
    "GET /help/{token}": lambda city, *_: Example(f"/help/{_link(city, HELP, done=False)}"),
    "POST /help/{token}": lambda city, *_: Example(
        f"/help/{_link(city, HELP, done=False)}", data={"act": "yes"}, success=303
    ),
    "GET /help-done/{token}": lambda city, *_: Example(f"/help-done/{_link(city, CONFIRM, done=True)}"),
    "POST /help-done/{token}": lambda city, *_: Example(
        f"/help-done/{_link(city, CONFIRM, done=True)}", data={"minutes": 60}, success=303
    ),
}  # fmt: skip
ABOUT_NOBODY = {
    f"GET {BANK}/requests/new", f"GET {BANK}/book", "GET /home/{token}/helped",  # the last: the home's own
    "GET /neighbour/{token}/courses/{course}", "GET /neighbour/{token}/tests/{number}",
}  # fmt: skip
WHOSE = {
    "/time-bank": "daughter", f"{BANK}/volunteers/new": "manager", f"{BANK}/volunteers/{{volunteer}}/edit": "manager",
    f"{BANK}/rounds/new": "manager", f"{BANK}/rounds/{{code}}/edit": "manager", "/time-bank/wishes": "daughter",
    "/time-bank/wishes/{number}/withdraw": "daughter", "/time-bank/statement/{code}": "daughter",
}  # fmt: skip
OF_THE_DISTRICT: set[str] = set()
