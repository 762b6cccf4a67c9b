"""The embedded PostgreSQL: starts, keeps committed data through any end, and disturbs nobody."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from database.server.embedded import EmbeddedPostgres, PostgresServer, embedded_bin_dir
from database.server.stale import clear_the_way, processes_in
from database.server.user import (
    STANDS_FOR,
    ServerUser,
    choose_user,
    reachable_binaries,
    reachable_folder,
    remove_forgotten,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    # The test may ask for faults; a folder below the private tmp_path is what root's server cannot reach.
    postgres = EmbeddedPostgres(tmp_path / "postgres", {"shared_buffers": "16MB"})
    try:
        yield postgres
    finally:
        postgres.discard()


def count(postgres: PostgresServer) -> int:
    with psycopg.connect(postgres.url) as conn:
        row = conn.execute("SELECT count(*) FROM kept").fetchone()
        assert row
        return int(row[0])


def test_rows_survive_kill_and_restart_on_the_same_port(server: EmbeddedPostgres) -> None:
    server.start()
    port = server.port
    with psycopg.connect(server.url) as conn:
        conn.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    for round_number in range(1, 4):
        server.kill()
        assert server.pid is None
        server.start()
        assert server.port == port
        assert count(server) == 1000 * round_number
        with psycopg.connect(server.url) as conn:
            conn.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
    server.stop()
    server.start()
    assert count(server) == 4000


def test_start_and_stop_are_safe_to_repeat(server: EmbeddedPostgres) -> None:
    server.start()
    pid = server.pid
    server.start()
    assert server.pid == pid
    server.stop()
    server.stop()
    assert server.pid is None
    assert not processes_in(server.cluster)


def test_password_is_private_and_needed(server: EmbeddedPostgres) -> None:
    server.start()
    assert stat.S_IMODE((server.data_dir / "password").stat().st_mode) == 0o600
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://shouwang:wrong@127.0.0.1:{server.port}/shouwang")


def test_a_server_that_outlived_its_program_is_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    program = (
        "import os, sys, pathlib, psycopg\n"
        "from database.server import guardian\n"
        "from database.server.embedded import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(pathlib.Path(sys.argv[1]))\n"
        "server.start()\n"
        "with psycopg.connect(server.url) as conn:\n"
        "    conn.execute('CREATE TABLE kept AS SELECT generate_series(1, 5) AS n')\n"
        "guardian._guardian._process.kill()\n"  # dies with the program: nobody ends the server
        "print(server.pid, flush=True)\n"
        "os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr
    orphan = int(done.stdout)
    server = EmbeddedPostgres(folder)
    try:
        assert orphan in processes_in(server.cluster)
        server.start()
        assert count(server) == 5
        assert orphan not in processes_in(server.cluster)
    finally:
        server.discard()


def test_a_stale_mark_with_a_living_strangers_number_is_no_obstacle(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    mark = server.cluster / "postmaster.pid"
    mark.write_text(f"{os.getpid()}\n{server.cluster}\n")
    server.start()
    assert server.pid is not None


def test_two_programs_can_not_share_a_folder(server: EmbeddedPostgres) -> None:
    server.start()
    with pytest.raises(RuntimeError, match="in use by another program"):
        EmbeddedPostgres(server.data_dir).start()
    assert server.pid is not None


def test_another_port_where_the_old_one_is_taken(server: EmbeddedPostgres) -> None:
    server.start()
    port = server.port
    server.stop()
    with socket.create_server(("127.0.0.1", port)):
        server.start()
        assert server.port != port


def test_a_setting_that_is_refused_shows_the_servers_words(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", {"shared_buffers": "nonsense"})
    try:
        with pytest.raises(RuntimeError, match="invalid value for parameter"):
            server.start()
        assert server.pid is None
    finally:
        server.discard()


def test_a_lost_password_is_told_apart_from_a_new_folder(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.data_dir / "password").unlink()
    with pytest.raises(RuntimeError, match="its password"):
        server.start()


def test_ctrl_c_does_not_reach_the_server(server: EmbeddedPostgres) -> None:
    server.start()
    assert server.pid is not None
    assert os.getsid(server.pid) == server.pid != os.getsid(0)


def test_missing_binaries_are_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="there is no file 'postgres'"):
        reachable_binaries(tmp_path, ServerUser(None, None))


def test_parents_keep_their_permissions(server: EmbeddedPostgres, tmp_path: Path) -> None:
    before = [stat.S_IMODE(folder.stat().st_mode) for folder in tmp_path.parents]
    server.start()
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in tmp_path.parents] == before
    assert embedded_bin_dir().exists()


def test_nothing_to_clear_in_a_new_folder(tmp_path: Path) -> None:
    started = time.monotonic()
    clear_the_way(tmp_path)
    assert time.monotonic() - started < 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
@pytest.mark.parametrize("left_closed", [False, True])
def test_the_server_reaches_its_folder_under_the_umask_of_a_service(tmp_path: Path, left_closed: bool) -> None:
    wanted = tmp_path / "postgres"
    before = os.umask(0o077)
    try:
        folder = reachable_folder(wanted, choose_user())
        if left_closed:
            folder.chmod(0o700)
            folder = reachable_folder(wanted, choose_user())
        assert folder != wanted
        assert subprocess.run(["/bin/ls", folder], cwd="/", **choose_user().popen()).returncode == 0
    finally:
        os.umask(before)
        shutil.rmtree(folder)


def test_what_a_killed_program_left_of_a_temporary_folder_goes_and_nothing_else(tmp_path: Path) -> None:
    def replacement(name: str, wanted: Path) -> Path:
        folder = tmp_path / f"shouwang-{name}"
        (folder / "cluster").mkdir(parents=True)
        (folder / STANDS_FOR).write_text(str(wanted))
        return folder

    here = tmp_path / "data"
    here.mkdir()
    gone, used, lasting, served = (
        replacement(name, wanted)
        for name, wanted in (
            ("gone", tmp_path / "no more"),
            ("used", here),
            ("lasting", Path("/srv/not mounted")),
            ("served", tmp_path / "no more either"),
        )
    )
    (tmp_path / "shouwang-strange").mkdir()
    working = subprocess.Popen(["sleep", "60"], cwd=served / "cluster")
    try:
        remove_forgotten(tmp_path)
    finally:
        working.kill()
        working.wait()
    assert not gone.exists()
    assert all(folder.exists() for folder in (used, lasting, served, tmp_path / "shouwang-strange"))
