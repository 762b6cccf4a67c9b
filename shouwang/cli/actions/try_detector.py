"""``shouwang alerting try`` and ``alerting detectors``: one detector on one recording; all detectors there are."""

import datetime as dt
import importlib.util
import inspect
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import msgspec
from rich.console import Console

from alerting.detection import detectors
from alerting.detection.detectors import all_detectors, all_plugins, own_detectors
from alerting.detection.engine.engine import Engine
from alerting.detection.kit.detector import Detector, Rule
from alerting.replay import files, what_if
from alerting.replay.residents import ResidentsFile, read_residents
from alerting.replay.rows import read_rows
from alerting.replay.run import TimedFinding, replay, seats_of
from alerting.tuning import catalogue
from shouwang.cli.actions.replay import zone_of
from vocabulary.errors import BilingualError
from vocabulary.severity import SEVERITY_WORDS
from vocabulary.times import DAY_US, local

SHOWN = 10
ACTIONS = {
    "open": ("预警", "alert"),
    "update": ("更新", "update"),
    "note": ("补充", "note"),
    "clear": ("解除", "over"),
    "cancel": ("取消", "taken back"),
}


class TryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command; see the command's help."""

    detector: str
    csv: Path
    residents: Path | None
    zone: str
    settings: list[str]


def run(request: TryRequest) -> None:
    """Run one detector over a recording and print its findings.

    Raises BilingualError where there is no such detector or its file cannot be used, and ValueError for files,
    residents and parameters that cannot be read.
    """
    console = Console()
    with chosen(request.detector) as (name, kind):
        _say_detector(console, name, kind, what_if.parse(request.settings))
        known = ResidentsFile([]) if request.residents is None else read_residents(request.residents)
        rows = read_rows(request.csv, zone_of(request.zone))
        for reject in rows.rejects[:SHOWN]:
            console.print(f"line {reject.line} is not used: {reject.why}", style="yellow", highlight=False)
        if len(rows.rejects) > SHOWN:
            console.print(f"… and {len(rows.rejects) - SHOWN} lines more", style="yellow", highlight=False)
        recording = what_if.tuned(files.recording_of(rows, known).recording, what_if.parse(request.settings))
        faults: Counter[str] = Counter()
        engine = Engine(
            recording.district,
            recording.begin_us,
            {name: kind},
            seats=seats_of(recording),
            failed=lambda _, error: faults.update([_fault(error)]),
        )
        found = replay(recording, engine=engine)
    days = (recording.end_us - recording.begin_us) / DAY_US
    console.print(
        f"{len(recording):,} readings and events of {len(recording.district.people)} people, {days:.1f} days"
        f" → {len(found)} findings"
    )
    for timed in found:
        _say_finding(console, timed)
    for fault, times in faults.items():
        console.print(
            f"the detector failed, {times} times: {fault}", style="red", highlight=False, markup=False, soft_wrap=True
        )
    if faults:
        raise BilingualError(
            en="the detector failed; live, the log would say so and the others would go on",
            zh="检测器运行出错。实际运行时，日志会记录错误，其他检测器不受影响",
        )


@contextmanager
def chosen(name: str) -> Iterator[tuple[str, type[Detector]]]:
    """The detector of that name, of that file, or the only one of that Python file, while it is tried."""
    if name.endswith(".py"):
        file = Path(name).resolve()
        here = {n: k for n, k in own_detectors().items() if Path(inspect.getfile(k)).resolve() == file}
        found = here or {file.stem: _of_file(file)}
        trial = nullcontext() if here else detectors.on_trial(*next(iter(found.items())))
    else:
        found = {n: k for n, k in all_detectors().items() if name in (n, n.partition(".")[0])}
        trial = nullcontext()
    if len(found) != 1:
        names = ", ".join(sorted(n.partition(".")[0] for n in all_detectors()))
        raise BilingualError(
            en=f"no detector {name!r}; write the path of its file (./{name}.py), or one of: {names}",
            zh=f"没有检测器 {name}。请写文件路径（./{name}.py），或以下名称之一：{names}",
        )
    with trial:
        catalogue.catalogue.cache_clear()
        try:
            yield next(iter(found.items()))
        finally:
            catalogue.catalogue.cache_clear()


def _of_file(file: Path) -> type[Detector]:
    """The only detector of a Python file, which is run. Raises BilingualError that says why there is none."""
    if not file.is_file():
        raise BilingualError(en=f"{file}: there is no such file", zh=f"{file}：没有这个文件")
    spec = importlib.util.spec_from_file_location(f"shouwang_tried_{file.stem}", file)
    assert spec is not None  # noqa: S101 - the name ends with .py
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # where msgspec looks for the types of a state
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise BilingualError(
            en=f"{file} cannot be run: {_fault(error)}", zh=f"{file} 无法运行：{_fault(error)}"
        ) from error
    kinds = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Detector) and value.__module__ == module.__name__
    ]
    if len(kinds) != 1:
        raise BilingualError(
            en=f"{file} defines {len(kinds)} detectors; one is needed: a subclass of Detector "
            "(docs/write-a-detector.md)",
            zh=f"{file} 中有 {len(kinds)} 个检测器，需要且只能有一个 Detector 的子类（见 docs/write-a-detector.md）",
        )
    return kinds[0]


def list_all() -> bool:
    """Print every detector with its rules and parameters; whether no plug-in is left out."""
    console = Console()
    package = {plugin.name: plugin.package for plugin in all_plugins()}
    for name, kind in all_detectors().items():
        _say_detector(console, f"{name} {package.get(name, '')}".strip(), kind, {})
    left_out = [plugin for plugin in all_plugins() if plugin.fault]
    for plugin in left_out:
        words = f"未启用 left out: {plugin.name} ({plugin.package}): {plugin.fault}"
        console.print(words, style="red", highlight=False, markup=False, soft_wrap=True)
    return not left_out


def _say_detector(console: Console, name: str, kind: type[Detector], values: dict[str, float]) -> None:
    console.print(f"{name}, version {kind.version}", style="bold", highlight=False)
    for rule, declared in kind.rules.items():
        console.print(
            f"  {rule}: {' '.join(declared.title)}{_quiet(declared)}", highlight=False, markup=False, soft_wrap=True
        )
    for parameter, declared_ in kind.parameters.items():
        value = values.get(parameter, declared_.default)
        limits = f"{declared_.low:g}–{declared_.high:g} {declared_.unit}".strip()
        words = f"  {parameter} = {value:g} ({limits}): {declared_.zh} {declared_.en}"
        console.print(words, highlight=False, markup=False, soft_wrap=True)


def _quiet(rule: Rule) -> str:
    said = [f"story {rule.story}"] if rule.story else []
    said += [f"again within {rule.again_s} s joins", f"{rule.per_day} a day at most"]
    said += ["waits for the morning"] * rule.waits
    return f" ({', '.join(said)})"


def _say_finding(console: Console, timed: TimedFinding) -> None:
    finding = timed.finding
    when = local(dt.datetime.fromtimestamp(timed.told_us / 1e6, dt.UTC))
    who = finding.subject.partition(":")[2]
    action, severity = ACTIONS[finding.action], SEVERITY_WORDS[finding.severity]
    head = f"{when} {who} {finding.rule}"
    for i, reason in ((0, finding.reason_zh), (1, finding.reason_en)):
        console.print(f"{head} {action[i]} {severity[i]}: {reason}", highlight=False, markup=False, soft_wrap=True)
        head = " " * len(head)


def _fault(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
