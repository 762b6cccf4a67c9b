"""Work orders on a real database: offered, answered, passed on; two people at once; photos and ratings."""

import datetime as dt
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import psycopg
import pytest
from PIL import Image

from care_network.matching.matching import Job, match
from database.server.guardian import start_guarded
from dispatch.alerts import lifecycle, lookup, reopening
from dispatch.core import history
from dispatch.core.history import Actor
from dispatch.orders import assigning, photos, ratings, store
from dispatch.orders.people import Crews
from dispatch.orders.states import OrderChanged, OrderError
from dispatch.orders.store import Order, OrderFilter
from dispatch.orders.sweeper import sweep
from tests.support.network import NOW
from tests.support.orders import ZHOU, asked, in_reach, raise_alert, roster_all_day, staff_city

pytestmark = pytest.mark.integration
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        yield conn


@pytest.fixture
def crews() -> Crews:
    return Crews()


def step(
    conn: psycopg.Connection, crews: Crews, order: Order, action: str, at: dt.datetime = NOW, **more: object
) -> Order:
    """The person who has the order does this."""
    assert order.staff_id is not None
    actor = Actor(None, order.staff_zh or "", "link")
    return assigning.act_as_person(conn, crews, order.id, action, order.staff_id, actor, at, **more)  # type: ignore[arg-type]


def actions(conn: psycopg.Connection, order: Order) -> list[tuple[str, str | None]]:
    return [(event["action"], event["staff_code"]) for event in store.history(conn, order.id)]


def test_from_one_tap_to_done(city: psycopg.Connection, crews: Crews) -> None:
    alert = raise_alert(city)
    in_reach(city, "S13", NOW, 114.2411, 22.56)
    row = lookup.load(city, alert)
    assert row is not None
    service, found = assigning.suggest(city, crews, row, None, NOW)
    assert service == "fall_assistance"
    assert [one.code for one in found.candidates] == ["S13", "S11", "S12"]
    assert "现在位置距此 10 米" in found.candidates[0].reasons_zh
    assert "所属机构距此 100 米" in found.candidates[1].reasons_zh

    order = assigning.dispatch_alert(city, crews, alert, ZHOU, NOW)
    assert (order.state, order.staff_code, order.next_at) == ("offered", "S13", NOW + 60 * SECOND)
    assert asked(city) == [("staff", "S13", 1)]
    with pytest.raises(OrderError, match="already"):
        assigning.dispatch_alert(city, crews, alert, ZHOU, NOW)
    order = step(city, crews, order, "accept", NOW + SECOND)
    order = step(city, crews, order, "depart", NOW + 2 * SECOND)
    order = step(city, crews, order, "arrive", NOW + 300 * SECOND)
    order = step(city, crews, order, "finish", NOW + 900 * SECOND, note="扶起,无外伤")
    assert (order.state, order.done_at) == ("done", NOW + 900 * SECOND)
    assert actions(city, order) == [
        ("create", None), ("offer", "S13"), ("accept", "S13"), ("depart", "S13"), ("arrive", "S13"), ("finish", "S13"),
    ]  # fmt: skip
    told = history.events_of(city, alert)
    assert [event["action"] for event in told] == ["raise", "acknowledge", "respond", "note", "arrive", "note"]
    assert "扶起,无外伤" in told[-1]["note"]
    again = raise_alert(city, rule="sos", severity="urgent")
    found = assigning.suggest(city, crews, lookup.load(city, again) or {}, "wellness_check", NOW + 1000 * SECOND)[1]
    assert "曾上门 1 次" in next(one for one in found.candidates if one.code == "S13").reasons_zh


