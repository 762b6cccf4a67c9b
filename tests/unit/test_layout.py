"""The layout holds: small folders that say what lives in them, mirrored tests, one place for each shared word, and
import contracts that are broken by every import that they forbid."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import combinations, permutations, product
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter import api
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract

from vocabulary.severity import SEVERITIES
from vocabulary.times import DAY_US, HOUR_US

ROOT = Path(__file__).parents[2]
PYPROJECT = ROOT / "pyproject.toml"
PRODUCT: list[str] = tomllib.loads(PYPROJECT.read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

MOST_MODULES = 16
"""Side by side in one folder."""
MOST_LINES = 500
MANY_MODULES = {
    "alerting/detection/detectors": "one file a detector: adding one touches no other",
    "database/migrations/versions": "one file a migration, for ever",
}
IN_A_MACHINE_OF_THEIR_OWN = ("tests/support/scratch_machine.py", "tests/support/stand_ins/systemctl.py")
"""Their processes end with their process namespace, which ends with the test."""
NO_PACKAGE = {"database/migrations/versions": "Alembic reads its files by path"}


def modules() -> Iterator[Path]:
    for folder in PRODUCT:
        yield from sorted((ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def folders() -> list[Path]:
    return sorted({path.parent for path in modules()})


def listed(offenders: list[str]) -> str:
    return "\n" + "\n".join(offenders)


def test_no_folder_has_more_modules_side_by_side_than_one_can_look_over() -> None:
    counts = {
        name_of(folder): sum(path.stem not in ("__init__", "__main__") for path in folder.glob("*.py"))
        for folder in folders()
    }
    offenders = [
        f"{folder}: {count} modules, {MOST_MODULES} at most"
        for folder, count in counts.items()
        if count > MOST_MODULES and folder not in MANY_MODULES
    ]
    assert not offenders, listed(offenders)
    assert all(folder in counts for folder in MANY_MODULES), "an exemption for a folder that is not there"


def test_every_folder_says_in_one_sentence_what_lives_there() -> None:
    offenders = []
    for folder in folders():
        if name_of(folder) in NO_PACKAGE:
            continue
        file = folder / "__init__.py"
        text = (ast.get_docstring(ast.parse(file.read_text())) or "") if file.exists() else ""
        first = " ".join(text.split("\n\n")[0].split())
        if not first.endswith(".") or re.search(r"[.!?] [A-Z]", first):
            offenders.append(f"{name_of(file)}: {first!r} is not one sentence")
    assert not offenders, listed(offenders)


def test_no_module_is_longer_than_one_can_read() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in modules()}
    offenders = [f"{name}: {length} lines, {MOST_LINES} at most" for name, length in lengths.items()
                 if length > MOST_LINES]  # fmt: skip
    assert not offenders, listed(offenders)


@pytest.mark.parametrize("kind", ["unit", "integration"])
def test_the_tests_mirror_the_folders(kind: str) -> None:
    tests = ROOT / "tests" / kind
    mirrored = {name_of(folder) for folder in folders()}
    offenders = [
        f"tests/{kind}/{folder}: there is no folder {folder}"
        for folder in sorted({path.parent.relative_to(tests).as_posix() for path in tests.rglob("*.py")})
        if folder not in mirrored | {"."}
    ]
    assert not offenders, listed(offenders)


def _severities_in_order() -> re.Pattern[str]:
    quoted = [rf"""["']{severity}["']""" for severity in SEVERITIES]
    return re.compile("|".join(r",\s*".join(order) for order in (quoted, quoted[::-1])))


SHIFTS = (ast.BinOp, ast.Assign, ast.AnnAssign, ast.Call)
COPIES = [
    ("the order of severities, see vocabulary.severity and severity_rank() in SQL", _severities_in_order()),
    ("the time zone, see vocabulary.times.SHANGHAI", re.compile(r"""ZoneInfo\(\s*["']Asia/Shanghai["']""")),
    (
        "the day of a moment in UTC, which is yesterday until eight in the morning, see vocabulary.times.local_day",
        re.compile(r"""(?:self\._at|\bnow\(\)|\w\.now|dt\.UTC\))\.date\(\)|\bcurrent_date\b""", re.IGNORECASE),
    ),
]


def _second_copies(name: str, text: str) -> Iterator[tuple[int, str]]:
    for why, pattern in COPIES:
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, why
    if not name.endswith(".py"):
        return
    eight_hours = "hours=8" in text
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value in (HOUR_US, DAY_US):
            yield node.lineno, "an hour or a day in µs, see vocabulary.times"
        elif isinstance(node, ast.Dict) and _is_rank(node):
            yield node.lineno, "the order of severities, see vocabulary.severity.RANK"
        elif eight_hours and isinstance(node, SHIFTS) and _shifts_by_eight_hours(node):
            yield node.lineno, "Shanghai's eight hours, see vocabulary.times"


def _is_rank(node: ast.Dict) -> bool:
    """Whether a dictionary numbers the four severities in their order; other tables of severities are data."""
    keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
    values = [value.value if isinstance(value, ast.Constant) else None for value in node.values]
    if sorted(map(str, keys)) != sorted(SEVERITIES) or not all(isinstance(value, int) for value in values):
        return False
    numbers: list[Any] = [values[keys.index(severity)] for severity in SEVERITIES]
    return [number - numbers[0] for number in numbers] in ([0, 1, 2, 3], [0, -1, -2, -3])


def _called(node: ast.AST) -> str | None:
    """The bare name of a called function; None where the node is no call."""
    return ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else None


def _shifts_by_eight_hours(node: ast.AST) -> bool:
    """Whether eight hours are a zone, are added to a time or have a name; as an argument elsewhere they are a span."""
    inside = [ast.unparse(child) for child in ast.iter_child_nodes(node) if _called(child) == "timedelta"]
    return _called(node) in ("timezone", None) and any(text.endswith("(hours=8)") for text in inside)


def test_shared_words_are_written_in_vocabulary_alone() -> None:
    files = [path for folder in PRODUCT for kind in ("*.py", "*.sql") for path in sorted((ROOT / folder).rglob(kind))]
    offenders = [
        f"{name_of(path)}:{line}: {why}"
        for path in files
        if not name_of(path).startswith(("vocabulary/", "database/migrations/"))
        for line, why in sorted(_second_copies(name_of(path), path.read_text()))
    ]
    assert not offenders, listed(offenders)


@pytest.mark.parametrize(
    "text",
    [
        'A = ("emergency", "urgent", "attention", "technical")',
        'A = Literal["technical", "attention", "urgent", "emergency"]',
        "A = '''ORDER BY array_position(ARRAY['emergency', 'urgent',\n 'attention', 'technical'], severity)'''",
        'A = {"emergency": 3, "urgent": 2, "attention": 1, "technical": 0}',
        'A = ZoneInfo("Asia/Shanghai")',
        "A = dt.timezone(dt.timedelta(hours=8))",
        "A = time + dt.timedelta(hours=8)",
        "A = 24 * 3600000000",
        "A = 86_400_000_000",
        "A = dt.datetime.now(dt.UTC).date()",
        "A = session.now.date()",
    ],
)
def test_a_second_copy_is_seen(text: str) -> None:
    assert list(_second_copies("console/example.py", text))


@pytest.mark.parametrize(
    "text",
    [
        'A = {"emergency": 0, "urgent": 300, "attention": 1200, "technical": 1200}',
        "A = dt.timedelta(hours=80)",
        "A = Level(dt.timedelta(hours=8))",
    ],
)
def test_other_tables_and_spans_are_no_copies(text: str) -> None:
    assert not list(_second_copies("console/example.py", text))


# The docstrings


VAGUE_SUBJECT = re.compile(r"(?:\A\s*|\n\s*\n\s*|[.:]\s+)(?=(?:What|Who|Whoever|Whatever)\b)")
"""The place before a sentence that begins with a relative clause or a question, where a verb or a noun says more."""


def _vague_sentences(text: str) -> Iterator[tuple[int, str]]:
    """The line and the beginning of each such sentence in docstrings, also in those of attributes."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstring = node.value.value
            for match in VAGUE_SUBJECT.finditer(docstring):
                sentence = " ".join(docstring[match.end() :].split())
                yield node.lineno + docstring.count("\n", 0, match.end()), sentence[:60]


def test_docstrings_say_what_a_thing_does_or_is() -> None:
    offenders = [
        f"{name_of(path)}:{line}: {sentence!r} begins with a clause, not with a verb or a noun"
        for path in modules()
        for line, sentence in sorted(_vague_sentences(path.read_text()))
    ]
    assert not offenders, listed(offenders)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('"""What the homes send."""', 1),
        ('A = 1\n"""A number. Whoever\nreads it."""', 2),
        ('class A:\n    """A class.\n\n    Who uses it, knows.\n    """', 4),
        ('def a():\n    """Do it: whoever asks.\n    Done: Whatever it was."""', 3),
    ],
)
def test_a_vague_sentence_is_seen(text: str, line: int) -> None:
    assert [number for number, _ in _vague_sentences(text)] == [line]


@pytest.mark.parametrize("text", ['"""Say who did what. Whose it is, counts."""', 'A = "What is this?"', "# Who knows"])
def test_other_sentences_are_not_vague(text: str) -> None:
    assert not list(_vague_sentences(text))


# The import contracts


CONTRACTS: list[dict[str, Any]] = api.read_configuration(str(PYPROJECT))["contracts_options"]
SESSION: dict[str, Any] = api.read_configuration(str(PYPROJECT))["session_options"]
KINDS = {"layers": LayersContract, "forbidden": ForbiddenContract}


@cache
def product_modules() -> frozenset[str]:
    return frozenset(grimp.build_graph(*SESSION["root_packages"], cache_dir=None).modules)


def skeleton() -> grimp.ImportGraph:
    """All modules of the product, without their imports."""
    graph = grimp.ImportGraph()
    for module in sorted(product_modules()):
        graph.add_module(module)
    return graph


def inside(package: str) -> str:
    """The module deepest inside a package, or the module itself: a contract holds for all that is below."""
    within = [module for module in product_modules() if module == package or module.startswith(f"{package}.")]
    assert within, f"a contract names {package}, which is not there"
    return max(sorted(within), key=lambda module: module.count("."))


def forbidden_imports(contract: dict[str, Any]) -> list[tuple[str, str]]:
    """Every (importer, imported) that a contract forbids, one for each pair of the folders that it names."""
    if contract["type"] == "forbidden":
        return list(product(contract["source_modules"], contract["forbidden_modules"]))
    pairs = []
    floors = [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]
    for container in contract.get("containers", [""]):
        prefix = f"{container}." if container else ""
        named = [[prefix + name for name in floor if prefix + name in product_modules()] for floor in floors]
        for upper, lower in combinations(named, 2):
            pairs += list(product(lower, upper))
        for floor in named:
            pairs += list(permutations(floor, 2))
    return pairs


@pytest.mark.parametrize("contract", CONTRACTS, ids=[contract["name"] for contract in CONTRACTS])
def test_a_contract_is_broken_by_each_import_that_it_forbids(contract: dict[str, Any]) -> None:
    checked = KINDS[contract["type"]](
        name=contract["name"], session_options=SESSION, contract_options={**contract, "id": "contract"}
    )
    graph = skeleton()
    assert checked.check(graph=graph, verbose=False).kept, "without imports every contract is kept"
    pairs = [(inside(importer), inside(imported)) for importer, imported in forbidden_imports(contract)]
    assert pairs
    for importer, imported in pairs:
        graph.add_import(importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}")
        assert not checked.check(graph=graph, verbose=False).kept, f"{importer} may import {imported}"
        graph.remove_import(importer=importer, imported=imported)


def lint(folder: Path) -> str:
    """Lint a skeleton of the product in ``folder``."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--config", PYPROJECT, "--no-cache", "--no-logo"],
        cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "300"},
    )  # fmt: skip
    return done.stdout + done.stderr


