"""Fixtures of all tests: databases, brokers and a browser, all real, each stopped by its own process id.

``database_url`` and ``postgres`` run a test on the oldest PostgreSQL found, which a district's TimescaleDB brings; a
test marked ``every_grade`` (it reads or writes readings) once for every grade, with a grade as its argument so only
before a release and at that grade otherwise, one marked ``community`` at that grade alone. ``broker`` runs it once for
every broker; a test that takes both runs for every pair. A test whose server is not on this machine is skipped with
the way to get it, and counted at the end (``tests.support.skips``).
"""

import datetime as dt
import functools
import gc
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import typer.testing
from hypothesis import HealthCheck, settings

from shouwang.brokers.pki import Pki
from tests.support import hashing, in_memory
from tests.support.brokers import BROKERS, HOW_TO_GET_MOSQUITTO, TestBroker, make_broker
from tests.support.databases import (
    GRADES,
    ONE_GRADE,
    Cluster,
    TestPostgres,
    how_to_get,
    make_server,
    shared_folder,
)
from tests.support.release import LONG_RUN

# A busy machine with cold caches makes the first inputs slow; that says nothing about the code. A property has the same
# inputs in each run, so that a failure tells of the change at hand; before a release they are drawn anew.
settings.register_profile(
    "shouwang",
    max_examples=60,
    deadline=None,
    derandomize=not LONG_RUN,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("shouwang")
# The tree of all commands takes 40 ms, and hundreds of tests run one: typer makes it for each.
typer.testing._get_command = functools.cache(typer.testing._get_command)  # type: ignore[attr-defined]
hashing.be_quick()
in_memory.use()
gc.disable()  # until all tests are collected: nothing of what is read till then is garbage
pytest_plugins = ["pytester", "tests.support.browser", "tests.support.second_try", "tests.support.skips"]


BROWSER_TESTS = Path(__file__).parent / "browser"
UNIT_TESTS = Path(__file__).parent / "unit"
LONGEST = (Path(__file__).parent / "deploy", Path(__file__).parent / "integration/shouwang")
"""Whole machines and whole platforms: one of their files that begins last would keep all processes waiting."""
OTHERS_BETWEEN = 3
"""Files of other tests between two of browser tests: about half of what runs at a time are browsers, then, as theirs
take longer."""
BEGUN = dt.datetime.now(dt.UTC)
UMASK = os.umask(0o022)
os.umask(UMASK)
SIGNALS = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}


@pytest.fixture(autouse=True, scope="module")
def now_of_the_module(request: pytest.FixtureRequest) -> None:
    """Set a module's ``NOW`` anew where it is of the clock: a quarter of an hour lies between the collection and the
    module's first test, and sometimes the end of a day or month."""
    found, now = getattr(request.module, "NOW", None), dt.datetime.now(dt.UTC)
    if isinstance(found, dt.datetime) and BEGUN <= found <= now:
        request.module.NOW = now


@pytest.fixture(autouse=True)
def process_of_its_own() -> Iterator[None]:
    """A service that a test runs in this process sets the umask and takes the signals; later tests have their own."""
    yield
    os.umask(UMASK)
    for number, handler in SIGNALS.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def log_of_its_own() -> Iterator[None]:
    """A command or a server sets up the log of its process, often on an output that a test captures and closes."""
    before = {name: _log_state(log) for name, log in _logs().items()}
    yield
    structlog.reset_defaults()
    for name, log in _logs().items():
        log.handlers[:], log.level, log.propagate, log.disabled = before.get(name, NEW_LOG)
    logging.getLogger().manager._clear_cache()  # type: ignore[attr-defined]  # each log remembers its level


@pytest.fixture(autouse=True)
def garbage_of_its_own(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test leaves to the garbage collector and is allowed to (a socket of paho's whose line was cut) goes while
    its own filter holds: else it fails whichever test allocates much next."""
    yield
    filters = [word for mark in request.node.iter_markers("filterwarnings") for word in mark.args]
    if any("PytestUnraisableExceptionWarning" in word for word in filters):
        gc.collect()


LogState = tuple[list[logging.Handler], int, bool, bool]
NEW_LOG: LogState = ([], logging.NOTSET, True, False)


def _logs() -> dict[str, logging.Logger]:
    known = logging.Logger.manager.loggerDict
    return {"": logging.getLogger()} | {name: log for name, log in known.items() if isinstance(log, logging.Logger)}


def _log_state(log: logging.Logger) -> LogState:
    return list(log.handlers), log.level, log.propagate, log.disabled


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    named = any("database_cluster" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "database_cluster" in metafunc.fixturenames and not named:
        marked = metafunc.definition.get_closest_marker
        every = marked("every_grade")
        grades = GRADES if every else ("community",) if marked("community") else ONE_GRADE
        if every and every.args and not LONG_RUN:
            grades = every.args
        metafunc.parametrize("database_cluster", grades, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files of browser tests among the others, which wait more than they compute, the longest first; and let
    each test of a real server, browser or platform try twice: one of them is late at times on a full machine. The end
    of the log names each that needed it; unit tests have one try."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
        if not item.path.is_relative_to(UNIT_TESTS):
            item.add_marker(pytest.mark.second_try)
    in_browser = [file for file in files if file.is_relative_to(BROWSER_TESTS)]
    others = [file for file in files if not file.is_relative_to(BROWSER_TESTS)]
    others.sort(key=lambda file: not any(file.is_relative_to(folder) for folder in LONGEST))
    for number, file in enumerate(in_browser):
        others.insert(number * (1 + OTHERS_BETWEEN), file)
    items[:] = [item for file in others for item in files[file]]


def pytest_collection_finish() -> None:
    """Leave the modules and tests out of every later look for garbage."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Cluster]]:
    """The servers that run, by grade; each starts when the first test asks for it and runs to the end of the run."""
    running: dict[str, Cluster] = {}
    try:
        yield running
    finally:
        for cluster in running.values():
            cluster.server.discard()


@pytest.fixture(scope="session")
def database_cluster(
    request: pytest.FixtureRequest, clusters: dict[str, Cluster], tmp_path_factory: pytest.TempPathFactory
) -> Cluster:
    """A server of each grade, for the whole run: kept in ``clusters``, as pytest ends this at each change of grade."""
    if request.param not in clusters:
        server = make_server(request.param, tmp_path_factory.mktemp(f"postgres-{request.param}"))
        if server is None:
            pytest.skip(how_to_get(request.param))
        try:
            clusters[request.param] = Cluster(server, shared_folder(request.param))
        except BaseException:
            server.discard()
            raise
    return clusters[request.param]


@pytest.fixture
def postgres(database_cluster: Cluster) -> Iterator[TestPostgres]:
    """A fresh, migrated database (``.url``) whose server the test may stop, kill and start."""
    with database_cluster.fresh_database() as url:
        yield TestPostgres(database_cluster.server, url, database_cluster.grade)


@pytest.fixture
def database_url(postgres: TestPostgres) -> str:
    """The connection string of a fresh, migrated, empty database."""
    return postgres.url


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """One certificate authority for the whole run."""
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(params=sorted(BROKERS))
def broker(request: pytest.FixtureRequest, tmp_path: Path, pki: Pki) -> Iterator[TestBroker]:
    """A running broker of the test's own; see ``tests.support.brokers``."""
    server = make_broker(request.param, tmp_path / "broker", pki)
    if server is None:
        pytest.skip(HOW_TO_GET_MOSQUITTO)
    with server:
        yield TestBroker(server)