def test_declined_goes_to_the_next_and_silence_too(city: psycopg.Connection, crews: Crews) -> None:
    order = assigning.dispatch_alert(city, crews, raise_alert(city), ZHOU, NOW, staff_code="S12")
    order = step(city, crews, order, "decline", NOW + SECOND, note="正在助浴")
    assert (order.state, order.staff_code) == ("offered", "S11")
    assert sweep(city, crews, NOW + 60 * SECOND).expired == 0, "the minute begins with the second offer"
    late = NOW + 62 * SECOND
    swept = sweep(city, crews, late)
    assert (swept.expired, swept.offered) == (1, 1)
    order = store.load(city, order.id)
    assert (order.state, order.staff_code, order.asked) == ("offered", "S13", 3)
    assert asked(city) == [("staff", "S12", 1), ("staff", "S11", 2), ("staff", "S13", 3)]
    # S12 said no, S11 and S13 were silent just now: nobody is left, and the dispatch is told once.
    swept = sweep(city, crews, late + 61 * SECOND)
    order = store.load(city, order.id)
    assert (swept.unmatched, order.state, order.staff_id) == (1, "open", None)
    last = store.history(city, order.id)[-1]
    assert last["action"] == "unmatched"
    assert "3 人已询问过" in last["note"]
    assert last["detail"]["removed"]["asked"] == 3
    assert asked(city)[3:] == [("organisation", "center-1", 3)]
    assert sweep(city, crews, late + 80 * SECOND).unmatched == 1
    assert len(asked(city)) == 4
    # After ten minutes the silent ones are asked anew; who declined is not.
    sweep(city, crews, late + 661 * SECOND)
    assert store.load(city, order.id).staff_code == "S11"


def test_somebody_who_comes_on_duty_is_found(city: psycopg.Connection, crews: Crews) -> None:
    city.execute("UPDATE staff SET active = false")
    order = assigning.dispatch_alert(city, crews, raise_alert(city), ZHOU, NOW)
    assert (order.state, order.told_nobody) == ("open", True)
    with pytest.raises(OrderChanged, match="cannot be sent"):
        assigning.reassign(city, crews, order.id, ZHOU, NOW, expected_version=order.version, staff_code="S11")
    city.execute("UPDATE staff SET active = true WHERE code = 'S1'")
    roster_all_day(city, "S1")
    assert sweep(city, crews, NOW + 14 * SECOND).offered == 0
    assert sweep(city, crews, NOW + 15 * SECOND).offered == 1
    assert store.load(city, order.id).staff_code == "S1"


def test_who_may_answer(city: psycopg.Connection, crews: Crews) -> None:
    order = assigning.dispatch_alert(city, crews, raise_alert(city), ZHOU, NOW, staff_code="S11")
    assert order.staff_id is not None
    with pytest.raises(OrderChanged, match="gone to somebody else"):
        assigning.act_as_person(city, crews, order.id, "accept", order.staff_id + 1, ZHOU, NOW)
    with pytest.raises(OrderError, match="not possible"):
        step(city, crews, order, "arrive")
    with pytest.raises(OrderChanged, match="changed this order"):
        step(city, crews, order, "accept", expected_version=order.version - 1)
    moved = assigning.reassign(city, crews, order.id, ZHOU, NOW, expected_version=order.version, staff_code="S13")
    assert moved.staff_code == "S13"
    with pytest.raises(OrderChanged, match="gone to somebody else"):
        step(city, crews, order, "accept")
    with pytest.raises(OrderChanged, match="周敏"):
        assigning.cancel(city, order.id, ZHOU, NOW, expected_version=order.version)
    off = assigning.cancel(city, order.id, ZHOU, NOW, expected_version=moved.version, note="家属已到")
    assert (off.state, off.next_at) == ("cancelled", None)
    with pytest.raises(OrderError, match="not possible"):
        assigning.cancel(city, order.id, ZHOU, NOW, expected_version=off.version)
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        city.execute("DELETE FROM work_order_event")


def test_the_alert_ends_and_nobody_is_asked_any_more(city: psycopg.Connection, crews: Crews) -> None:
    alert = raise_alert(city)
    order = assigning.dispatch_alert(city, crews, alert, ZHOU, NOW)
    assert lifecycle.follow_up(city, alert, "cancel", NOW, "by the resident")
    assert sweep(city, crews, NOW).cancelled == 1
    assert store.load(city, order.id).state == "cancelled"
    with pytest.raises(OrderError, match="over"):
        assigning.dispatch_alert(city, crews, alert, ZHOU, NOW)
    with pytest.raises(OrderError, match="no service"):
        assigning.dispatch_alert(city, crews, raise_alert(city), ZHOU, NOW, service="massage")


