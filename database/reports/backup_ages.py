"""The ages of the backups as metrics."""

from typing import Any

import psycopg

from database.reports.backup_reports import BackupReport, WalArchive, load, wal_archive
from observability import metrics


def look(conn: psycopg.Connection[Any]) -> None:
    """Bring the metrics up to date."""
    show(load(conn), wal_archive(conn))


def show(reports: list[BackupReport], archive: WalArchive) -> None:
    """Set the metrics; a kind that was never done has none."""
    clear()
    for kind in {report.kind for report in reports}:
        of_kind = [report for report in reports if report.kind == kind]
        ages = [report.well_age_s for report in of_kind if report.well_age_s is not None]
        if ages:
            metrics.backup_age.labels(kind).set(max(ages))
        metrics.backup_failed.labels(kind).set(any(not report.good for report in of_kind))
    if archive.on:
        metrics.backup_age.labels("wal").set(archive.age_s)


def clear() -> None:
    """Show nothing: the database is away, and old figures would say that all is well."""
    metrics.backup_age.clear()
    metrics.backup_failed.clear()
