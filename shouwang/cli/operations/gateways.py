"""The commands ``shouwang gateways …``: enrol new gateways, revoke lost ones, bring a new program to all."""

import datetime as dt
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Login, Url, acting, refusals

if TYPE_CHECKING:
    from care_network.upkeep.scope import Acting

app = typer.Typer(
    help="Gateways: enrol new ones, revoke lost ones, bring them a new program; their devices.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="The gateway's name.")]
Device = Annotated[str, typer.Argument(help="The device's name, as the gateway reports it.")]
Model = Annotated[str, typer.Option(help="Its model, a file of firmware_profiles/devices.")]


@app.command()
def enrol(
    gateway: Name,
    url: Url,
    login: Login,
    authority: Annotated[
        Path,
        typer.Option("--ca", envvar="SHOUWANG_BROKER_CA", exists=True, help="The authority's certificate, ca.crt."),
    ],
    hours: Annotated[float, typer.Option(min=0.1, max=168, help="How long the code is good.")] = 24,
) -> None:
    """Make a code with which this gateway gets its first certificate, once: python -m edge_agent --enrol CODE …"""
    from care_network.access.permissions import Action
    from care_network.records.certificates import make_code

    with acting(url, login, Action.PROVISION) as session:
        code = make_code(session.conn, gateway, session.now, dt.timedelta(hours=hours))
        session.audit(Action.PROVISION, detail={"enrolment_code": gateway, "hours": hours})
    typer.echo(f"{gateway}.{code}.{hashlib.sha256(authority.read_bytes()).hexdigest()[:32]}")


@app.command()
def panel(
    gateway: Name,
    url: Url,
    login: Login,
    link_key: Annotated[
        Path | None,
        typer.Option("--link-key", envvar="SHOUWANG_LINK_KEY_FILE", help="The key of links, as the console has it."),
    ] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="End the panel: its address works no more.")] = False,
) -> None:
    """Make the page with the call button for a tablet or TV in a home: prints its address. An older one ends."""
    from care_network.access.permissions import Action
    from dispatch.core.links import load_link_keys
    from dispatch.family import panels

    with acting(url, login, Action.PROVISION) as session:
        if withdraw:
            panels.withdraw(session.conn, session.account, gateway, session.now, session.origin)
            typer.echo(f"{gateway}: 平板页面已停用 the panel is withdrawn")
            return
        keys = load_link_keys(link_key)
        path = panels.make(session.conn, keys, session.account, gateway, session.now, session.origin)
    typer.echo(path)


@app.command()
def revoke(
    gateway: Name, url: Url, login: Login, reason: Annotated[str, typer.Option(help="Lost, stolen, replaced …")]
) -> None:
    """Take every right from a lost or stolen gateway, for ever; the brokers know within a minute.

    Its replacement gets a new name.
    """
    from care_network.access.permissions import Action
    from care_network.records.certificates import revoke as revoke_identity

    with acting(url, login, Action.PROVISION) as session:
        fresh = revoke_identity(session.conn, gateway, session.now, session.account.login, reason)
        session.audit(Action.PROVISION, detail={"revoked": gateway, "reason": reason})
    typer.echo(f"{gateway}: {'revoked' if fresh else 'was revoked before'}")


@app.command()
def pair(
    gateway: Name,
    device: Device,
    url: Url,
    login: Login,
    model: Model,
    room: Annotated[str, typer.Option(help="Code of the room.")] = "",
    resident: Annotated[str, typer.Option(help="Code of who wears it; not given: it watches the home.")] = "",
) -> None:
    """Register a device that a gateway relays, as the page of the gateway does."""
    from care_network.upkeep import devices

    with operating(url, login) as acting_now:
        devices.pair(acting_now, gateway, device, model, room, resident)
    typer.echo(f"{gateway}/{device}: registered")


@app.command()
def replace(
    gateway: Name,
    device: Device,
    url: Url,
    login: Login,
    new: Annotated[str, typer.Option(help="Name of the new device, as the gateway reports it.")],
    model: Model,
) -> None:
    """Put a new device in the place of one: it takes wearer and room; the old one, out of use, keeps its history."""
    from care_network.upkeep import devices, gateway_page

    with operating(url, login) as acting_now:
        page = gateway_page.load(acting_now.conn, acting_now.account, gateway, acting_now.now)
        known = gateway_page.device_named(page, device)
        devices.replace(acting_now, gateway, device, known.version if known else 0, new, model)
    typer.echo(f"{gateway}/{device}: replaced by {new}")


