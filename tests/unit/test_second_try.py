"""The second try of a test, on tests that fail once on purpose."""

import pytest

SHARED = """
import pytest

log = []


@pytest.fixture(scope="session")
def server():
    log.append("server")
    yield
    log.remove("server")


@pytest.fixture(scope="module")
def browser():
    log.append("browser")
    yield
    log.remove("browser")


@pytest.fixture(autouse=True)
def nothing_twice():
    yield
    assert len(log) == len(set(log))


def pytest_collection_modifyitems(items):
    for item in items:
        if item.name != "test_has_one_try":
            item.add_marker(pytest.mark.second_try)
"""
ONCE = """
import pytest
from conftest import log

tries = []


@pytest.fixture
def once():
    tries.append(1)
    assert len(tries) > 1


@pytest.fixture
def once_at_the_end():
    yield
    tries.append(1)
    assert len(tries) > 1
"""
NEXT = """
from conftest import log


def test_next():
    assert "browser" not in log
"""
FAULTS = {
    "before anything shared is made": "def test_x(once, server, browser): assert 'browser' in log",
    "after it": "def test_x(server, browser, once): assert 'browser' in log",
    "in the test": "def test_x(server, browser):\n    tries.append(1)\n    assert len(tries) > 1",
    "at the end": "def test_x(server, browser, once_at_the_end): pass",
    "in the making of it": (
        "@pytest.fixture(scope='module')\ndef live(browser):\n    tries.append(1)\n    assert len(tries) > 1\n\n\n"
        "def test_x(live, server): pass"
    ),
    "with another after it": "def test_x(once, browser): pass\n\n\ndef test_y(browser, server): assert len(tries) == 2",
}


@pytest.fixture
def run(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(SHARED)
    return pytester


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_shared_ends_in_time_after_a_second_try(run: pytest.Pytester, fault: str) -> None:
    run.makepyfile(test_a=ONCE + "\n\n" + FAULTS[fault], test_b=NEXT)
    result = run.runpytest_inprocess("-p", "tests.support.second_try", "-p", "no:cacheprovider")
    assert result.ret == 0, result.outlines
    outcomes = result.parseoutcomes()
    assert outcomes["rerun"] == 1
    assert outcomes["passed"] == (3 if "another" in fault else 2)


def test_a_test_that_fails_twice_has_failed(run: pytest.Pytester) -> None:
    run.makepyfile("def test_x(browser): assert False")
    result = run.runpytest_inprocess("-p", "tests.support.second_try", "-p", "no:cacheprovider")
    assert result.parseoutcomes() == {"rerun": 1, "failed": 1}


def test_without_the_mark_there_is_one_try(run: pytest.Pytester) -> None:
    run.makepyfile("def test_has_one_try(): assert False")
    result = run.runpytest_inprocess("-p", "tests.support.second_try", "-p", "no:cacheprovider")
    assert result.parseoutcomes() == {"failed": 1}
