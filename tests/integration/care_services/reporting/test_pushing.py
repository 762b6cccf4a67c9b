"""Packages pushed to a real server that refuses, hangs, repeats and answers late: each arrives once, in order."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import psycopg
import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from care_network.errors import ChangedMeanwhileError, ProvisioningError
from care_services.core.calls import Answer, ask
from care_services.reporting import making, pushing, receivers, schedules
from care_services.reporting.packages import opened, unpacked, verify
from care_services.reporting.receivers import ReceiverFields
from database.rights.checkpoints import public_of
from tests.support.databases import Cluster, of_service, url_of
from tests.support.network import NOW, account, build_city
from tests.support.upper_platform import FAULTS, RECEIPTS, UpperPlatform, upper_platform, with_key

pytestmark = pytest.mark.integration
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
FIRST = dt.date(2026, 1, 1)


class Killed(Exception):  # noqa: N818 - our own end, in the middle of a request
    pass


class Clock:
    """A clock on which we end at the ``killed_at``-th look at it: each step of a delivery looks at it once."""

    def __init__(self) -> None:
        self.now = NOW
        self.killed_at = 0

    def __call__(self) -> dt.datetime:
        self.killed_at -= 1
        if self.killed_at == 0:
            raise Killed
        return self.now


@pytest.fixture(scope="module")
def built(database_cluster: Cluster) -> Iterator[psycopg.Connection]:
    with database_cluster.fresh_database() as url, psycopg.connect(url, autocommit=True) as conn:
        build_city(conn)
        yield conn


@pytest.fixture
def city(built: psycopg.Connection) -> psycopg.Connection:
    built.execute("TRUNCATE report_person, report_attempt, report_package, report_receiver, report_schedule,"
                  " exchange_consent RESTART IDENTITY")  # fmt: skip
    built.execute("DELETE FROM account WHERE login = 'city-system'")
    return built


@pytest.fixture
def above() -> Iterator[UpperPlatform]:
    with upper_platform() as platform:
        yield platform


def receiver(conn: psycopg.Connection, url: str, **more: Any) -> None:
    fields = ReceiverFields(code="city", name_zh="市级平台", name_en="City platform", url=url, **more)
    receivers.save(conn, account(conn, "admin"), fields, 0, at=NOW, origin="test")


def make(conn: psycopg.Connection, day: int, dataset: str = "places") -> making.Made:
    """A package about a day of its own."""
    on = FIRST + dt.timedelta(days=day)
    return making.make(conn, account(conn, "admin"), None, KEY, "city", dataset, "sz.yt", on, on, at=NOW)


def states(conn: psycopg.Connection) -> list[tuple[int, str]]:
    return conn.execute("SELECT number, state FROM report_package ORDER BY number").fetchall()


def test_packages_arrive_in_order_and_are_counter_signed(city: psycopg.Connection, above: UpperPlatform) -> None:
    receiver(city, above.url, signing_key=with_key(above, KEY))
    assert [make(city, day).again for day in (1, 2, 3)] == [False] * 3
    assert make(city, 3).again, "the same said twice is one package"
    sent = pushing.send_due(city, Clock())
    assert [(one.number, one.outcome) for one in sent] == [(1, "delivered"), (2, "delivered"), (3, "delivered")]
    assert above.accepted == [1, 2, 3]
    make(city, 4)
    for fault in RECEIPTS:
        above.faults.append(fault)
        assert pushing.send_due(city, Clock())[0].outcome == "refused", "somebody else's receipt is none"
        assert "counter-signature" in receivers.one(city, account(city, "admin"), "city").held_for
        pushing.resume(city, account(city, "admin"), "city", "已联系对方核对", at=NOW)
    city.execute("UPDATE report_receiver SET receipt = true, next_at = %s", (NOW + dt.timedelta(days=400),))
    above.faults.append("portal")
    assert pushing.send_due(city, Clock())[0].outcome == "later", "a proxy's page is none; a wrong clock's time no bar"
    assert pushing.send_due(city, lambda: NOW + dt.timedelta(minutes=9))[0].outcome == "delivered"
    assert above.accepted == [1, 2, 3, 4]
    assert above.wrong == []
    kept = making.log(city, account(city, "admin"))
    assert all(one.counter_signed_at for one in kept)
    for body in above.bodies.values():
        assert verify(body, public_of(KEY))[1] == []
    assert pushing.send_due(city, Clock()) == [], "nothing is sent again"


def test_the_rounds_may_do_all_that_sending_needs(city: psycopg.Connection, above: UpperPlatform) -> None:
    receiver(city, above.url, signing_key=with_key(above, KEY))
    make(city, 1)
    make(city, 2)
    above.faults.append("busy")
    url = of_service(url_of(city), "reports")
    with psycopg.connect(url, autocommit=True) as conn:
        assert pushing.send_in_rounds(conn, NOW) == 1
        assert pushing.send_in_rounds(conn, NOW + dt.timedelta(minutes=1)) == 2
    assert above.accepted == [1, 2]
    assert all(one.counter_signed_at for one in making.log(city, account(city, "admin")))


def test_a_refusal_holds_the_queue_until_a_person_decides(city: psycopg.Connection, above: UpperPlatform) -> None:
    admin, clock = account(city, "admin"), Clock()
    receiver(city, above.url)
    first, _ = make(city, 1), make(city, 2)
    above.faults.append("refuse")
    (refused,) = pushing.send_due(city, clock)
    assert (refused.outcome, refused.status) == ("refused", 400)
    clock.now += dt.timedelta(days=30)
    assert pushing.send_due(city, clock) == [], "nothing overtakes it"
    held = receivers.one(city, admin, "city")
    assert "列数不符" in held.held_for
    with pytest.raises(ProvisioningError, match="what was done"):
        pushing.resume(city, admin, "city", "", at=clock.now)
    making.withdraw(city, admin, first.id, "口径有误，另行生成", at=clock.now)
    pushing.resume(city, admin, "city", "已撤回第 1 包", at=clock.now)
    assert [one.number for one in pushing.send_due(city, clock)] == [2]
    assert states(city) == [(1, "withdrawn"), (2, "delivered")]


def test_a_receiver_that_names_a_time_is_not_asked_before(city: psycopg.Connection, above: UpperPlatform) -> None:
    clock = Clock()
    receiver(city, above.url)
    make(city, 1)
    above.faults.append("later")
    assert pushing.send_due(city, clock)[0].outcome == "later"
    clock.now += dt.timedelta(seconds=599)
    assert pushing.send_due(city, clock) == []
    clock.now += dt.timedelta(seconds=2)
    assert pushing.send_due(city, clock)[0].outcome == "delivered"


def test_a_receiver_that_hangs_is_left_after_the_time(city: psycopg.Connection, above: UpperPlatform) -> None:
    clock = Clock()
    receiver(city, above.url)
    make(city, 1)
    above.faults.append("hang")
    (hung,) = pushing.send_due(city, clock, post=partial(ask, timeout_s=0.2))
    assert hung.outcome == "later"
    assert "within 0.2 s" in hung.error
    clock.now += dt.timedelta(minutes=1)
    assert pushing.send_due(city, clock)[0].outcome == "delivered"
    assert above.accepted == [1], "taken before, and known by its key"


def test_a_receiver_that_points_elsewhere_or_has_a_wrong_certificate_gets_nothing(
    city: psycopg.Connection, above: UpperPlatform
) -> None:
    clock = Clock()
    receiver(city, above.url)
    make(city, 1)
    above.faults.append("redirect")
    (sent,) = pushing.send_due(city, clock)
    assert (sent.outcome, sent.status) == ("refused", 307), "it goes where a person wrote, or nowhere"
    city.execute("UPDATE report_receiver SET held_at = NULL, url = %s", (above.url.replace("http:", "https:"),))
    (sent,) = pushing.send_due(city, clock)
    assert (sent.outcome, sent.status) == ("later", None), "no TLS there"
    assert above.accepted == []


def test_people_are_sealed_for_the_receiver_and_only_those_who_agree_are_sent(
    city: psycopg.Connection, above: UpperPlatform
) -> None:
    admin, identity, clock = account(city, "admin"), pyrage.x25519.Identity.generate(), Clock()
    receiver(city, above.url)
    with pytest.raises(ProvisioningError, match="a key for sealing"):
        make(city, 1, "residents")
    city.execute("INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path)"
                 " VALUES ('city-system', '!', '市', 'City', 'machine', 'sz.yt')")  # fmt: skip
    city.execute("INSERT INTO exchange_consent (resident_id, account_id, purpose, given_at)"
                 " SELECT r.id, a.id, '协同', %s FROM resident r, account a WHERE a.login = 'city-system'"
                 " AND r.code = 'R1'", (NOW,))  # fmt: skip
    fields = ReceiverFields(
        code="city", name_zh="市级平台", name_en="City", url=above.url, seal_key=str(identity.to_public()),
        login="city-system",
    )  # fmt: skip
    receivers.save(city, admin, fields, 1, at=NOW, origin="test")
    residents, referrals = make(city, 1, "residents"), make(city, 1, "referrals")
    assert [making.one(city, admin, one.id).people for one in (residents, referrals)] == [2, 1]
    row = city.execute("SELECT content FROM report_package WHERE id = %s", (residents.id,)).fetchone()
    assert row is not None
    (data,) = (data for name, data in unpacked(row[0]).items() if name.endswith(".age"))
    assert opened(data, str(identity)).decode().splitlines()[1].startswith("R1,,陈,male,1940-01-01,sz.yt.hs.pw.c1")
    assert making.content(city, admin, referrals.id, at=NOW)
    city.execute("UPDATE exchange_consent SET withdrawn_at = now()")
    with pytest.raises(ChangedMeanwhileError, match="taken back by 1"):  # nor is it carried by hand
        making.content(city, admin, referrals.id, at=NOW)
    with pytest.raises(ChangedMeanwhileError, match="taken back by 1"):
        making.handed_over(city, admin, referrals.id, "当面递交", at=NOW)
    sent = pushing.send_due(city, clock)
    assert [(one.number, one.outcome) for one in sent] == [(1, "delivered"), (2, "withdrawn")]
    assert above.accepted == [1], "a consent that was withdrawn holds at once"
    assert schedules.tell_withdrawals(city, NOW, lambda: (None, KEY)) == 0, "nobody there was told of the person"
    city.execute("UPDATE exchange_consent SET withdrawn_at = NULL")
    making.make(city, admin, None, KEY, "city", "referrals", "sz.yt", FIRST, FIRST, at=NOW)
    assert pushing.send_due(city, clock, post=lambda *_: Answer(status=None, error="lost"))[0].outcome == "later"
    city.execute("UPDATE exchange_consent SET withdrawn_at = %s", (NOW + dt.timedelta(hours=1),))
    clock.now += dt.timedelta(hours=2)
    with psycopg.connect(of_service(url_of(city), "reports"), autocommit=True) as rounds:
        assert schedules.tell_withdrawals(rounds, clock.now, lambda: (None, KEY)) == 1, "it may have been told"
        assert schedules.tell_withdrawals(rounds, clock.now, lambda: (None, KEY)) == 0, "told once"
    assert [one.outcome for one in pushing.send_due(city, clock)] == ["withdrawn", "delivered"]
    (told,) = making.log(city, admin, making.Asking(dataset="withdrawals"))
    assert (told.people, told.state, told.basis) == (1, "delivered", "law")
    with pytest.raises(ProvisioningError, match="no withdrawal"):
        making.make(city, admin, None, KEY, "city", "withdrawals", "sz.yt", FIRST, FIRST, at=clock.now)


STEPS = st.lists(
    st.sampled_from(
        [
            "make",
            "turn",
            "wait",
            "killed_before",
            "killed_after",
            "killed_1",
            "killed_2",
            "killed_3",
            "killed_4",
            "killed_5",
            "resume",
            *FAULTS,
            *RECEIPTS,
        ]
    ),
    max_size=16,
)


def test_whatever_happens_each_arrives_once_and_in_order(city: psycopg.Connection, above: UpperPlatform) -> None:
    receiver(city, above.url, signing_key=with_key(above, KEY), receipt=True)
    admin = account(city, "admin")

    def killed(after: bool) -> Callable[..., Answer]:
        def post(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
            if after:
                ask(method, url, headers, body)
            raise Killed

        return post

    @given(STEPS)
    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def run(steps: list[str]) -> None:
        city.execute("TRUNCATE report_person, report_attempt, report_package")
        city.execute("UPDATE report_receiver SET held_at = NULL, next_at = '-infinity', failures = 0")
        above.accepted.clear()
        above.bodies.clear()
        above.faults.clear()
        clock, made = Clock(), 0

        def turn(**more: Any) -> None:
            clock.now += dt.timedelta(seconds=1)
            pushing.send_due(city, clock, **more)

        for step in steps:
            match step:
                case "make":
                    made += 1
                    make(city, made)
                case "turn":
                    turn()
                case "wait":
                    clock.now += dt.timedelta(hours=3)
                case "killed_before" | "killed_after":
                    try:
                        turn(post=killed(step == "killed_after"))
                    except Killed:
                        city.execute("SELECT pg_advisory_unlock_all()")  # a process that ends lets go
                case killed_at if killed_at.startswith("killed_"):
                    clock.killed_at = int(killed_at[-1])
                    try:
                        turn()
                    except Killed:
                        city.execute("SELECT pg_advisory_unlock_all()")
                    clock.killed_at = 0
                case "resume":
                    pushing.resume(city, admin, "city", "看过了", at=clock.now)
                case fault:
                    above.faults.append(fault)
            assert above.accepted == sorted(set(above.accepted))
        above.faults.clear()
        pushing.resume(city, admin, "city", "看过了", at=clock.now)
        turn()
        assert above.accepted == list(range(1, made + 1))
        assert above.wrong == []
        assert states(city) == [(number, "delivered") for number in range(1, made + 1)]
        signed = city.execute("SELECT count(*) FROM report_package WHERE counter_signed_at IS NULL").fetchone()
        assert signed == (0,), "each with the receipt of its own"

    run()