def test_an_end_that_is_taken_back_leaves_the_order_as_it_was(city: psycopg.Connection, crews: Crews) -> None:
    alert = raise_alert(city)
    order = assigning.dispatch_alert(city, crews, alert, ZHOU, NOW, staff_code="S11")
    assert order.next_at is not None
    end = order.next_at - 2 * SECOND  # while the person is asked; the time to answer ends before that to take it back

    def close(at: dt.datetime) -> None:
        lifecycle.act(
            city, alert, "resolve", ZHOU, at, expected_version=version(city, alert), outcome="false_resident"
        )  # fmt: skip

    close(end)
    for second in (1, 5, 12):
        assert sweep(city, crews, end + second * SECOND).cancelled == 0
    assert store.load(city, order.id) == msgspec.structs.replace(order, alert_state="resolved"), "nobody else is asked"
    reopening.undo(city, alert, ZHOU, end + 12 * SECOND, expected_version=version(city, alert))
    assert sweep(city, crews, end + 13 * SECOND).offered == 1, "it goes on where it was: S11 was silent"
    after = store.load(city, order.id)
    assert (after.state, after.staff_code != "S11") == ("offered", True)
    close(end + 20 * SECOND)
    assert sweep(city, crews, end + 32 * SECOND).cancelled == 0
    assert sweep(city, crews, end + 34 * SECOND).cancelled == 1


def version(conn: psycopg.Connection, alert: object) -> int:
    row = conn.execute("SELECT version FROM alert WHERE id = %s", (alert,)).fetchone()
    assert row is not None
    return int(row[0])


def test_whoever_is_on_the_way_is_told_that_they_need_not_go(city: psycopg.Connection, crews: Crews) -> None:
    def told() -> list[tuple[str, str]]:
        return city.execute(
            "SELECT recipient_kind, recipient_key FROM notification WHERE reason = 'order_off' ORDER BY id"
        ).fetchall()

    order = assigning.dispatch_alert(city, crews, raise_alert(city), ZHOU, NOW, staff_code="S11")
    order = assigning.reassign(city, crews, order.id, ZHOU, NOW, expected_version=order.version, staff_code="S12")
    assert told() == [], "S11 was only asked"
    order = step(city, crews, order, "depart" if order.state == "accepted" else "accept")
    order = assigning.reassign(city, crews, order.id, ZHOU, NOW, expected_version=order.version, staff_code="S13")
    assert told() == [("staff", "S12")]
    order = step(city, crews, step(city, crews, order, "accept"), "depart")
    assigning.cancel(city, order.id, ZHOU, NOW, expected_version=order.version)
    assert told() == [("staff", "S12"), ("staff", "S13")]


def test_planned_services_are_given_out_together(city: psycopg.Connection, crews: Crews) -> None:
    tomorrow = NOW + dt.timedelta(days=1)
    orders = [
        assigning.plan_service(city, "meal", "R1", tomorrow + number * dt.timedelta(minutes=1), ZHOU, NOW)
        for number in range(4)
    ]
    assert {order.state for order in orders} == {"open"}
    assert sweep(city, crews, NOW).offered == 4
    found = [store.load(city, order.id) for order in orders]
    assert {order.staff_code for order in found} == {"S11", "S12", "S13"}, "the load is shared"
    assert [order.next_at for order in found] == [NOW + dt.timedelta(hours=4)] * 4
    with pytest.raises(OrderError, match="to come"):
        assigning.plan_service(city, "meal", "R1", NOW, ZHOU, NOW)
    with pytest.raises(OrderError, match="no resident"):
        assigning.plan_service(city, "meal", "R404", tomorrow, ZHOU, NOW)
    listed = store.list_orders(city, OrderFilter(states=["offered"], urgency="planned"))
    assert [order.number for order in listed] == [order.number for order in orders]


def test_a_storm_of_alerts_each_gets_somebody_of_their_own(city: psycopg.Connection, crews: Crews) -> None:
    city.execute("UPDATE staff SET active = false")
    orders = [assigning.dispatch_alert(city, crews, raise_alert(city), ZHOU, NOW) for _ in range(4)]
    city.execute("UPDATE staff SET active = true")
    swept = sweep(city, crews, NOW + 15 * SECOND)
    assert (swept.offered, swept.unmatched) == (3, 1)
    found = [store.load(city, order.id).staff_code for order in orders]
    assert {code for code in found if code} == {"S11", "S12", "S13"}


