"""The summary of skipped tests at the end of a run."""

from pathlib import Path

import pytest

from tests.support.skips import failures, second_tries, summary

NO_COMMUNITY = "this TimescaleDB has no Community edition: set …"
NO_MOSQUITTO = "no mosquitto found: apt-get install mosquitto"
ROOT = Path(__file__).parents[2]


def test_reasons_are_counted_grade_by_grade_and_broker_by_broker() -> None:
    skipped = [
        ("tests/a.py::test_a[community-nats]", NO_COMMUNITY),
        ("tests/a.py::test_b[community]", NO_COMMUNITY),
        ("tests/a.py::test_a[apache-mosquitto]", NO_MOSQUITTO),
        ("tests/b.py::test_c[some-other]", "no systemd-analyze here"),
    ]
    ran = ["tests/a.py::test_a[apache-nats]", "tests/a.py::test_b[apache]", "tests/a.py::test_d"]
    assert summary(skipped, ran) == [
        "skipped: 4 of 7 tests",
        f"    2  database community: {NO_COMMUNITY}",
        "    1  no systemd-analyze here",
        f"    1  broker mosquitto: {NO_MOSQUITTO}",
        "       database apache: 2 ran, 1 skipped",
        "       database community: 0 ran, 2 skipped",
        "       broker nats: 1 ran, 1 skipped",
        "       broker mosquitto: 0 ran, 1 skipped",
    ]


def test_a_test_that_passed_at_the_second_try_is_named() -> None:
    assert second_tries(["b", "a", "c"], ["c"]) == ["passed at the second try: a", "passed at the second try: b"]


def test_a_run_without_skips_says_so() -> None:
    assert summary([], ["tests/a.py::test_b[plain]"]) == [
        "skipped: none of 1 tests",
        "       database plain: 1 ran, 0 skipped",
    ]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_the_end_of_a_run_says_what_was_skipped(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    pytester.makepyfile(
        test_some="""
        import pytest

        @pytest.mark.parametrize("grade", ["plain", "community"])
        def test_it(grade):
            if grade == "community":
                pytest.skip("this TimescaleDB has no Community edition")

        @pytest.mark.skipif(True, reason="no systemd here")
        def test_other(): ...
        """,
        test_module="""
        import pytest

        pytest.skip("not on this machine", allow_module_level=True)
        """,
    )
    file = pytester.path / "skipped.txt"
    monkeypatch.setenv("SHOUWANG_TEST_SKIPPED", str(file))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = pytester.runpytest_subprocess("-p", "tests.support.skips", *workers)
    done.stdout.fnmatch_lines(["*skipped: 3 of 4 tests*", "    1  database community: this TimescaleDB has no Comm*"])
    lines = file.read_text("utf-8").splitlines()
    assert lines[0] == "skipped: 3 of 4 tests"
    assert {"    1  no systemd here", "    1  not on this machine"} < set(lines)


def test_each_test_that_failed_is_named_once_at_the_end() -> None:
    assert failures(["b.py::test_b", "a.py::test_a", "b.py::test_b"]) == [
        "failed: a.py::test_a",
        "failed: b.py::test_b",
    ]
    assert failures([]) == []
