"""The commands ``shouwang backup …``."""

from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import Url, refusals

app = typer.Typer(no_args_is_help=True, help="Backup and restore: save what belongs together, check it, and try it.")
Config = Annotated[Path, typer.Option("--config", help="The settings (TOML); deploy/backup.toml is an example.")]
CONFIG = Path("/etc/shouwang/backup.toml")


OptionalUrl = Annotated[
    str | None, typer.Option("--url", envvar="SHOUWANG_DATABASE_URL", help="postgresql://…, which is told of it.")
]


@app.command()
def save(
    url: OptionalUrl = None,
    config: Config = CONFIG,
    database: Annotated[
        bool,
        typer.Option("--database", help="Then the database by pgBackRest, too: full each week, else differential."),
    ] = False,
) -> None:
    """Save keys, certificate authority and files that belong to the database in one encrypted archive.

    Nothing lies in plain on the way; only the holder of an identity of age opens the archive. shouwang-backup.timer
    does it daily, with --database (docs/backup.md).
    """
    import datetime as dt
    import shutil

    from shouwang.backup import archive, erasures, pgbackrest, settings
    from shouwang.backup.telling import told

    with refusals():
        found = settings.load(config)
        now = dt.datetime.now(dt.UTC)
        try:
            typer.echo(told(url, "files", lambda: str(archive.save(found, now))))
        finally:  # one that fails does not keep the other from being saved
            if database and found.stanza and shutil.which(found.pgbackrest) is None:
                typer.echo(
                    "没有 pgBackRest，数据库未备份 the database is not saved: apt-get install pgbackrest", err=True
                )
            elif database and found.stanza:
                typer.echo(told(url, "database", lambda: pgbackrest.back_up(found, now)))
            erasures.write(url, found.folder)


@app.command()
def reapply(
    url: Url,
    file: Annotated[
        Path | None,
        typer.Argument(help="The list. Default: erasures.json beside the archives."),
    ] = None,
    config: Config = CONFIG,
) -> None:
    """Erase again, in a restored database, whoever was erased since the backup; before the services start.

    Exit status 1 where somebody could not be erased: an alert of theirs is open there, or they are not in it.
    Example: shouwang backup reapply --url postgresql:///shouwang
    """
    from shouwang.backup import erasures, settings

    with refusals(status=2):
        found = erasures.reapply(url, file or settings.load(config).folder / erasures.NAME)
    typer.echo(
        f"清单 listed {found.listed}; 重新删除 erased again {len(found.done)}: {found.done or ''}"
        f"; 未能删除 left {len(found.left)}: {found.left or ''}"
    )
    raise typer.Exit(1 if found.left else 0)


@app.command("open")
def open_(
    file: Annotated[Path, typer.Argument(help="The archive.")],
    identity: Annotated[Path, typer.Option("--identity", help="File with the secret key of age.")],
    to: Annotated[Path, typer.Option("--to", help="A new folder.")],
) -> None:
    """Open an archive into a new folder. So does ``age -d -i IDENTITY FILE | tar x`` on any machine."""
    from shouwang.backup import archive

    with refusals():
        found = archive.open_archive(file, identity, to)
    for name, part in found.parts.items():
        typer.echo(f"{name}: {part.files} files, {part.bytes:,} bytes")


@app.command()
def check(
    url: Url,
    config: Config = CONFIG,
    verify: Annotated[bool, typer.Option("--verify", help="Read every byte of the repository, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say whether the backups would do: ages of backup, WAL and archive, encryption, and what is missing.

    Exit status 0: all well; 1: something is to be done.
    """
    import datetime as dt

    import msgspec

    from shouwang.backup import check as checks
    from shouwang.backup import erasures, settings
    from shouwang.backup.telling import tell

    with refusals(status=2):
        loaded = settings.load(config)
        found = checks.check(loaded, url, dt.datetime.now(dt.UTC), verify=verify)
        erasures.write(url, loaded.folder)
    wrong = [f"{one.subject}: {one.text}" for one in found if not one.ok]
    tell(url, "check", not wrong, "; ".join(wrong) or f"{len(found)} findings, all well")
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        for one in found:
            typer.echo(f"{'ok  ' if one.ok else 'FAIL'} {one.subject}: {one.text}")
    raise typer.Exit(0 if all(one.ok for one in found) else 1)


@app.command()
def drill(
    url: Url,
    folder: Annotated[Path, typer.Option("--to", help="A new folder with room for the database; removed afterwards.")],
    config: Config = CONFIG,
    bin_dir: Annotated[Path | None, typer.Option("--bin-dir", help="Folder of 'postgres'. Default: Debian's.")] = None,
) -> None:
    """Restore the newest backup beside the living database, and measure: how long (RTO), how far behind (RPO).

    Run it as the user of the database server. The living database is only read. Exit status 1 where an open alert is
    missing in the restored database.
    """
    from shouwang.backup import restore, settings
    from shouwang.backup.telling import tell

    with refusals(status=2):
        try:
            found = restore.restore_drill(
                settings.load(config), url, folder, bin_dir, lambda text: typer.echo(text, err=True)
            )
        except settings.BackupError as error:
            tell(url, "drill", False, str(error))
            raise
    behind = "nothing" if found.behind_s is None else f"{found.behind_s:.1f} s"
    text = (
        f"恢复 restored {found.bytes / 1e9:.2f} GB: 文件 files {found.files_s} s, WAL {found.recovery_s} s, 合计 RTO"
        f" {found.total_s} s; 落后 RPO {behind}; {', '.join(f'{n:,} {table}' for table, n in found.rows.items())}；"
        f" 缺少的未结预警 open alerts missing {found.open_alerts_missing}"
    )
    tell(url, "drill", not found.open_alerts_missing, text)
    typer.echo(text)
    raise typer.Exit(1 if found.open_alerts_missing else 0)
