"""The command group ``shouwang care``: one group below it for each part of care and services."""

import typer

from shouwang.cli.care import (
    assessment,
    beds,
    equipment,
    grants,
    library,
    notices,
    one_tap,
    registers,
    report,
    rules,
    run,
    services,
    time_bank,
    traits,
    workforce,
)
from shouwang.cli.care.everyday import meals, quality
from shouwang.cli.care.privacy.app import app as privacy

app = typer.Typer(
    help="Care and services: assessment, home care beds, services, meals, time bank, people, data.",
    no_args_is_help=True,
)
app.add_typer(assessment.app, name="assessment")
app.add_typer(registers.app, name="registers")
app.add_typer(report.app, name="report")
app.add_typer(privacy, name="privacy")
app.add_typer(rules.app, name="rules")
app.add_typer(time_bank.app, name="time-bank")
app.add_typer(traits.app, name="traits")
app.add_typer(beds.app, name="beds")
app.add_typer(grants.app, name="grants")
app.add_typer(equipment.app, name="equipment")
app.add_typer(meals.app, name="meals")
app.add_typer(quality.complaints, name="complaints")
app.add_typer(quality.app, name="quality")
app.add_typer(library.app, name="library")
app.add_typer(library.courses, name="courses")
app.add_typer(notices.app, name="notices")
app.add_typer(workforce.app, name="workforce")
app.add_typer(services.app, name="services")
app.add_typer(one_tap.app, name="one-tap")
app.command("run")(run.run)
app.command("rounds")(run.rounds)
