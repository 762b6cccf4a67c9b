"""Two districts and the city on servers of their own: cut off, upgraded in the middle, lost, forged; and no person."""

import datetime as dt
import json
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from typer.testing import CliRunner

from database.city import feed, following, telling
from database.city.names import FOLLOWER, READER, WRITER
from database.city.report import report
from database.city.schema import KEYS
from database.city.settings import FeedSettings
from database.settings import DatabaseSettings
from dispatch.alerts import lifecycle
from dispatch.alerts.states import AlertAction
from observability.liveness import Liveness
from shouwang.cli.main import app
from shouwang.doctor.feed import feed_checks
from shouwang.platform.processes import wait_until
from tests.support.city import BOUND_MB, WAIT_S, WORD, City, District, alerts
from tests.support.databases import Cluster
from tests.support.orders import ZHOU, raise_alert

pytestmark = pytest.mark.integration
PERSONAL = {
    "resident": "code, name_zh, name_en, birth_date::text",
    "household": "code, address_zh, address_en, phone",
    "contact": "phone, name_zh, name_en",
    "staff": "code, name_zh, name_en, phone",
    "account": "login, name_zh, name_en",
    "gateway": "name",
    "device": "name",
    "alert": "id::text, subject, reason_zh, reason_en, evidence::text",
    "alert_event": "nullif(actor, 'system'), note",
}
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


