"""A pytest plugin: a test marked ``second_try`` that fails is run once more, and only that outcome counts.

For tests of real servers, browsers and platforms, one of which is late at times on a full machine. Before the second
try *everything* is torn down, what is shared by a module or by the whole run included: a shared thing that the failed
try has half made is made anew, and each is ended when its time comes. (pytest-rerunfailures 16.7 puts the finalizers
of the first try back in place of those of the second: a browser made in the second lived on, and the tests after it
failed.)
"""

from collections.abc import Iterator

import pytest
from _pytest.runner import runtestprotocol

FIRST_FAILED = pytest.StashKey[bool]()
"""On an item in its first try: whether it has failed so far. The second try has no such entry."""
TRIED = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "second_try: may fail once; the end of the log names it then")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if item.get_closest_marker("second_try") is None or item.stash.get(TRIED, False):
        return None
    item.stash[TRIED] = True
    item.stash[FIRST_FAILED] = False
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    del item.stash[FIRST_FAILED]
    failed = any(report.failed for report in reports)
    for report in reports:
        if report.failed:
            report.outcome = "rerun"  # type: ignore[assignment]  # pytest's own are passed, failed and skipped
        if not failed or report.outcome == "rerun":
            item.ihook.pytest_runtest_logreport(report=report)
    if failed:
        # Through the hook, so that a time limit begins anew.
        item.ihook.pytest_runtest_protocol(item=item, nextitem=nextitem)
    else:
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed and FIRST_FAILED in item.stash:
        item.stash[FIRST_FAILED] = True
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    if item.stash.get(FIRST_FAILED, False):
        item.session._setupstate.teardown_exact(None)


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    if report.outcome == "rerun":  # type: ignore[comparison-overlap]
        return "rerun", "R", ("TRIED AGAIN", {"yellow": True})
    return None
