"""Fuzz every parser that meets the outside, led by coverage (atheris).

fuzz.py [SECONDS A PARSER] [NAME ...]: one after the other, each in a process of its own
fuzz.py --together SECONDS: all of them in one process, as ``make test`` does; the first byte of an input chooses

The same list as tests/property/test_every_parser.py has. An input at which a parser raises what it must not is written
to build/fuzz/, and the exit status is 1.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOUND = ROOT / "build" / "fuzz"


def main() -> int:
    """Run the parsers of the command line, or all, one after the other."""
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("skipped: atheris has no build for this interpreter (pip install '.[fuzz]')")
        return 0
    if sys.argv[1:2] == ["--together"]:
        return subprocess.run([sys.executable, __file__, "--one", "", sys.argv[2]], cwd=ROOT).returncode
    from tests.support.parsers import PARSERS

    seconds = sys.argv[1] if len(sys.argv) > 1 else "20"
    failed = []
    for name in sys.argv[2:] or PARSERS:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, __file__, "--one", name, seconds], cwd=ROOT).returncode:
            failed.append(name)
    print(f"failed: {', '.join(failed)}; inputs are in {FOUND}" if failed else "no parser raised what it must not")
    return 1 if failed else 0


def run(name: str, seconds: str) -> None:
    """Fuzz one parser, or all of them where ``name`` is empty; ends the process."""
    import atheris

    ours = ["firmware_profiles", "care_network", "care_services", "edge_agent", "dispatch", "shouwang", "vocabulary"]
    with atheris.instrument_imports(include=ours):
        from tests.support.parsers import PARSERS
    parsers = list(PARSERS.values()) if not name else [PARSERS[name]]
    chosen = len(parsers) > 1

    def read(data: bytes) -> None:
        parser = parsers[data[0] % len(parsers) if chosen and data else 0]
        try:
            parser.read(data[chosen:])
        except parser.errors:
            return

    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for place, parser in enumerate(parsers):
            for number, example in enumerate(parser.examples):
                (Path(corpus) / f"{place}-{number}").write_bytes(bytes([place]) * chosen + example)
        bounds = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0"]
        prefix = f"-artifact_prefix={FOUND}/{(name or 'all').replace(' ', '-').replace(',', '')}-"
        atheris.Setup([sys.argv[0], *bounds, prefix, corpus], read)
        atheris.Fuzz()


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    if sys.argv[1:2] == ["--one"]:
        run(sys.argv[2], sys.argv[3])
    sys.exit(main())