@pytest.fixture(scope="module")
def city(database_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with (
        database_cluster.fresh_database() as one,
        database_cluster.fresh_database() as other,
        City(tmp_path_factory.mktemp("city"), (one, other)) as built,
    ):
        yield built


@pytest.fixture
def joined(city: City) -> City:
    """Both districts are followed, and the city has all that they have told."""
    city.join(city.a, city.b)
    for one in (city.a, city.b):
        one.tell()
    city.caught_up(city.a, city.b)
    return city


def act(conn: psycopg.Connection, alert: uuid.UUID, action: AlertAction, at: dt.datetime, **how: str) -> None:
    row = conn.execute("SELECT version FROM alert WHERE id = %s", (alert,)).fetchone()
    assert row is not None
    lifecycle.act(conn, alert, action, ZHOU, at, expected_version=row[0], **how)  # type: ignore[arg-type]


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def test_steps_and_counts_of_an_alert_arrive(joined: City) -> None:
    began = now() - 2 * HOUR
    with joined.a.owner() as conn:
        alert = raise_alert(conn, began)
        act(conn, alert, "acknowledge", began + dt.timedelta(seconds=20))
        act(conn, alert, "arrive", began + 9 * MINUTE)
        act(conn, alert, "resolve", began + 30 * MINUTE, outcome="false_device", note="隔壁李四来过")
        conn.execute("UPDATE gateway SET state = 'online' WHERE name = 'gw-1'")
        secret = conn.execute("SELECT id FROM city_alert WHERE alert_id = %s", (alert,)).fetchone()
    assert joined.a.tell() > 0
    assert joined.a.tell() <= telling.HOURS_A_TURN, "only older hours: what is told is not written again"
    joined.caught_up(joined.a)
    with joined.connect() as conn:
        assert secret is not None
        assert secret[0] != alert
        row = conn.execute(
            "SELECT community, rule, severity, state, raised_at, acknowledged_at - raised_at, on_scene_at - raised_at,"
            " closed_at - raised_at, verdict FROM city.alert WHERE id = %s",
            secret,
        ).fetchone()
        assert row == (
            "sz.yt.hs.pw", "fall", "emergency", "resolved", began, dt.timedelta(seconds=20), 9 * MINUTE, 30 * MINUTE,
            "false",
        )  # fmt: skip
        communities = conn.execute(
            "SELECT community, homes, people, people_watched, gateways, gateways_offline FROM city.community"
            " WHERE district = %s ORDER BY community",
            (joined.a.code,),
        ).fetchall()
        assert communities == [("sz.yt.hs.pw", 1, 1, 1, 1, 0), ("sz.yt.ms.dm", 1, 1, 0, 1, 1)]
        hours = conn.execute("SELECT count(*) FROM city.hour WHERE district = %s", (joined.a.code,)).fetchone()
        assert hours is not None
        assert hours[0] >= telling.HOURS_A_TURN
    assert joined.state_of(joined.a) == ("current", "")


def test_no_name_number_or_text_about_a_person_reaches_the_city(joined: City) -> None:
    with joined.a.owner() as conn:
        alert = raise_alert(conn, now() - 3 * HOUR)
        act(conn, alert, "acknowledge", now(), note="老人说头晕，电话 13900000000")
        conn.execute(
            "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order)"
            " SELECT id, '0755-00007', '陈女儿', 'Chen Daughter', '女儿', 'daughter', 1 FROM resident WHERE code = 'R1'"
        )
        conn.execute("UPDATE resident SET name_zh = '陈' || code || '阿婆', name_en = 'Granny Chen ' || code")
        conn.execute("UPDATE alert SET reason_en = 'Chen fell in the kitchen'")
        persons: set[str] = set()
        for table, columns in PERSONAL.items():
            for row in conn.execute(f"SELECT {columns} FROM {table}".encode()):
                persons |= {value for value in row if value}
    joined.a.tell()
    joined.caught_up(joined.a)
    with joined.connect() as conn:
        leaves: set[str] = set()
        for table in KEYS:
            for (row,) in conn.execute(f"SELECT to_jsonb(t) FROM city.{table} t".encode()):
                leaves |= {value for value in row.values() if isinstance(value, str)}
    assert {"0755-00007", "陈R1阿婆", "老人说头晕，电话 13900000000", "gw-1", str(alert)} <= persons
    everything = json.dumps(sorted(leaves), ensure_ascii=False)
    assert not {one for one in persons if one in leaves or (len(one) > 3 and one in everything)}


def test_a_synthetic_home_is_nobody_of_the_city(joined: City) -> None:
    from care_network.records.synthetic import add_synthetic

    with joined.b.owner() as conn:
        add_synthetic(conn, now().date())
        conn.execute(
            "INSERT INTO alert (id, rule, rule_version, severity, subject, household_id, onset, sensed_at, received_at,"
            " raised_at, reason_zh, reason_en, evidence) SELECT gen_random_uuid(), 'sos', 1, 'emergency', 'x', id,"
            " now(), now(), now(), now(), '', '', '{}' FROM household WHERE synthetic LIMIT 1"
        )
        homes = conn.execute("SELECT count(*) FROM city_home").fetchone()
        seen = conn.execute("SELECT count(*) FROM city_alert WHERE rule = 'sos'").fetchone()
    assert homes == (2,)
    assert seen == (0,)


def test_a_district_that_was_cut_off_for_an_hour_catches_up_exactly(joined: City) -> None:
    a, b, started = joined.a, joined.b, now() - HOUR
    a.cut()
    with a.owner() as conn:
        ids = alerts(conn, started, 120, dt.timedelta(seconds=30))
        a.tell()
        for number, alert in enumerate(ids[:60]):
            act(conn, alert, "acknowledge", started + (number + 1) * MINUTE)
        a.tell()
    with b.owner() as conn:
        alerts(conn, started, 10, MINUTE)
    b.tell()
    joined.caught_up(b)
    assert not joined.agrees(a)
    state, text = joined.state_of(a)
    assert state == "cut off", text
    with psycopg.connect(joined.server.url, autocommit=True) as conn:
        seen = report(conn, 7, now() + HOUR)
        assert seen.unknown == [b.code, a.code]
        # the one that is heard is known, the other never looks quiet
        conn.execute("UPDATE city.district SET told_at = told_at + INTERVAL '1 hour' WHERE district = %s", (b.code,))
        seen = report(conn, 7, now() + HOUR)
        assert seen.unknown == [a.code]
        blind = next(one for one in seen.districts if one.district == a.code)
        assert (blind.open, blind.people_watched, blind.gateways_offline, blind.unanswered) == (None, None, None, None)
        assert not seen.city.known
        assert blind.age_s is not None
        assert blind.age_s > 3000
    # its machine goes, too, and comes back with the line
    a.server.stop()
    a.server.start()
    a.mend()
    b.tell()
    joined.caught_up(a, b)
    with joined.connect() as conn:
        row = conn.execute(
            "SELECT count(*), count(acknowledged_at) FROM city.alert WHERE district = %s AND raised_at >= %s",
            (a.code, started),
        ).fetchone()
    assert row is not None
    assert row[0] >= 120
    assert row[1] >= 60
    wait_until(lambda: joined.state_of(a)[0] == "current", WAIT_S, "it is current again", pause_s=0.2)


def test_the_city_is_upgraded_first_and_nothing_stops(joined: City) -> None:
    with joined.connect() as conn:
        conn.execute("ALTER TABLE city.alert ADD COLUMN kind text")
    try:
        with joined.a.owner() as conn:
            raise_alert(conn, now())
        joined.a.tell()  # the old district, the new city
        wait_until(lambda: _open(joined, joined.a), WAIT_S, "an old district is heard", pause_s=0.2)
        with joined.a.owner_of_feed() as conn:
            conn.execute("ALTER TABLE city.alert ADD COLUMN kind text")
            conn.execute("UPDATE city.alert SET kind = 'new'")
        joined.caught_up(joined.a)
        assert joined.state_of(joined.a)[0] == "current"
    finally:
        _without_kind(joined)


def test_a_district_upgraded_first_waits_and_loses_nothing(joined: City) -> None:
    with joined.a.owner_of_feed() as conn:
        conn.execute("ALTER TABLE city.alert ADD COLUMN kind text")
        conn.execute("UPDATE city.district SET feed_version = feed_version + 1")
    try:
        with joined.a.owner() as conn:
            alerts(conn, now() - HOUR, 30, MINUTE)
        joined.a.tell()
        state, text = joined.state_of(joined.a)
        assert state == "failing"
        assert "shouwang city init" in text
        assert not joined.agrees(joined.a)
        with joined.connect() as conn:
            conn.execute("ALTER TABLE city.alert ADD COLUMN kind text")
        joined.caught_up(joined.a)
        assert joined.state_of(joined.b)[0] == "current", "the other district does not notice"
    finally:
        with joined.a.owner_of_feed() as conn:
            conn.execute("UPDATE city.district SET feed_version = feed_version - 1")
        _without_kind(joined)


def test_a_newer_district_is_not_joined(joined: City) -> None:
    with joined.connect() as conn:
        following.leave(conn, joined.b.code)
    try:
        with joined.b.owner_of_feed() as conn:
            conn.execute("UPDATE city.district SET feed_version = 99")
        with joined.connect() as conn, pytest.raises(ValueError, match="city init"):
            following.join(conn, joined.b.follower_url)
    finally:
        joined.b.publish()
    joined.join(joined.b)
    joined.caught_up(joined.b)


def test_a_city_that_stays_away_is_given_up_and_copies_anew_without_losing_its_history(joined: City) -> None:
    a = joined.a
    with joined.a.owner() as conn:
        raise_alert(conn, now() - 5 * HOUR)
    a.tell()
    joined.caught_up(a)
    with a.owner_of_feed() as conn:  # what is old goes in the district, and stays in the city
        kept = conn.execute("SELECT count(*) FROM city.alert").fetchone()
        conn.execute("DELETE FROM city.alert WHERE raised_at < %s", (now() - 4 * HOUR,))
    a.cut()
    with a.owner_of_feed() as conn:
        for _ in range(BOUND_MB // 16 + 3):  # segments of 16 MB
            conn.execute("CREATE TABLE filler ()")
            conn.execute("DROP TABLE filler")
            conn.execute("SELECT pg_switch_wal()")
            conn.execute("CHECKPOINT")
        (slot,) = feed.slots(conn)
        assert slot.lost
        assert slot.bound_bytes == BOUND_MB * 1024 * 1024
    with joined.a.owner() as conn:
        raise_alert(conn, now())
    a.mend()
    state, text = joined.state_of(a)
    assert state == "lost"
    assert "join --again" in text
    a.told.event_id = 10**9  # the old alerts are not told again here
    a.tell()
    with joined.connect() as conn:
        with pytest.raises(ValueError, match="--again"):
            following.join(conn, a.follower_url)
        assert following.join(conn, a.follower_url, again=True) == a.code
        wait_until(lambda: joined.state_of(a)[0] == "current", WAIT_S, "it is copied anew", pause_s=0.2)
        row = conn.execute("SELECT count(*) FROM city.alert WHERE district = %s", (a.code,)).fetchone()
        assert kept is not None
        assert row is not None
        assert row[0] >= kept[0], "the district's retention takes nothing from the city"
    a.told.event_id = None


def test_what_the_feed_forgets_the_city_keeps(joined: City) -> None:
    with joined.b.owner_of_feed() as conn:
        conn.execute("INSERT INTO city.hour VALUES (%s, '2020-01-01 00:00Z', now(), 1, 1, 1, 1)", (joined.b.code,))
    joined.caught_up(joined.b)
    with psycopg.connect(joined.b.writer_url, autocommit=True) as conn:
        assert telling.forget(conn, now()) == 1
    joined.b.tell()
    with joined.connect() as conn, joined.b.owner_of_feed() as theirs:
        query = "SELECT count(*) FROM city.hour WHERE hour < '2021-01-01'"
        assert (conn.execute(query).fetchone(), theirs.execute(query).fetchone()) == ((1,), (0,))
        conn.execute("DELETE FROM city.hour WHERE hour < '2021-01-01'")
    joined.caught_up(joined.b)


def test_a_district_can_not_speak_for_another(joined: City) -> None:
    forged = "UPDATE city.district SET name_zh = 'forged', district = 'yantian'"
    with joined.b.owner_of_feed() as conn, joined.connect() as ours:
        before = ours.execute("SELECT * FROM city.district WHERE district = 'yantian'").fetchone()
        conn.execute(
            "INSERT INTO city.community VALUES ('yantian', 'x', 'community', 'forged', 'forged', 1, 1, 1, 1, 1)"
        )
        conn.execute(forged.replace("district = 'yantian'", "name_en = 'forged'"))

        def refused() -> bool:
            row = ours.execute(
                "SELECT apply_error_count FROM pg_stat_subscription_stats WHERE subname = 'district_nanshan'"
            ).fetchone()
            return row is not None and row[0] > 0

        wait_until(refused, WAIT_S, "the city refuses it", pause_s=0.2)
        assert ours.execute("SELECT count(*) FROM city.community WHERE community = 'x'").fetchone() == (0,)
        assert ours.execute("SELECT * FROM city.district WHERE district = 'yantian'").fetchone() == before
        conn.execute("DELETE FROM city.community WHERE community = 'x'")
        joined.b.publish()
        following.join(ours, joined.b.follower_url, again=True)
    joined.caught_up(joined.b)


def test_each_role_does_its_work_and_nothing_else(joined: City) -> None:
    a = joined.a
    with psycopg.connect(a.server.url_of("postgres"), autocommit=True) as conn:  # people's, as on a shared server
        conn.execute("REVOKE ALL ON DATABASE shouwang FROM PUBLIC")  # as every district's: database/rights/roles.py
    for role in (FOLLOWER, WRITER):  # neither comes into the database of the people
        for option in ("", "?replication=database"):
            with pytest.raises(psycopg.OperationalError, match="permission denied"):
                psycopg.connect(f"postgresql://{role}:{WORD}@127.0.0.1:{a.server.port}/shouwang{option}").close()
    for attack in ("INSERT INTO city.hour VALUES ('x', now(), now(), 1, 1, 1, 1)", "DELETE FROM city.alert",
                   "CREATE TABLE city.mine ()", "CREATE PUBLICATION mine FOR ALL TABLES"):  # fmt: skip
        with psycopg.connect(a.follower_url) as conn, pytest.raises(errors.InsufficientPrivilege):
            conn.execute(attack)
    with psycopg.connect(a.writer_url) as conn, pytest.raises(errors.InsufficientPrivilege):
        conn.execute("SELECT pg_create_logical_replication_slot('mine', 'pgoutput')")
    reader = f"postgresql://{READER}:{WORD}@127.0.0.1:{joined.server.port}/shouwang"
    with psycopg.connect(reader, autocommit=True) as conn:
        assert len(report(conn, 7).districts) == 2
        for attack in (
            "DELETE FROM city.alert",
            "CREATE TABLE city.mine ()",
            "SELECT subconninfo FROM pg_subscription",
        ):
            with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
                conn.execute(attack)
    with psycopg.connect(a.maintain_url) as conn, pytest.raises(errors.InsufficientPrivilege):
        conn.execute("SELECT secret FROM city_key")


def test_the_follower_can_not_copy_the_whole_server(joined: City) -> None:
    hba = joined.b.server.cluster / "pg_hba.conf"
    whole = joined.b.follower_url.replace("/feed", "/?replication=true")
    before = hba.read_text()
    hba.write_text("\n".join((*feed.HBA[:1], before)))
    try:
        with joined.b.owner_of_feed() as conn:
            conn.execute("SELECT pg_reload_conf()")

        def rejected() -> bool:
            try:
                psycopg.connect(whole).close()
            except psycopg.OperationalError as error:
                return "pg_hba.conf rejects" in str(error)
            return False

        wait_until(rejected, WAIT_S, "pg_hba.conf holds", pause_s=0.2)
        joined.b.tell()
        joined.caught_up(joined.b)
    finally:
        hba.write_text(before)


def test_the_feed_is_never_the_database_of_the_people(joined: City) -> None:
    with joined.a.owner() as conn, pytest.raises(ValueError, match=r"docs/city\.md"):
        feed.publish(conn, "yantian", ("盐田区", "Yantian"), {})
    with joined.a.owner_of_feed() as conn:
        with pytest.raises(ValueError, match="never changes"):
            feed.publish(conn, "luohu", ("罗湖区", "Luohu"), {})
        with pytest.raises(ValueError, match="code"):
            feed.publish(conn, "Yan-tian", ("盐田区", "Yantian"), {})
        assert feed.wrong_settings(conn) == []
    with joined.connect() as conn:
        wrong = {one.name for one in feed.wrong_settings(conn)}
        assert wrong == {"wal_level", "max_slot_wal_keep_size"}
        following.room_for(conn, 2)
        with pytest.raises(ValueError, match="max_logical_replication_workers = 141 or more"):
            following.room_for(conn, 139)


def _open(city: City, one: District) -> bool:
    with city.connect() as conn, one.owner_of_feed() as theirs:
        query = "SELECT count(*) FROM city.alert WHERE district = %s"
        return conn.execute(query, (one.code,)).fetchone() == theirs.execute(query, (one.code,)).fetchone()


def _without_kind(city: City) -> None:
    """Back to the version before: the district first."""
    with city.a.owner_of_feed() as conn:
        conn.execute("ALTER TABLE city.alert DROP COLUMN IF EXISTS kind")
    with city.connect() as conn:
        city.a.tell()
        conn.execute("ALTER TABLE city.alert DROP COLUMN IF EXISTS kind")
    city.caught_up(city.a)


def test_the_commands_lead_from_one_to_the_next(joined: City, tmp_path: Path) -> None:
    b, word = joined.b, tmp_path / "secrets" / FOLLOWER

    def run(*arguments: str, status: int = 0) -> str:
        done = CliRunner().invoke(app, ["city", *arguments], env={"SHOUWANG_CITY_URL": joined.server.url})
        assert done.exit_code == status, done.output
        return done.output

    server = b.server.url_of("feed")
    publish = ("publish", "--url", b.main_url, "--feed", server, "--district", b.code, "--secrets", str(word.parent))
    try:
        told = run(*publish)
        assert word.read_text().strip() not in told
        assert "shouwang city join --password-file" in told
        assert feed.HBA[0] in told
        assert "wal_level = logical" in run(*publish[:4], joined.server.url, *publish[5:], status=1)
        assert "password authentication failed" in joined.state_of(b)[1], "the password was made anew"
        url = f"postgresql://{FOLLOWER}@127.0.0.1:{b.server.port}/feed"
        run("join", "--again", "--password-file", str(word), url)
        joined.caught_up(b)
        wait_until(lambda: joined.state_of(b)[0] == "current", WAIT_S, "it is current", pause_s=0.2)
        rows = json.loads(run("status", "--json"))
        assert {row["district"]: row["state"] for row in rows}[b.code] == "current"
        assert {row["district"]: row["bound_bytes"] for row in rows}[b.code] == BOUND_MB * 1024 * 1024
        assert "地sz.yt Place sz.yt" in run("report")
        assert len(json.loads(run("report", "--json"))["districts"]) == 2
        assert "district_nanshan" in run("withdraw", "--feed", server)
        assert "cut off" in run("status", status=1)
        run(*publish)
        assert joined.state_of(b)[0] == "lost"
        run("join", "--again", "--password-file", str(word), url)
        assert "followed already" in run("join", "--password-file", str(word), url, status=1)
        with joined.connect() as conn:  # a subscription that was dropped while the district was away
            conn.execute("ALTER SUBSCRIPTION district_nanshan DISABLE")
            conn.execute("ALTER SUBSCRIPTION district_nanshan SET (slot_name = NONE)")
            conn.execute("DROP SUBSCRIPTION district_nanshan")
        assert "join --again" in run("join", "--password-file", str(word), url, status=1)
        run("join", "--again", "--password-file", str(word), url)
        assert "next: shouwang city join" in run("init")
        run("leave", "--forget", b.code)
        with joined.connect() as conn:
            assert conn.execute("SELECT count(*) FROM city.alert WHERE district = %s", (b.code,)).fetchone() == (0,)
        assert "not followed" in run("leave", b.code, status=1)
    finally:
        b.publish()


def test_maintenance_tells_by_itself_and_the_doctor_sees_it(joined: City) -> None:
    a, stop, liveness = joined.a, threading.Event(), Liveness()
    settings = FeedSettings(url=a.writer_url, every_s=0.1)
    teller = liveness.start(
        "feed", lambda part: telling.run(DatabaseSettings(url=a.maintain_url), settings, stop, part), telling.TURN_S
    )
    try:
        with a.owner() as conn:
            raise_alert(conn, now())
            (wanted,) = conn.execute("SELECT count(*) FROM city_alert").fetchone() or (0,)

        def arrived() -> bool:
            with joined.connect() as conn:
                row = conn.execute("SELECT count(*) FROM city.alert WHERE district = %s", (a.code,)).fetchone()
                return row is not None and row[0] >= wanted

        wait_until(arrived, WAIT_S, "the alert is in the city", pause_s=0.1)
        rows = {check.what: check for check in feed_checks(a.writer_url)}
        assert all(check.good for check in rows.values()), rows
        assert "follows" in rows["city (district_yantian)"].text
        a.cut()
        wait_until(lambda: "not connected" in _city_row(a), WAIT_S, "the doctor sees it", pause_s=0.1)
        a.server.stop()
        wait_until(lambda: liveness.look()[0].state == "held up", WAIT_S, "it says so", pause_s=0.1)
        (row,) = feed_checks(a.writer_url)
        assert not row.good
        a.server.start()
        a.mend()
        wait_until(lambda: liveness.look()[0].state == "well", WAIT_S, "it goes on by itself", pause_s=0.1)
    finally:
        stop.set()
        teller.join()
    assert liveness.look()[0].reason == "its loop returned"


def _city_row(district: District) -> str:
    return next(check.text for check in feed_checks(district.writer_url) if check.what.startswith("city"))
