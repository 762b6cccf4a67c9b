"""One set of migrations at every grade: repeatable, safe side by side, and the same views."""

import datetime as dt
import itertools
import threading

import psycopg
import pytest

from database.grade import Grade, grade_advice, schema_grade, server_grade
from database.health import examine
from database.migrate import build_schema, migrate, newest_revision, revision
from database.pool import make_pool
from database.settings import DatabaseSettings
from dispatch.escalation import duty_warnings
from ingest.batches.database_directory import DatabaseDirectory
from ingest.batches.marks import REUSED_US
from tests.support.district import add_homes

pytestmark = [pytest.mark.integration, pytest.mark.every_grade]

START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def test_repeating_changes_nothing(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        grade = schema_grade(conn)
        assert grade == server_grade(conn)
    before = revision(database_url)
    assert migrate(database_url) == grade
    assert revision(database_url) == before == newest_revision()


def test_services_that_start_together_migrate_one_after_the_other(database_url: str) -> None:
    name = f"{database_url.rpartition('/')[2]}_together"
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {name}")
        conn.execute(f"CREATE DATABASE {name}")
    url = f"{database_url.rpartition('/')[0]}/{name}"
    grades: list[Grade] = []
    threads = [threading.Thread(target=lambda: grades.append(migrate(url))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(grades) == 3
    assert len(set(grades)) == 1
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def fill(conn: psycopg.Connection, seconds: int) -> None:
    conn.execute(
        "INSERT INTO reading (time, series_id, value)"
        " SELECT %s + g * interval '1 second', s, g FROM generate_series(0, %s) g, generate_series(1, 3) s",
        (START, seconds - 1),
    )


def test_roll_ups_count_every_reading(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        fill(conn, 2 * 3600)
        minutes = conn.execute("SELECT * FROM reading_minute WHERE series_id = 2 ORDER BY time").fetchall()
        hours = conn.execute("SELECT * FROM reading_hour WHERE series_id = 2 ORDER BY time").fetchall()
    assert len(minutes) == 120
    assert minutes[1] == (2, START + dt.timedelta(minutes=1), 60, 89.5, 60.0, 119.0)
    assert hours == [
        (2, START, 3600, 1799.5, 0.0, 3599.0),
        (2, START + dt.timedelta(hours=1), 3600, 5399.5, 3600.0, 7199.0),
    ]


def test_bounded_functions_give_the_views_rows(database_url: str) -> None:
    bounds = ((0, 7200), (60, 3600), (30, 3601), (59.999999, 60.000001), (0, 0), (7100, 9000))
    views = {"reading_minutes": "reading_minute", "reading_hours": "reading_hour"}
    with psycopg.connect(database_url) as conn:
        fill(conn, 7200)
        for (function, view), (since, until) in itertools.product(views.items(), bounds):
            first, last = START + dt.timedelta(seconds=since), START + dt.timedelta(seconds=until)
            wanted = conn.execute(
                f"SELECT * FROM {view} WHERE series_id IN (1, 3) AND time >= %s AND time < %s ORDER BY 1, 2",
                (first, last),
            ).fetchall()
            given = conn.execute(
                f"SELECT * FROM {function}(%s, %s, %s) ORDER BY 1, 2", ([1, 3], first, last)
            ).fetchall()
            assert given == wanted, (function, since, until)


def test_the_chart_of_a_day_reads_the_index(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        fill(conn, 3600)
        conn.execute("SET enable_seqscan = off")
        plan = conn.execute(
            "EXPLAIN SELECT * FROM reading_minutes(ARRAY[1], %s, %s)", (START, START + dt.timedelta(minutes=5))
        ).fetchall()
    text = "\n".join(row[0] for row in plan)
    assert "reading_series_time" in text or "_materialized_hypertable" in text
    assert "Index Cond" in text


def test_alert_history_can_not_be_rewritten(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute(
            """
            INSERT INTO area (path, level, name_zh, name_en) VALUES ('c', 'city', '市', 'City');
            INSERT INTO household (code, area_id, address_zh, address_en) SELECT 'H1', id, '', '' FROM area;
            INSERT INTO alert (id, rule, rule_version, severity, subject, household_id, onset, sensed_at, received_at,
                               raised_at, reason_zh, reason_en, evidence)
            SELECT gen_random_uuid(), 'sos', 1, 'emergency', 'x', id, now(), now(), now(), now(), '', '', '{}'
            FROM household;
            INSERT INTO alert_event (alert_id, at, action, to_state, actor)
            SELECT id, now(), 'raise', 'raised', 'system' FROM alert;
            """
        )
        conn.commit()
        for statement in ("UPDATE alert_event SET note = 'x'", "DELETE FROM alert_event", "TRUNCATE alert_event"):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                conn.execute(statement)
            conn.rollback()


def test_a_pool_opens_with_the_database_away_and_says_so() -> None:
    settings = DatabaseSettings(url="postgresql://nobody@127.0.0.1:1/nothing")
    with make_pool(settings, "test") as pool, pytest.raises(psycopg.OperationalError), pool.connection(timeout=0.2):
        pass


def test_a_pool_gives_connections_in_utc(database_url: str) -> None:
    with make_pool(DatabaseSettings(url=database_url), "test") as pool, pool.connection() as conn:
        row = conn.execute("SELECT current_setting('timezone'), current_setting('application_name')").fetchone()
        assert row == ("UTC", "shouwang-test")


def test_an_operator_hears_where_schema_and_server_differ() -> None:
    assert grade_advice(Grade.PLAIN, Grade.PLAIN) is None
    assert "migrate an empty database" in str(grade_advice(Grade.PLAIN, Grade.COMMUNITY))
    assert "shared_preload_libraries" in str(grade_advice(Grade.APACHE, Grade.PLAIN))


def test_a_plain_schema_is_not_converted_silently(database_url: str) -> None:
    name = f"{database_url.rpartition('/')[2]}_plain"
    with psycopg.connect(database_url, autocommit=True) as conn:
        offered = server_grade(conn)
        conn.execute(f"CREATE DATABASE {name}")
    url = f"{database_url.rpartition('/')[0]}/{name}"
    try:
        build_schema(url, Grade.PLAIN)
        assert migrate(url) == Grade.PLAIN
        advice = grade_advice(Grade.PLAIN, offered)
        assert (advice is None) == (offered == Grade.PLAIN)
    finally:
        with psycopg.connect(database_url, autocommit=True) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_doctor_finds_what_is_wrong(database_url: str) -> None:
    health = examine(database_url)
    assert health.reachable
    assert health.built == health.offered
    # of TimescaleDB's policies the tests pause all
    findings = [text for text in health.findings if "is switched off: SELECT alter_job(" not in text]
    off = [text.partition(":")[0] for text in findings]
    assert off == ["fsync is off", "full_page_writes is off"], "the servers of the tests"
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '0003'")
        conn.execute(f"ALTER DATABASE {conn.info.dbname} SET synchronous_commit = off")
    findings = examine(database_url).findings
    assert "shouwang migrate" in findings[0]
    assert "synchronous_commit is off" in findings[2]
    away = examine("postgresql://nobody:secret@127.0.0.1:1/nothing")
    assert not away.reachable
    assert "does not answer" in away.findings[0]
    assert "secret" not in away.findings[0]


def test_a_database_in_use_is_brought_up_to_date(database_url: str) -> None:
    """Roster holes listed before the migration are found anew, with their new columns; a stored frame is still
    a repetition when it comes again."""
    name = f"{database_url.rpartition('/')[2]}_used"
    now = dt.datetime.now(dt.UTC)
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    url = f"{database_url.rpartition('/')[0]}/{name}"
    try:
        build_schema(url, Grade.PLAIN, "0055")
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(
                "INSERT INTO duty_warning (place, posts, starts_at, ends_at, text_zh, text_en, found_at)"
                " VALUES ('某处', '{}', %(at)s, %(at)s + INTERVAL '9 h', '无人', 'nobody', %(at)s)",
                {"at": now},
            )
        add_homes(url, ["gw-1"])
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(
                "INSERT INTO ingest_stream (gateway_id, epoch, stream, high) SELECT id, 1, 'live', 9 FROM gateway"
            )
            (gateway,) = conn.execute("SELECT id FROM gateway").fetchone()  # type: ignore[misc]
        build_schema(url, Grade.PLAIN)
        with psycopg.connect(url, autocommit=True) as conn:
            mark = DatabaseDirectory(conn).mark((gateway, 1, "live"))
            assert mark is not None
            now_us = round(now.timestamp() * 1e6)
            assert not mark.reuses(now_us)
            assert mark.reuses(now_us + REUSED_US + 60_000_000)
        with psycopg.connect(url, autocommit=True) as conn:
            assert duty_warnings.record(conn, [], now, now + dt.timedelta(hours=18)) == []
            assert conn.execute("SELECT count(*) FROM duty_warning WHERE gone_at IS NULL").fetchone() == (0,)
    finally:
        with psycopg.connect(database_url, autocommit=True) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_migration_that_meets_a_lock_lets_others_pass_and_tries_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ladder's transaction holds the table; another service's statement behind the migration is not held up."""
    monkeypatch.setattr("database.migrate.TABLE_WAIT_MS", 200)
    monkeypatch.setattr("database.migrate.PAUSE_S", 0.2)
    tried = threading.Event()
    monkeypatch.setattr("database.migrate.log.warning", lambda *_, **__: tried.set())
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE older")
        url = psycopg.conninfo.make_conninfo(database_url, dbname="older")
        try:
            build_schema(url, Grade.PLAIN, "0088")
            with psycopg.connect(url) as holder, psycopg.connect(url, autocommit=True) as other:
                holder.execute("SELECT count(*) FROM household")
                work = threading.Thread(target=build_schema, args=(url, Grade.PLAIN))
                work.start()
                assert tried.wait(30)
                other.execute("SET statement_timeout = '10s'")
                other.execute("SELECT count(*) FROM household")
                assert revision(url) == "0088"
                holder.rollback()
                work.join(60)
            assert revision(url) == newest_revision()
        finally:
            admin.execute("DROP DATABASE older WITH (FORCE)")
