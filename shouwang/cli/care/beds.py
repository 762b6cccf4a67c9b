"""The commands ``shouwang care beds …``: home care beds from the application to the closing."""

from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Login, Session, Url, acting

if TYPE_CHECKING:
    from care_services.home_beds.installing import Installation

app = typer.Typer(
    help="Home care beds: applications by stage, survey, device plan, acceptance, contract, checks.\n\n"
    "shouwang care beds list --as station\n\nshouwang care beds apply YT0001A 女儿 --as station\n\n"
    "shouwang care beds step 12 accept --as station",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
Number = Annotated[int, typer.Argument(help="The bed's number, as 'list' shows it.")]
Device = Annotated[int, typer.Argument(help="Number of the device in the plan, as 'show' tells it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stays in the bed's history.")]
Contract = Annotated[str, typer.Option("--contract", help="The contract's number.")]
Begins = Annotated[str, typer.Option("--begins", help="First day, 2026-12-01.")]
Ends = Annotated[str, typer.Option("--ends", help="Last day, 2027-11-30.")]
Plan = Annotated[str, typer.Option("--plan", help="intact, mild, moderate, severe or lost; else that of the grade.")]


def _beds(session: Session) -> "Installation":
    from care_services.home_beds.installing import Installation

    return Installation(session.conn, session.account, at=session.now, origin=session.origin)


@app.command("list")
def listing(
    url: Url,
    login: Login,
    stage: Annotated[str, typer.Option(help="One stage alone: applied, assessing, surveying …")] = "",
    street: Annotated[str, typer.Option(help="Path of an area below one's own.")] = "",
) -> None:
    """List the board: each stage with its counts and its latest beds; or one stage, the first 50."""
    from care_network.access.permissions import Action
    from care_services.home_beds import board
    from care_services.home_beds.life import STATE_WORDS

    with acting(url, login, Action.VIEW_CARE) as session:
        if stage:
            cards, _ = board.listing(session.conn, session.account, stage, street)
            groups = [(stage, len(cards), 0, tuple(cards))]
        else:
            stages, _ = board.board(session.conn, session.account, session.now, street)
            groups = [(one.state, one.n, one.late, one.first) for one in stages]
        session.audit("view_page", detail={"page": "/care/beds"})
        for state, n, late, shown in groups:
            zh, en = STATE_WORDS[state]
            typer.echo(f"{zh} {en}: {n}" + (f"，超期 late {late}" if late else ""))
            for card in shown:
                days = card.late_days(session.now)
                tail = f"超期 {days} 天 late" if days else ""
                typer.echo(
                    f"  {card.id}  {card.name_zh} {card.resident}  {card.days(session.now)} 天 d  {tail}".rstrip()
                )


@app.command()
def show(number: Number, url: Url, login: Login) -> None:
    """Show a bed: its stage, the devices of its plan with their tests, its contract and its history."""
    from care_network.access.permissions import Action
    from care_services.home_beds.acceptance import words_of
    from care_services.home_beds.life import STATE_WORDS, word_of

    with acting(url, login, Action.VIEW_CARE) as session:
        beds = _beds(session)
        file = beds.bed(number)
        bed = file.bed
        typer.echo(f"{bed.id}  {bed.name_zh} {bed.resident}  {STATE_WORDS[bed.state][0]} {bed.state}")
        for tested in beds.tests(bed, file.devices):
            one, proof = tested.planned, tested.test.proof
            done = "验收 accepted" if one.accepted_at else tested.test.verdict
            heard = f"{words_of(proof.what)[0]} {proof.value if proof.value is not None else ''}" if proof else ""
            typer.echo(
                f"  设备 device {one.id}  {one.room}  {one.model}  {done}  {heard}{one.accepted_reason}".rstrip()
            )
        for contract in file.contracts:
            typer.echo(f"  合同 contract {contract.number}  {contract.begins_on} – {contract.ends_on}  {contract.plan}")
        for line in file.steps:
            typer.echo(f"  {line.at:%Y-%m-%d %H:%M}  {word_of(line.step)[0]}  {line.actor}  {line.reason}".rstrip())


@app.command()
def apply(
    resident: Annotated[str, typer.Argument(help="Code of the resident.")],
    applicant: Annotated[str, typer.Argument(help="Who applies: the resident, or who asks for them.")],
    url: Url,
    login: Login,
    organisation: Annotated[str, typer.Option(help="Code of the organisation that carries it.")] = "",
) -> None:
    """Enter an application; prints the bed's number."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_BEDS) as session:
        typer.echo(_beds(session).apply(resident, applicant, organisation))


@app.command()
def step(
    number: Number,
    what: Annotated[
        str, typer.Argument(help="accept, assess, survey, plan, install, suspend, resume, close, withdraw, back_to_…")
    ],
    url: Url,
    login: Login,
    reason: Reason = "",
    until: Annotated[str, typer.Option("--back-on", help="Of a suspension: the day of the expected return.")] = "",
) -> None:
    """Take a step of a bed, or say what is missing for it."""
    from care_network.access.permissions import Action
    from care_services.home_beds.terms import day_of

    with acting(url, login, Action.MANAGE_BEDS) as session:
        beds = _beds(session)
        back = day_of(until, "until") if until else None
        typer.echo(beds.step(number, beds.bed(number).bed.version, what, reason, until=back))


@app.command()
def sign(
    number: Number, url: Url, login: Login, contract: Contract, begins: Begins, ends: Ends, plan: Plan = ""
) -> None:
    """Sign the contract: service begins, and the resident has a home care bed."""
    _approve(url, login, number, "sign", "", (contract, begins, ends, plan))


@app.command()
def renew(
    number: Number, url: Url, login: Login, contract: Contract, begins: Begins, ends: Ends, plan: Plan = ""
) -> None:
    """Renew the contract of a bed in service."""
    _approve(url, login, number, "renew", "", (contract, begins, ends, plan))


@app.command()
def refuse(number: Number, url: Url, login: Login, reason: Reason) -> None:
    """Refuse an application, with the reason."""
    _approve(url, login, number, "refuse", reason, None)


def _approve(
    url: str, login: str, number: int, what: str, reason: str, terms: tuple[str, str, str, str] | None
) -> None:  # fmt: skip
    from care_network.access.permissions import Action
    from care_services.home_beds.terms import Terms

    found: Terms | None = Terms(*terms) if terms else None
    with acting(url, login, Action.APPROVE_BEDS) as session:
        beds = _beds(session)
        typer.echo(beds.step(number, beds.bed(number).bed.version, what, reason, found))


@app.command()
def survey(
    number: Number,
    answers: Annotated[list[str], typer.Argument(help="ITEM=present, needed, refused or done; several.")],
    url: Url,
    login: Login,
) -> None:
    """Write answers of the home survey: shouwang care beds survey 12 bed_rail=needed toilet_bar=present."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_BEDS) as session:
        beds = _beds(session)
        given = {item: (state, "") for item, _, state in (one.partition("=") for one in answers)}
        beds.answer(number, beds.bed(number).bed.version, given)


@app.command("add-device")
def add_device(
    number: Number,
    room: Annotated[str, typer.Argument(help="bedroom, bathroom, living_room, kitchen, hall, inside or worn.")],
    model: Annotated[str, typer.Argument(help="A device model, such as tuya-ts0601-bed.")],
    url: Url,
    login: Login,
) -> None:
    """Put a device into the plan; prints its number."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_BEDS) as session:
        beds = _beds(session)
        typer.echo(beds.add(number, beds.bed(number).bed.version, room, model))


@app.command("test")
def begin_test(
    number: Number,
    device: Device,
    url: Url,
    login: Login,
    name: Annotated[str, typer.Option(help="The device's name in the home, where several fit.")] = "",
) -> None:
    """Begin the live test of a device: what is heard of it from now on counts."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_BEDS) as session:
        beds = _beds(session)
        beds.begin_test(number, beds.bed(number).bed.version, device, name)


@app.command("accept-device")
def accept_device(number: Number, device: Device, url: Url, login: Login, reason: Reason = "") -> None:
    """Accept a device by what was heard since its test began; without a proof only with --reason."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_BEDS) as session:
        beds = _beds(session)
        proof = beds.accept(number, beds.bed(number).bed.version, device, reason)
        typer.echo(f"{proof.at.isoformat()} {proof.what} {proof.value}" if proof else "人工验收 accepted by a person")


@app.command()
def check(
    number: Number,
    result: Annotated[str, typer.Argument(help="good or mend.")],
    url: Url,
    login: Login,
    findings: Annotated[str, typer.Option(help="What was found.")] = "",
) -> None:
    """Enter a quality check; prints the day of the next one."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_BEDS) as session:
        beds = _beds(session)
        typer.echo(beds.check(number, beds.bed(number).bed.version, result, findings))
