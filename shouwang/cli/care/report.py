"""The commands ``shouwang care report …``: packages for the levels above and beside, and their verification."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import ORIGIN, Login, Url, acting, refusals

app = typer.Typer(help="Packages for the levels above and beside.", no_args_is_help=True)
SigningKey = Annotated[
    Path, typer.Option("--key", envvar="SHOUWANG_REPORT_KEY_FILE", exists=True, dir_okay=False, help="Signs packages.")
]
Code = Annotated[str, typer.Argument(metavar="RECEIVER", help="Code of the receiver.")]
Number = Annotated[int, typer.Argument(metavar="PACKAGE", help="Id of the package, as 'log' prints it.")]
Package = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The package as it came (.zip).")]
District = Annotated[str, typer.Option("--district-key", help="The district's public key, hexadecimal.")]
Day = Annotated[dt.datetime, typer.Option(formats=["%Y-%m-%d"])]


@app.command("run")
def run() -> None:
    """Run the service of the exchange: packages made and sent at their times, registers fetched. Settings:
    SHOUWANG_DATABASE_…, SHOUWANG_IDENTITY_KEY_FILE, SHOUWANG_REPORT_KEY_FILE."""
    from shouwang.reporting.__main__ import main

    main()


@app.command("receivers")
def list_receivers(url: Url, login: Login) -> None:
    """The receivers, and how their queues stand."""
    from care_network.access.permissions import Action
    from care_services.reporting import receivers

    with acting(url, login, Action.REPORT_UP) as session:
        for one in receivers.listing(session.conn, session.account):
            held = f"  REFUSED: {one.held_for}" if one.held_at else ""
            typer.echo(f"{one.code:16} {one.name_zh}  {one.url or '(by hand)'}  waiting {one.waiting},"
                       f" delivered {one.delivered}, failures {one.failures}{held}")  # fmt: skip


@app.command("set-receiver")
def set_receiver(
    code: Code,
    url: Url,
    login: Login,
    name_zh: Annotated[str, typer.Option()],
    name_en: Annotated[str, typer.Option()],
    address: Annotated[str, typer.Option(help="https://…; left out: packages are carried there by hand.")] = "",
    seal_key: Annotated[str, typer.Option(help="age1…: who alone can open what tells of people.")] = "",
    signing_key: Annotated[str, typer.Option(help="Ed25519, hexadecimal: who counter-signs.")] = "",
    receipt: Annotated[
        bool, typer.Option("--receipt", help="Only its counter-signature in the answer is a delivery.")
    ] = False,
    system: Annotated[str, typer.Option(help="Login of the other system to which residents agree.")] = "",
    version: Annotated[int, typer.Option(min=0, help="The version you saw; 0: a new receiver.")] = 0,
    off: Annotated[bool, typer.Option("--off", help="Send nothing to it.")] = False,
) -> None:
    """Add a receiver, or change it."""
    from care_network.access.permissions import Action
    from care_services.reporting import receivers
    from care_services.reporting.receivers import ReceiverFields

    with acting(url, login, Action.REPORT_UP) as session:
        fields = ReceiverFields(
            code=code, name_zh=name_zh, name_en=name_en, url=address, seal_key=seal_key, signing_key=signing_key,
            receipt=receipt, login=system, active=not off,
        )  # fmt: skip
        receivers.save(session.conn, session.account, fields, version, at=session.now, origin=ORIGIN)
        typer.echo(f"{code}: version {receivers.one(session.conn, session.account, code).version}")


@app.command()
def make(
    code: Code,
    dataset: Annotated[str, typer.Argument(help="residents, places, alerts or referrals.")],
    url: Url,
    login: Login,
    key: SigningKey,
    since: Day,
    until: Day,
    area: Annotated[str, typer.Option(help="Path; left out: your own area.")] = "",
    identity_key: Annotated[
        Path | None, typer.Option("--identity-key", envvar="SHOUWANG_IDENTITY_KEY_FILE", help="For identity numbers.")
    ] = None,
) -> None:
    """Make a package and put it at the end of its receiver's queue."""
    from care_network.access.permissions import Action
    from care_network.identity import keys
    from care_services.reporting import making
    from database.rights.checkpoints import load_key

    with acting(url, login, Action.REPORT_UP) as session:
        ring = keys.load(identity_key) if identity_key else None
        made = making.make(
            session.conn, session.account, ring, load_key(key), code, dataset, area or session.account.area_path or "",
            since.date(), until.date(), at=session.now, origin=ORIGIN,
        )  # fmt: skip
        one = making.one(session.conn, session.account, made.id)
    again = "，内容相同 says the same" if made.again else ""
    typer.echo(f"package {one.id}, no. {one.number}{again}: {one.lines} lines, {one.people} people, {one.sha256}")