@app.command()
def retire(
    gateway: Name,
    device: Device,
    url: Url,
    login: Login,
    because: Annotated[str, typer.Option("--because", help="Why it is taken out of use.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take a device out of use, after it was said who loses which protection; use-again brings it back."""
    from care_network.upkeep import devices, gateway_page

    with operating(url, login) as acting_now:
        page = gateway_page.load(acting_now.conn, acting_now.account, gateway, acting_now.now)
        known = gateway_page.device_named(page, device)
        if known is not None:
            others = gateway_page.devices_of_home(acting_now.conn, page.row.household_id)
            for loss in gateway_page.losses(page, known, others):
                typer.echo(f"{loss.zh} {loss.en}")
        if not yes:
            typer.confirm("Take it out of use?", abort=True)
        devices.retire(acting_now, gateway, device, known.version if known else 0, because)
    typer.echo(f"{gateway}/{device}: out of use")


@app.command("use-again")
def use_again(gateway: Name, device: Device, url: Url, login: Login) -> None:
    """Use a device again that was taken out of use; what replaced it is taken out of use."""
    from care_network.upkeep import devices

    with operating(url, login) as acting_now:
        devices.bring_back(acting_now, gateway, device)
    typer.echo(f"{gateway}/{device}: in use")


@contextmanager
def operating(url: str, login: str) -> "Iterator[Acting]":
    """Act on devices as the account of that login."""
    from care_network.access.permissions import Action
    from care_network.upkeep.scope import Acting

    with acting(url, login, Action.OPERATE_DEVICES) as session:
        yield Acting(session.conn, session.account, session.now, session.origin)


@app.command()
def certificates(url: Url, login: Login) -> None:
    """List when the certificates of gateways, services and brokers expire, the soonest first."""
    from care_network.access.permissions import Action
    from care_network.records.certificates import expiries

    with acting(url, login, Action.VIEW_OPERATIONS) as session:
        for one in sorted(expiries(session.conn), key=lambda one: one.expires_at):
            days = (one.expires_at - session.now).days
            typer.echo(f"{one.expires_at:%Y-%m-%d}  {days:5d} days  {one.holder}")


@app.command()
def bundle(
    out: Annotated[Path, typer.Option(help="Where to write the bundle.")],
    key: Annotated[Path, typer.Option("--key", exists=True, dir_okay=False, help="The district's private key.")],
    version: Annotated[
        int | None, typer.Option(min=1, help="Must rise with each bundle; not given: the seconds since 1970.")
    ] = None,
) -> None:
    """Sign the gateway's program of this installation, as one bundle for all gateways (docs/upgrade.md).

    The key is that of the configurations (shouwang provision config-key); a gateway knows it by [updates].
    """
    import importlib.metadata
    import time

    from shouwang.gateways.signing import load_key, sign_program

    number = version or int(time.time())
    release = importlib.metadata.version("shouwang")
    with refusals():
        sealed = sign_program(load_key(key), release, number, time.time_ns() // 1000)
        out.write_bytes(sealed)
    typer.echo(f"{out}: release {release}, version {number}, {len(sealed):,} bytes")


@app.command()
def update(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A bundle of 'shouwang gateways bundle'.")],
    url: Url,
    login: Login,
    ring: Annotated[
        list[int] | None, typer.Option("--ring", help="Per cent of all gateways after each ring. Default: 1, 10, 100.")
    ] = None,
    gateway: Annotated[
        list[str] | None, typer.Option("--gateway", help="Only these gateways, in one ring; repeatable.")
    ] = None,
    healthy_hours: Annotated[
        float, typer.Option(min=0, help="How long a ring has to be well before the next one begins.")
    ] = 24,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after a stop: offer it once more to those that failed.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Offer what can be offered now, and end.")] = False,
) -> None:
    """Bring a new program to the gateways, ring by ring; stop where it does harm. Run it again to go on.

    A gateway with an open alert, with messages in its buffer or offline is waited for. One that does not come online
    with the new program goes back by itself. Connects by SHOUWANG_BROKER_… as svc-console. Exit status 1: it stopped.
    """
    import signal

    from care_network.access.permissions import Action
    from edge_agent.updates.signed_program import read_note
    from firmware_profiles.settings import BrokerSettings
    from shouwang.gateways import rollout_store as store
    from shouwang.gateways.pushing import Pusher
    from shouwang.gateways.rollout import Rollout, rings_of

    with acting(url, login, Action.PROVISION) as session:
        sealed = file.read_bytes()
        note = read_note(sealed)
        known = store.newest(session.conn)
        if known is None or known.version != note.version:
            shares = ring or [1, 10, 100]
            rings = (
                dict.fromkeys(gateway, 1) if gateway else rings_of(store.gateways(session.conn), shares, note.version)
            )
            rollout = Rollout(
                version=note.version,
                release=note.release,
                rings=max(rings.values(), default=1),
                ring=1,
                healthy_for=dt.timedelta(hours=healthy_hours),
            )
            store.begin(session.conn, rollout, rings, session.account.login)
            session.audit(Action.PROVISION, detail={"program": note.version, "gateways": len(rings)})
        elif resume:
            store.resume(session.conn, note.version)
            session.audit(Action.PROVISION, detail={"program": note.version, "resumed": True})
        pusher = Pusher(url, BrokerSettings().broker(), sealed, note.version, typer.echo)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: pusher.stop.set())
        ended = pusher.run(once)
    if ended.stopped:
        typer.secho(f"stopped: {ended.stopped}", err=True, fg="red")
        raise typer.Exit(1)


@app.command()
def programs(
    url: Url,
    login: Login,
    as_json: Annotated[bool, typer.Option("--json", help="The rollout and each gateway, as JSON.")] = False,
) -> None:
    """Show where each gateway stands with the newest bundle."""
    import msgspec

    from care_network.access.permissions import Action
    from shouwang.gateways import rollout_store as store

    with acting(url, login, Action.VIEW_OPERATIONS) as session:
        rollout = store.newest(session.conn)
        if rollout is None:
            raise LookupError("no program was ever offered to the gateways: shouwang gateways update")
        standings = store.standings(session.conn, rollout.version)
    if as_json:
        typer.echo(msgspec.json.encode({"rollout": rollout, "gateways": standings}).decode())
        return
    state = f"stopped: {rollout.stopped}" if rollout.stopped else "under way" if rollout.ended_at is None else "ended"
    typer.echo(f"{rollout.release}, version {rollout.version}: ring {rollout.ring} of {rollout.rings}, {state}")
    for one in standings:
        typer.echo(f"{one.ring}  {one.gateway:20} {one.state:9} {one.changed_at:%Y-%m-%d %H:%M}  {one.text}")
