"""The observer over a real database: right within a minute whatever is taken away, through restarts and gaps."""

import datetime as dt
import random

import psycopg
import pytest

from care_network.protection import history, picture
from care_network.protection.family import family_sentence
from care_network.protection.functions import Function, Level
from care_network.protection.observer import Observer, stored
from tests.support.databases import of_service
from tests.support.protected_district import World

pytestmark = pytest.mark.integration
START = dt.datetime(2026, 11, 2, 1, tzinfo=dt.UTC)
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
COVERED = dict.fromkeys(Function, Level.COVERED)


def levels(conn: psycopg.Connection, world: World, home: int) -> dict[Function, Level]:
    return {function: cell.level for function, cell in stored(conn)[world.residents[home]].items()}


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_taken_away_the_picture_is_the_truth_within_a_minute(database_url: str, seed: int) -> None:
    chance = random.Random(seed)
    with psycopg.connect(database_url, autocommit=True) as conn:
        world = World(conn, 12, START)
        with psycopg.connect(of_service(database_url, "orders"), autocommit=True) as own:
            observer = Observer(START)
            for turn in range(14):
                world.now += chance.choice((20, 70, 200, 4000, 11_000, 30_000)) * dt.timedelta(seconds=1)
                for _ in range(chance.randrange(6)):
                    world.mishap(chance)
                world.speak()
                if turn == 7:
                    observer = Observer(world.now)  # as after a restart
                for _ in range(3):
                    observer.learn_anew()
                    observer.look(own, world.now)
                    world.now += dt.timedelta(seconds=20)
                world.speak()
                observer.look(own, world.now)
                seen = stored(conn)
                for home in world.homes:
                    found = {function: cell.level for function, cell in seen[world.residents[home]].items()}
                    assert found == world.truth(home), f"seed {seed}, turn {turn}, home {home}"


def test_changes_are_kept_once_and_what_nobody_saw_is_a_gap(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        world = World(conn, 2, START)
        observer = Observer(START)
        assert observer.look(conn, START) == 2
        assert levels(conn, world, 1) == COVERED
        assert observer.look(conn, START + dt.timedelta(seconds=10)) == 0
        world.now = START + dt.timedelta(seconds=20)
        world.offline[1] = world.now
        world.line(1, "offline")
        observer.look(conn, world.now)
        assert levels(conn, world, 1) == dict.fromkeys(Function, Level.BLIND)
        assert levels(conn, world, 2) == COVERED
        changes = conn.execute("SELECT count(*) FROM protection_change").fetchone()
        assert changes == (2 * 7 + 7,)
        again = Observer(world.now + HOUR)  # the process died for an hour; the same state is no change
        world.now += HOUR
        world.speak()
        again.look(conn, world.now)
        assert conn.execute("SELECT count(*) FROM protection_change").fetchone() == changes
        assert conn.execute("SELECT until - since FROM protection_gap").fetchall() == [(HOUR,)]
        conn.execute("UPDATE protection_change SET at = at - interval '500 days'")
        assert conn.execute("SELECT end_period('protection_change')").fetchone() == (7,)  # but what holds still


def test_a_resident_who_leaves_and_a_home_that_becomes_nobodys_leave_the_picture(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        world = World(conn, 2, START)
        observer = Observer(START)
        observer.look(conn, START)
        conn.execute("DELETE FROM resident WHERE code = 'P2'")
        observer.learn_anew()
        observer.look(conn, START + dt.timedelta(seconds=10))
        assert set(stored(conn)) == {world.residents[1]}


def test_lists_say_what_the_observer_saw_and_unknown_where_nobody_looked(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        world = World(conn, 4, START)
        whole, _ = picture.totals(conn, "sz.yt", START)
        assert whole.counts[Function.FALL] == [0, 0, 4, 0]  # not known yet, rather than nobody
        observer = Observer(START)
        observer.look(conn, START)
        world.now = START + dt.timedelta(seconds=30)
        world.offline[2] = world.now
        world.line(2, "offline")
        observer.look(conn, world.now)
        whole, streets = picture.totals(conn, "sz.yt", world.now)
        assert whole.counts[Function.FALL] == [3, 0, 0, 1]
        assert [(street.path, street.residents, street.counts[Function.HELP]) for street in streets] == [
            ("sz.yt.hs", 2, [1, 0, 0, 1]), ("sz.yt.ms", 2, [2, 0, 0, 0])
        ]  # fmt: skip
        blind, number = picture.matrix(conn, "sz.yt", world.now, Function.HELP, Level.BLIND)
        assert (number, [line.code for line in blind]) == (1, ["P2"])
        assert blind[0].cells[Function.HELP].reason.code == "offline"
        later = world.now + 2 * MINUTE  # nobody has looked since
        lines, number = picture.matrix(conn, "sz.yt.hs", later)
        assert {cell.level for line in lines for cell in line.cells.values()} == {Level.UNKNOWN}
        assert picture.matrix(conn, "sz.yt", later, Function.HELP, Level.BLIND) == ([], 0)
        world.now = later
        world.speak()
        assert picture.of_resident(conn, world.residents[1], later)[Function.HELP].level == Level.COVERED
        assert family_sentence(conn, world.residents[1], later, ("妈妈", "Mum"))[0] == "妈妈在卧室、客厅有设备守护"
        assert "失去联系" in family_sentence(conn, world.residents[2], later, ("妈妈", "Mum"))[0]
        assert picture.of_resident(conn, 0, later)[Function.HELP].level == Level.UNKNOWN
        # detection stands still: nothing is covered, whatever is stored
        conn.execute(
            "INSERT INTO alerting_worker (name, handled_at, waiting, seen_at) VALUES ('a', %(at)s, 0, %(at)s)",
            {"at": later - 2 * MINUTE},
        )
        cells = picture.of_resident(conn, world.residents[1], later)
        assert (cells[Function.HELP].level, cells[Function.HELP].reason.code) == (Level.UNKNOWN, "undetected")
        assert "有设备守护" not in family_sentence(conn, world.residents[1], later, ("妈妈", "Mum"))[0]


def test_the_course_of_a_day_has_the_blind_hours_of_each(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        world = World(conn, 2, START)
        observer = Observer(START)
        for minutes, state in ((0, ""), (1, "offline"), (2, "offline"), (3, "online")):
            world.now = START + minutes * MINUTE
            if state:
                world.line(1, state)
            world.speak()
            observer.look(conn, world.now)
        found = history.course(conn, "sz.yt", START, world.now, Function.FALL)
        assert [(one.code, one.blind_s, one.unknown_s, one.times_blind) for one in found] == [("P1", 120, 0, 1)]
        longer = history.course(conn, "sz.yt.ms", START, world.now + HOUR, Function.FALL)
        assert [(one.code, one.blind_s, one.unknown_s) for one in longer] == [("P1", 120, 3600)]