@app.command()
def log(url: Url, login: Login, receiver: Annotated[str, typer.Option(help="Only to this one.")] = "") -> None:
    """The newest 50 packages: when, to whom, how many people, on which ground, and the answer."""
    from care_network.access.permissions import Action
    from care_services.reporting import making
    from vocabulary.times import local

    with acting(url, login, Action.REPORT_UP) as session:
        for one in making.log(session.conn, session.account, making.Asking(receiver=receiver)):
            signed = ", counter-signed" if one.counter_signed_at else ""
            when = local(one.delivered_at) if one.delivered_at else "-"
            typer.echo(
                f"{one.id:>6}  {one.receiver:12} no. {one.number:<5} {one.dataset:10} {one.starts_on}..{one.ends_on}"
                f"  {one.people} people ({one.basis})  {one.state} {when}{signed}  {one.last_error or ''}"
            )


@app.command()
def push(url: Url, login: Login, receiver: Annotated[str, typer.Option(help="Only to this one.")] = "") -> None:
    """Send what waits now; the rounds do it by themselves. A refused package needs a decision first ('resume')."""
    from care_network.access.permissions import Action
    from care_services.reporting import pushing, receivers

    with acting(url, login, Action.REPORT_UP) as session:
        receivers.of_the_district(session.conn, session.account)
        sent = pushing.send_due(session.conn, lambda: dt.datetime.now(dt.UTC), only=receiver)
        session.audit("resume_receiver", detail={"receiver": receiver, "pushed": len(sent)})
    for one in sent:
        typer.echo(f"{one.receiver} no. {one.number}: {one.outcome} {one.status or ''} {one.error}".rstrip())
    if not sent:
        typer.echo("没有待发送的数据包 nothing is due")
    if any(one.outcome in ("refused", "later") for one in sent):
        raise typer.Exit(1)


@app.command()
def resume(
    code: Code, url: Url, login: Login, reason: Annotated[str, typer.Option(help="What was done about it.")] = ""
) -> None:
    """Let a receiver's queue go on: after a refusal, or at once instead of at the next time."""
    from care_network.access.permissions import Action
    from care_services.reporting import pushing

    with acting(url, login, Action.REPORT_UP) as session:
        pushing.resume(session.conn, session.account, code, reason, at=session.now, origin=ORIGIN)
    typer.echo(f"{code}: goes on")


@app.command()
def withdraw(number: Number, url: Url, login: Login, reason: Annotated[str, typer.Option()]) -> None:
    """Take a package out of the queue before it is delivered."""
    from care_network.access.permissions import Action
    from care_services.reporting import making

    with acting(url, login, Action.REPORT_UP) as session:
        making.withdraw(session.conn, session.account, number, reason, at=session.now, origin=ORIGIN)
    typer.echo(f"withdrawn: {number}")


@app.command()
def save(
    number: Number, file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to.")], url: Url, login: Login
) -> None:
    """Write a package to a file, to be carried by hand."""
    from care_network.access.permissions import Action
    from care_services.reporting import making

    with acting(url, login, Action.REPORT_UP) as session:
        data = making.content(session.conn, session.account, number, at=session.now, origin=ORIGIN)
    if file.exists():
        raise typer.BadParameter(f"{file} exists already", param_hint="FILE")
    file.write_bytes(data)
    typer.echo(f"wrote {file}")


@app.command("take-counter-signature")
def take_counter_signature(
    number: Number, file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)], url: Url, login: Login
) -> None:
    """Verify and keep a counter-signature that came by hand."""
    from care_network.access.permissions import Action
    from care_services.reporting import making

    with acting(url, login, Action.REPORT_UP) as session:
        making.take_counter_signature(
            session.conn, session.account, number, file.read_bytes(), at=session.now, origin=ORIGIN
        )
    typer.echo(f"counter-signed: {number}")


@app.command()
def verify(package: Package, district_key: District) -> None:
    """For the receiver: whether a package is as the district signed it; else what differs, and status 1."""
    from care_services.reporting.packages import verify as verified

    with refusals():
        manifest, faults = verified(package.read_bytes(), district_key)
        typer.echo(
            f"{manifest.dataset} no. {manifest.number} to {manifest.to}, {manifest.starts_on}..{manifest.ends_on},"
            f" {manifest.area}: {sum(one.lines for one in manifest.files)} lines, {manifest.people} people"
        )
    for one in faults:
        typer.echo(f"{one.zh} {one.en}", err=True)
    if faults:
        raise typer.Exit(1)
    typer.echo("完整 whole")


@app.command("counter-sign")
def counter_sign(
    package: Package,
    district_key: District,
    key: Annotated[Path, typer.Option("--key", exists=True, dir_okay=False, help="The receiver's own Ed25519 key.")],
    out: Annotated[Path, typer.Option("--out", dir_okay=False, help="Where the counter-signature goes.")],
) -> None:
    """For the receiver: sign that this very package has come whole."""
    from care_services.reporting.packages import counter_sign as countersigned
    from database.rights.checkpoints import load_key

    with refusals():
        out.write_bytes(countersigned(package.read_bytes(), district_key, load_key(key)))
        typer.echo(f"wrote {out}")


@app.command()
def key(file: Annotated[Path, typer.Argument(dir_okay=False, help="The key; FILE.pub goes beside it.")]) -> None:
    """A key that signs packages, or a receiver's own; prints the public key. One that is there is kept."""
    from database.rights.checkpoints import make_key

    with refusals():
        typer.echo(make_key(file))