def test_lint_imports_reports_every_contract_that_is_broken_on_purpose(tmp_path: Path) -> None:
    packages = {module.rpartition(".")[0] for module in product_modules()} | set(SESSION["root_packages"])
    for module in product_modules():
        file = tmp_path / module.replace(".", "/") / "__init__.py"
        file = file if module in packages else file.parent.with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert f"{len(CONTRACTS)} kept, 0 broken" in lint(tmp_path)
    for contract in CONTRACTS:
        importer, imported = map(inside, forbidden_imports(contract)[0])
        file = tmp_path / importer.replace(".", "/")
        with (file / "__init__.py" if file.is_dir() else file.with_suffix(".py")).open("a") as opened:
            opened.write(f"import {imported}\n")
    report = lint(tmp_path)
    kept = [contract["name"] for contract in CONTRACTS if f"{contract['name']} BROKEN" not in report]
    assert not kept, report


def test_every_folder_of_a_container_is_on_one_of_its_floors() -> None:
    offenders = []
    for contract in CONTRACTS:
        floors = {name.strip() for layer in contract.get("layers", []) for name in layer.split("|")}
        for container in contract.get("containers", []):
            below = {module for module in product_modules() if module.startswith(f"{container}.")}
            folders = {module.removeprefix(f"{container}.").split(".")[0] for module in below if
                       module.count(".") > container.count(".") + 1}  # fmt: skip
            offenders += [f"{container}.{name} is on no floor of {contract['name']!r}" for name in folders - floors]
    assert not offenders, listed(sorted(offenders))


def test_a_process_that_goes_on_is_started_by_the_guardian_alone() -> None:
    """One that is started otherwise outlives a killed program: the next run finds its port or its folder taken."""
    elsewhere = [
        f"{name_of(path)}:{number}: subprocess.Popen"
        for folder in (*PRODUCT, "bench", "tools", "tests/support")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if name_of(path) not in ("database/server/guardian.py", *IN_A_MACHINE_OF_THEIR_OWN)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"\b(subprocess\.)?Popen\(|create_subprocess_(exec|shell)\(", line)
    ]
    assert not elsewhere, listed(elsewhere)
