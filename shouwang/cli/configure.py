"""``shouwang provision config-key``, ``sign-config``, ``push-config`` and ``shouwang gateway``: gateways from afar."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import refusals

if TYPE_CHECKING:
    from shouwang.gateways.commands import Answer

DistrictKeyFile = Annotated[
    Path, typer.Option("--key", exists=True, dir_okay=False, help="The district's private key.")
]


def config_key(file: Annotated[Path, typer.Argument(help="Where to write the private key; must not exist.")]) -> None:
    """Make the district's key for signing configurations. Keep the file offline; never put it into a repository."""
    from shouwang.gateways.signing import make_key

    with refusals():
        public = make_key(file)
    typer.echo(f'{file}: written. In the home.toml of each gateway:\n\n[updates]\npublic_keys = ["{public}"]')


def sign_config(
    home: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The home's new configuration (TOML).")],
    key: DistrictKeyFile,
    out: Annotated[Path, typer.Option(help="Where to write the signed configuration.")],
    profile: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A device model (TOML); repeatable.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="Must rise for each gateway; not given: the seconds since 1970.")
    ] = None,
) -> None:
    """Sign a complete configuration, with the device models the home needs of its own."""
    from shouwang.gateways.signing import load_key, sign_home

    number = version or int(time.time())
    with refusals():
        profiles = {file.stem: file.read_text("utf-8") for file in profile or ()}
        sealed = sign_home(load_key(key), home.read_text("utf-8"), profiles, number, time.time_ns() // 1000)
        out.write_bytes(sealed)
    typer.echo(f"{out}: version {number}, {len(sealed)} bytes")


def push_config(
    signed: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file that sign-config wrote.")],
    gateway: Annotated[str, typer.Option(help="The gateway it was signed for.")],
    wait: Annotated[float, typer.Option(min=1, help="Seconds to wait for the end of the gateway's trial.")] = 600,
) -> None:
    """Send a signed configuration and wait until the gateway keeps it (exit status 0) or not (1).

    Connects by SHOUWANG_BROKER_… as svc-console, the identity that may send commands.
    """
    from firmware_profiles.settings import BrokerSettings
    from shouwang.gateways.commands import ask

    with refusals():
        answer = ask(BrokerSettings().broker(), gateway, "update_config", {}, signed.read_bytes(), wait)
        typer.echo(f"{gateway}: {_text(gateway, answer)}")


def command(
    gateway: Annotated[str, typer.Argument(help="The gateway's name.")],
    kind: Annotated[str, typer.Argument(help="For example ping, self_test, start_button_test.")],
    args: Annotated[list[str] | None, typer.Argument(help="Arguments of the command, as KEY=TEXT.")] = None,
    wait: Annotated[float, typer.Option(min=1, help="Seconds to wait for the answer.")] = 60,
) -> None:
    """Send a command to a gateway and print its answer; exit status 1 where it refuses or does not answer.

    Connects by SHOUWANG_BROKER_… as svc-console, the identity that may send commands.
    """
    from firmware_profiles.settings import BrokerSettings
    from shouwang.gateways.commands import ask

    with refusals():
        pairs = [text.partition("=") for text in args or ()]
        wrong = [key for key, equals, _ in pairs if not equals]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not KEY=TEXT")
        answer = ask(BrokerSettings().broker(), gateway, kind, {key: text for key, _, text in pairs}, b"", wait)
        typer.echo(_text(gateway, answer))


def _text(gateway: str, answer: "Answer") -> str:
    """Return the gateway's own words. Raises RuntimeError with them where it refused."""
    if not answer.ok:
        raise RuntimeError(f"{gateway}: {answer.text}")
    return answer.text
