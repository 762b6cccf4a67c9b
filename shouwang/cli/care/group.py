"""The command group ``shouwang care``: one group below it for each part of care and services."""

import typer

from shouwang.cli.care import privacy, rules, time_bank, traits

app = typer.Typer(
    help="Care and services: assessment, home care beds, services, meals, time bank, people, data.",
    no_args_is_help=True,
)
app.add_typer(privacy.app, name="privacy")
app.add_typer(rules.app, name="rules")
app.add_typer(time_bank.app, name="time-bank")
app.add_typer(traits.app, name="traits")
