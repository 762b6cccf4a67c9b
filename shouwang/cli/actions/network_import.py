"""``shouwang network import``: imports a table with a progress bar, then prints counts and problems."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from care_network.importing.columns import sheet_named
from care_network.importing.importing import run_import
from care_network.importing.tables import read_table
from shouwang.cli.session import Session

MOST_SHOWN = 100
"""Problems on the screen; all of them stand in the file beside the table."""


def import_file(session: Session, sheet_name: str, file: Path, dry_run: bool, skip_bad: bool) -> bool:
    """Import the file and print the outcome; True where no row is bad. Raises ProvisioningError as ``run_import``."""
    sheet = sheet_named(sheet_name)
    table = read_table(file)
    out = Console(soft_wrap=True, highlight=False)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        outcome = run_import(
            session.conn, session.account, sheet, table, at=session.now, origin=session.origin, dry_run=dry_run,
            skip_bad=skip_bad, progress=progress,
        )  # fmt: skip
    for problem in outcome.problems[:MOST_SHOWN]:
        out.print(str(problem), style="red", markup=False)
    if len(outcome.problems) > MOST_SHOWN:
        listed = file.with_name(f"{file.stem}.problems.txt")
        listed.write_text("\n".join(map(str, outcome.problems)) + "\n", "utf-8")
        out.print(f"… 全部 {len(outcome.problems)} 条见 all {len(outcome.problems)} are in {listed}", markup=False)
    for kind, saved in outcome.saved.items():
        out.print(
            f"{kind}: 新增 added {saved.added}, 修改 changed {saved.changed}, 不变 unchanged {saved.unchanged}",
            markup=False,
        )
    bad = len({problem.row for problem in outcome.problems})
    if outcome.stored:
        end = f"已导入 stored; 跳过 skipped {bad}" if bad else "已导入 stored"
    elif dry_run:
        end = "试运行，未写入 dry run: nothing was stored"
    else:
        end = f"{bad} 行有误，未写入任何数据 {bad} bad rows: nothing was stored; mend them, or use --skip-bad"
    out.print(f"{outcome.rows} 行 rows: {end}", markup=False)
    return not outcome.problems
