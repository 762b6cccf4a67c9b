"""Alerting tells the database how far it has come, and no silent server keeps its thread."""

import threading
import time

import psycopg
import pytest

from alerting.service.progress import Progress
from console.board.pulse import look
from database.pool import deadline
from database.reports import alerting_workers
from database.settings import DatabaseSettings
from tests.support.databases import of_service
from tests.support.lines import SilentLine
from tests.support.services import wait_for

pytestmark = pytest.mark.integration


def test_a_word_tells_the_age_of_what_is_handled_and_not_of_itself(database_url: str) -> None:
    clock = [100.0]
    database = DatabaseSettings(url=of_service(database_url, "alerting"))
    progress = Progress(database, "alerting-0", lambda: 7, lambda: clock[0])
    stop = threading.Event()
    with psycopg.connect(database_url, autocommit=True) as conn:
        thread = threading.Thread(target=progress.run, args=(stop,))
        thread.start()
        try:
            wait_for(lambda: alerting_workers.load(conn), 10, lambda: "nothing is told")
            (word,) = alerting_workers.load(conn)
            assert (word.name, word.handled_s, word.waiting) == ("alerting-0", None, 7)
            assert look(conn).handled_s is None, "a process that has handled nothing is not known to detect"
            progress.handled(100.0)
            progress.handled(90.0)  # came before, was handled later
            clock[0] = 145.0
            wait_for(lambda: look(conn).handled_s, 10, lambda: "the handled message is not told")
            handled_s = look(conn).handled_s
            assert handled_s is not None
            assert 45 <= handled_s < 60, "of the message, however fresh the word is"
        finally:
            stop.set()
            thread.join(10)


def test_a_silent_server_is_given_up(database_url: str) -> None:
    with SilentLine(database_url) as line, psycopg.connect(line.url(database_url), autocommit=True) as conn:
        with deadline(conn, 5):
            assert conn.execute("SELECT 1").fetchone() == (1,)
        line.silence()
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError), deadline(conn, 0.2):
            conn.execute("SELECT 1")
        assert time.monotonic() - began < 60, "a silent line says nothing for as long as it stands"
