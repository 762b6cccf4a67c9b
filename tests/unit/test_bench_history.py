"""The kept ratios of the benchmarks can be read, what became worse is named, and the picture is that of the file."""

import msgspec

from bench import kept, picture
from bench.__main__ import ALONE, QUICK_ONES, USUAL
from bench.figures import Figure
from bench.kept import HISTORY, Kept, kept_of, losses

ONE = Kept(
    date="2026-01-01", commit="abc", version="1.0", run="full", bench="drain", figure="rate", ratio=1.0, better="more",
    fixed=False,
)  # fmt: skip


def _now(**changed: object) -> Kept:
    return msgspec.structs.replace(ONE, version="1.1", **changed)


def test_the_kept_ratios_are_drawn() -> None:
    history = kept.read()
    assert history
    assert picture.PICTURE.read_text(encoding="utf-8") == picture.draw(history), "draw it: python -m bench picture"


def test_every_bench_is_usual_or_alone() -> None:
    modules = {file.stem for file in HISTORY.parent.glob("*.py") if "\ndef run()" in file.read_text(encoding="utf-8")}
    packages = {file.parent.name for file in HISTORY.parent.glob("*/__init__.py")}
    packages = {name for name in packages if "\ndef run()" in (HISTORY.parent / name / "__init__.py").read_text()}
    assert modules | packages == USUAL.keys() | ALONE.keys()
    assert not USUAL.keys() & ALONE.keys()
    assert set(QUICK_ONES) <= USUAL.keys()


def test_a_loss_of_more_than_a_tenth_is_named() -> None:
    assert losses([_now(ratio=0.95)], [ONE]) == []
    (loss,) = losses([_now(ratio=0.8)], [ONE])
    assert round(loss.share, 2) == 0.2
    assert losses([_now(ratio=0.8, better="less")], [ONE]) == []
    assert len(losses([_now(ratio=1.2, better="less")], [ONE])) == 1


def test_it_is_held_against_the_last_version() -> None:
    since = _now(ratio=0.5)
    assert losses([_now(ratio=0.5)], [ONE, since])
    assert not losses([_now(ratio=0.5)], [since])
    assert not losses([_now(ratio=0.5, run="quick")], [ONE])


def test_ratios_are_kept_with_their_direction() -> None:
    figures = [
        Figure(name="drained", value=2.0, unit="readings/s", reference=4.0, reference_name="bare COPY"),
        Figure(name="chart", value=5.0, unit="ms", reference=50.0, reference_name="limit"),
        Figure(name="size", value=5.0, unit="MB"),
    ]
    found = kept_of("drain", figures, date="2026-01-01", commit="", version="1.0", run="quick")
    assert [(one.ratio, one.better, one.fixed) for one in found] == [(0.5, "more", False), (0.1, "less", True)]