def test_two_dispatchers_at_once_never_send_one_person_twice(
    city: psycopg.Connection, crews: Crews, database_url: str
) -> None:
    alerts = [raise_alert(city) for _ in range(6)]
    start = threading.Barrier(6)
    failures: list[BaseException] = []

    def tap(alert: object) -> None:
        try:
            with psycopg.connect(database_url, autocommit=True) as conn:
                start.wait(20)
                assigning.dispatch_alert(conn, crews, alert, ZHOU, NOW)  # type: ignore[arg-type]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=tap, args=(alert,)) for alert in alerts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures
    # Whoever was locked by another is skipped; the sweeper finds them a moment later.
    sweep(city, crews, NOW + 20 * SECOND)
    offered = [order.staff_code for order in store.list_orders(city, OrderFilter(states=["offered"]))]
    assert sorted(offered) == ["S11", "S12", "S13"]  # type: ignore[type-var]


def test_a_killed_sweeper_neither_loses_nor_repeats(city: psycopg.Connection, crews: Crews, database_url: str) -> None:
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=30)
    orders = [
        assigning.dispatch_alert(city, crews, raise_alert(city, long_ago, "attention"), ZHOU, long_ago)
        for _ in range(9)
    ]
    assert {order.state for order in orders} == {"offered"}
    environment = {**os.environ, "SHOUWANG_DATABASE_URL": database_url}
    command = [sys.executable, "-m", "dispatch.orders"]

    def expired() -> int:
        row = city.execute("SELECT count(*) FROM work_order_event WHERE action = 'expire'").fetchone()
        assert row is not None
        return int(row[0])

    def wait_for(number: int) -> None:
        deadline = time.monotonic() + 120
        while expired() < number:
            assert time.monotonic() < deadline, expired()
            city.execute("SELECT pg_sleep(0.01)")

    first = start_guarded(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        wait_for(1)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    workers = [
        start_guarded(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for _ in range(2)
    ]
    try:
        wait_for(9)
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        # one that has not begun when it is told to stop ends by the signal
        assert {worker.wait(20) for worker in workers} <= {0, -signal.SIGTERM}
    assert expired() == 9
    for order in orders:
        done = [event["action"] for event in store.history(city, order.id)]
        assert done[:3] == ["create", "offer", "expire"]
        assert done[3:] in (["offer"], ["unmatched"])
    messages = city.execute(
        "SELECT count(*), count(DISTINCT (alert_id, step)) FROM notification"
        " WHERE reason = 'work_order' AND recipient_kind = 'staff'"
    ).fetchone()
    assert messages is not None
    assert messages[0] == messages[1]


def test_an_absence_counts_at_once(city: psycopg.Connection, crews: Crews) -> None:
    row = lookup.load(city, raise_alert(city))
    assert row is not None
    assert len(assigning.suggest(city, crews, row, None, NOW)[1].candidates) == 3
    city.execute(
        "INSERT INTO roster_exception (staff_id, kind, starts_at, ends_at)"
        " SELECT id, 'absent', %s, %s FROM staff WHERE code = 'S11'",
        (NOW - SECOND, NOW + SECOND),
    )
    found = assigning.suggest(city, crews, row, None, NOW)[1]
    assert [one.code for one in found.candidates] == ["S12", "S13"]
    city.execute("DELETE FROM roster_exception")
    assert len(assigning.suggest(city, crews, row, None, NOW)[1].candidates) == 3
    assert match(crews.crew(city, NOW, NOW), Job(key="", service="meal", urgency="planned", path="sz.yt.hs")).candidates


CHANGES = (
    "UPDATE staff SET active = false WHERE code = 'S11'",
    "UPDATE staff SET skills = '{first_aid}', phone = '' WHERE code = 'S12'",
    "INSERT INTO staff_certificate (staff_id, kind, expires_on) SELECT id, 'first_aid', '2026-11-02' FROM staff",
    "UPDATE staff_certificate SET expires_on = '2026-11-01'",
    "UPDATE organisation SET longitude = 114.3, latitude = 22.6 WHERE code = 'center-1'",
    "UPDATE area SET longitude = 114.4, latitude = 22.7",
    "UPDATE shift SET ends = '13:00' WHERE code = 'all'",
    "UPDATE roster SET weekdays = '{1}' WHERE staff_id = (SELECT id FROM staff WHERE code = 'S13')",
    "INSERT INTO roster_exception (staff_id, kind, starts_at, ends_at, organisation_id) SELECT s.id, 'extra',"
    " '2026-11-02 02:00+00', '2026-11-02 09:00+00', o.id FROM staff s, organisation o WHERE o.code = 'center-2'",
    "UPDATE organisation SET active = false WHERE code = 'center-1'",
    "DELETE FROM roster_exception",
    "DELETE FROM staff_certificate",
)


def test_every_change_of_the_roster_counts_at_once(city: psycopg.Connection, crews: Crews) -> None:
    """Only what changed is read anew: the same comes out as where everything is."""
    seen = crews.crew(city, NOW, NOW).day
    for change in CHANGES:
        assert city.execute(change).rowcount, change
        day, anew = crews.crew(city, NOW, NOW).day, Crews().crew(city, NOW, NOW).day
        assert day is not seen, change
        for name in day.__struct_fields__:
            one, other = getattr(day, name), getattr(anew, name)
            same = np.array_equal(one, other, equal_nan=one.dtype.kind == "f") if isinstance(one, np.ndarray) else None
            assert one == other if same is None else same, (change, name)
        seen = day
        assert crews.crew(city, NOW, NOW).day is seen, "nothing changed: nothing is read"


def picture(size: tuple[int, int] = (3000, 2000), form: str = "JPEG") -> bytes:
    image = Image.new("RGB", size, "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90°
    exif[0x010F] = "Secret Camera"
    out = io.BytesIO()
    image.save(out, form, exif=exif, comment=b"where I live") if form == "JPEG" else image.save(out, form)
    return out.getvalue()


def test_a_photo_keeps_its_pixels_alone(city: psycopg.Connection, crews: Crews) -> None:
    order = assigning.dispatch_alert(city, crews, raise_alert(city), ZHOU, NOW)
    order = step(city, crews, order, "accept")
    photo = photos.read_photo(picture())
    assert (photo.width, photo.height) == (1067, 1600)
    step(city, crews, order, "note", photo=photo)
    (photo_id,) = photos.ids(city, order.id)
    stored = photos.load(city, order.id, photo_id)
    assert stored is not None
    assert photos.load(city, raise_alert(city), photo_id) is None
    with Image.open(io.BytesIO(stored)) as kept:
        assert kept.format == "JPEG"
        assert not kept.getexif()
        assert "comment" not in kept.info
    assert b"Secret" not in stored
    for _ in range(photos.MOST - 1):
        photos.add(city, order.id, None, photo, NOW)
    with pytest.raises(OrderError, match="at most"):
        photos.add(city, order.id, None, photo, NOW)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: b"", "JPEG, PNG or WebP"),
        (lambda: b"<svg onload=alert(1)>", "JPEG, PNG or WebP"),
        (lambda: picture(form="GIF"), "JPEG, PNG or WebP"),
        (lambda: picture()[:2000], "damaged"),
        (lambda: picture((8000, 7000), "PNG"), "too many pixels"),
        (lambda: b"\xff" * (photos.MAX_BYTES + 1), "12 MB"),
    ],
    ids=["empty", "svg", "gif", "damaged", "pixels", "size"],
)
def test_what_is_no_photo_is_refused(data: Callable[[], bytes], message: str) -> None:
    with pytest.raises(OrderError, match=message):
        photos.read_photo(data())


def test_ratings(city: psycopg.Connection, crews: Crews) -> None:
    order = assigning.dispatch_alert(city, crews, raise_alert(city), ZHOU, NOW)
    with pytest.raises(OrderError, match="not done yet"):
        ratings.rate(city, order.id, "resident", 5, "", NOW)
    for action in ("accept", "arrive", "finish"):
        order = step(city, crews, order, action)
    for stars, words, error in [(0, "", "one to five"), (6, "", "one to five"), (5, "x" * 1001, "1000")]:
        with pytest.raises(OrderError, match=error):
            ratings.rate(city, order.id, "resident", stars, words, NOW)
    ratings.rate(city, order.id, "resident", 5, " 很快 ", NOW)
    ratings.rate(city, order.id, "family", 4, "", NOW)
    with pytest.raises(OrderError, match="rated already"):
        ratings.rate(city, order.id, "family", 1, "", NOW)
    assert [(r["rated_by"], r["stars"], r["words"]) for r in ratings.of_order(city, order.id)] == [
        ("resident", 5, "很快"), ("family", 4, ""),
    ]  # fmt: skip
