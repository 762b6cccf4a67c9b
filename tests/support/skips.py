"""A pytest plugin: at the end of a run, which tests failed or needed a second try, how many were skipped and why, grade
by grade and broker by broker.

Written to the file SHOUWANG_TEST_SKIPPED, too, for the last lines of ``make test``.
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.brokers import BROKERS
from tests.support.databases import GRADES

VARIANTS = {name: f"database {name}" for name in GRADES} | {name: f"broker {name}" for name in BROKERS}
"""By the parameter in a test's id: ``test_x[community-nats]``."""
MOST_FAILURES = 40
MOST_LINES = 60
"""Of what a first try said: its end has the failure."""
RAN = ("passed", "failed", "xfailed", "xpassed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """With xdist this runs in the controller, which has the reports of all workers."""
    stats = terminalreporter.stats
    lines = summary(
        [(report.nodeid, reason_of(report)) for report in stats.get("skipped", [])],
        [report.nodeid for outcome in RAN for report in stats.get(outcome, [])],
    )
    failed = [report.nodeid for outcome in ("failed", "error") for report in stats.get(outcome, [])]
    first_tries = {report.nodeid: report for report in stats.get("rerun", [])}
    lines += second_tries(list(first_tries), failed)
    lines += failures(failed)
    for test in sorted(first_tries.keys() - set(failed)):
        terminalreporter.section(f"first try of {test}", sep="_")
        terminalreporter.write_line("\n".join(first_tries[test].longreprtext.splitlines()[-MOST_LINES:]))
    terminalreporter.section(lines[0])
    for line in lines[1:]:
        terminalreporter.write_line(line)
    file = os.environ.get("SHOUWANG_TEST_SKIPPED")
    if file:
        Path(file).write_text("\n".join(lines) + "\n", "utf-8")


def second_tries(tried_again: Sequence[str], failed: Sequence[str]) -> list[str]:
    """A line a test that failed once and passed then: late, or a race that wants to be looked at."""
    return [f"passed at the second try: {test}" for test in sorted(set(tried_again) - set(failed))]


def failures(tests: Sequence[str]) -> list[str]:
    """A line a test that failed, for the very end of the log: pytest's own list drowns in what a failure compares."""
    return [f"failed: {test}" for test in sorted(set(tests))[:MOST_FAILURES]]


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The reason without its 'Skipped: ', which pytest puts before it."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def summary(skipped: Sequence[tuple[str, str]], ran: Sequence[str]) -> list[str]:
    """Lines of (test id, reason) of the skipped tests and the ids of those that ran: a heading, the reasons with their
    counts, then each database grade and broker."""
    if not skipped:
        return [f"skipped: none of {len(ran)} tests", *_variants(Counter(), ran)]
    lines = [f"skipped: {len(skipped)} of {len(skipped) + len(ran)} tests"]
    reasons = Counter((_variant_that_lacks(test, reason), reason) for test, reason in skipped)
    for (variant, reason), count in sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0])):
        lines.append(f"{count:5}  {variant + ': ' if variant else ''}{reason}")
    return lines + _variants(Counter(name for test, _ in skipped for name in _parameters(test)), ran)


def _variants(skipped: Counter[str], ran: Sequence[str]) -> list[str]:
    counts = Counter(name for test in ran for name in _parameters(test))
    return [
        f"       {words}: {counts[name]} ran, {skipped[name]} skipped"
        for name, words in VARIANTS.items()
        if counts[name] or skipped[name]
    ]


def _variant_that_lacks(test: str, reason: str) -> str:
    """The grade or broker that a reason is about: 'mosquitto' where the reason names it, a grade where one is in the
    test's id."""
    names = _parameters(test)
    brokers = [name for name in names if name in BROKERS and name in reason]
    grades = [name for name in names if name in GRADES and "TimescaleDB" in reason]
    return ", ".join(VARIANTS[name] for name in brokers + grades)


def _parameters(test: str) -> list[str]:
    _, bracket, inside = test.partition("[")
    return [name for name in inside.rstrip("]").split("-") if name in VARIANTS] if bracket else []
