"""Fuzz every parser that meets the outside, led by coverage (atheris). fuzz.py [SECONDS A PARSER] [NAME ...]

The same list as tests/property/test_every_parser.py has; each parser runs in a process of its own. An input at which a
parser raises what it must not is written to build/fuzz/, and the exit status is 1.
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
    """Fuzz one parser; ends the process."""
    import atheris

    ours = ["firmware_profiles", "care_network", "edge_agent", "dispatch", "shouwang", "vocabulary"]
    with atheris.instrument_imports(include=ours):
        from tests.support.parsers import PARSERS
    parser = PARSERS[name]

    def read(data: bytes) -> None:
        try:
            parser.read(data)
        except parser.errors:
            return

    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, example in enumerate(parser.examples):
            (Path(corpus) / str(number)).write_bytes(example)
        bounds = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0"]
        prefix = f"-artifact_prefix={FOUND}/{name.replace(' ', '-').replace(',', '')}-"
        atheris.Setup([sys.argv[0], *bounds, prefix, corpus], read)
        atheris.Fuzz()


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    if sys.argv[1:2] == ["--one"]:
        run(sys.argv[2], sys.argv[3])
    sys.exit(main())
