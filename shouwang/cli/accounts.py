"""The commands ``shouwang accounts …``: who may log in, and what they have looked at."""

import datetime as dt
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli import audit
from shouwang.cli.session import ORIGIN, Login, Session, Url, acting, connection

if TYPE_CHECKING:
    from care_network.records.account_records import Admin

app = typer.Typer(
    help="Who may log in: accounts, passwords, second factors, sessions, consents, and the audit.\n\n"
    "A password is asked for, or read from a file; it never stands on the command line. The first administrator:\n\n"
    "shouwang accounts first-admin admin --area shenzhen.yantian\n\nA forgotten password, one's own too:\n\n"
    "shouwang accounts password LOGIN --reset --as admin",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
consent_app = typer.Typer(help="Residents' consents to be seen by their family.", no_args_is_help=True)
app.add_typer(consent_app, name="consent")
app.add_typer(audit.before, name="audit", hidden=True)

Name = Annotated[str, typer.Argument(metavar="LOGIN", help="Login of the account.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="File whose first line is the password; '-': standard input. Else asked."),
]


@app.command("first-admin")
def first_admin(
    name: Name,
    url: Url,
    area: Annotated[str, typer.Option(help="Path of the district: the administrator keeps what lies below.")],
    title: Annotated[str, typer.Option("--name", help="How the console names this person.")] = "管理员 Administrator",
    password_file: PasswordFile = None,
) -> None:
    """Add the first administrator. The database's password is the permission.

    Repeated with the same login it changes nothing, the password neither, and ends well. With another login it is
    refused while there is an administrator.
    """
    from care_network.records.account_records import add_first_admin, is_admin

    with connection(url) as conn:
        if is_admin(conn, name):
            typer.echo(
                f"{name} 已是管理员，密码未改变 is the administrator already; the password stays as it is."
                f" 忘记密码 forgotten: shouwang accounts password {name} --reset --as {name}"
            )
            return
        add_first_admin(conn, name, _new_password(password_file), area, title, dt.datetime.now(dt.UTC))
    typer.echo(f"{name} 已添加为管理员 is the administrator; next: shouwang accounts second-factor {name} --as {name}")


@app.command("list")
def list_(url: Url, login: Login) -> None:
    """The accounts below your area: role, last seen, second factor, one-time password."""
    from care_network.access.permissions import Action
    from care_network.records.account_records import list_accounts
    from shouwang.cli.tables import accounts as tables

    with acting(url, login, Action.MANAGE_ACCOUNTS) as session:
        tables.print_accounts(list_accounts(session.conn, _admin(session)), session.now)
        session.audit("list_accounts")


@app.command()
def add(
    name: Name,
    url: Url,
    login: Login,
    role: Annotated[str, typer.Option(help="admin, dispatcher, lead, manager, station, carer, family or auditor.")],
    name_zh: Annotated[str, typer.Option(help="Name in Chinese.")],
    name_en: Annotated[str, typer.Option(help="Name in Latin letters.")],
    area: Annotated[str | None, typer.Option(help="Path of the area that staff see; family have none.")] = None,
    language: Annotated[str, typer.Option(help="zh or en.")] = "zh",
) -> None:
    """Add an account; prints a one-time password, which has to be changed at the first login."""
    from care_network.access import passwords
    from care_network.access.permissions import Action
    from care_network.records import account_records
    from care_network.records.records import NewAccount, parse

    with acting(url, login, Action.MANAGE_ACCOUNTS) as session:
        password = passwords.generate()
        fields = {
            "login": name, "password": password, "name_zh": name_zh, "name_en": name_en, "role": role, "area": area,
            "language": language,
        }  # fmt: skip
        account_records.add(session.conn, _admin(session), parse(NewAccount, fields), one_time=True)
        _say_one_time(name, password)


@app.command()
def password(
    name: Name,
    url: Url,
    login: Annotated[str | None, typer.Option("--as", help="Login of the administrator who resets it.")] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Forgotten: print a one-time password, end all sessions.")
    ] = False,
    password_file: PasswordFile = None,
) -> None:
    """Change your own password, by the present one; or, as an administrator, give somebody a one-time password."""
    from care_network.access.permissions import Action
    from care_network.records import account_records

    if reset:
        with acting(url, login or name, Action.MANAGE_ACCOUNTS) as session:
            _say_one_time(name, account_records.reset_password(session.conn, _admin(session), name))
        return
    with acting(url, name, None) as session:
        present = typer.prompt("当前密码 Present password", hide_input=True, err=True)
        account_records.change_own_password(
            lambda: nullcontext(session.conn), session.account, present, _new_password(password_file),
            at=session.now, origin=ORIGIN, keep=None,
        )  # fmt: skip
    typer.echo("密码已修改 the password is changed; other sessions have ended")


@app.command()
def change(
    name: Name,
    url: Url,
    login: Login,
    role: Annotated[str | None, typer.Option(help="The new role.")] = None,
    area: Annotated[str | None, typer.Option(help="Path of the new area.")] = None,
    name_zh: Annotated[str | None, typer.Option(help="Name in Chinese.")] = None,
    name_en: Annotated[str | None, typer.Option(help="Name in Latin letters.")] = None,
) -> None:
    """Change an account's name, role or area; a new role or area ends its sessions."""
    from care_network.access.permissions import Action
    from care_network.records import account_records
    from care_network.records.accounts import changes

    with acting(url, login, Action.MANAGE_ACCOUNTS) as session:
        admin = _admin(session)
        kept = account_records.kept(session.conn, admin, name)
        new = changes.AccountChange(
            version=kept.version, name_zh=name_zh or kept.name_zh, name_en=name_en or kept.name_en,
            role=role or kept.role, area=area or kept.area_path,
        )  # fmt: skip
        ended = changes.change(session.conn, admin, name, new)
    typer.echo(f"{name}: 已修改 changed; 已结束 {ended} 个会话 sessions ended")


@app.command()
def disable(name: Name, url: Url, login: Login) -> None:
    """Switch an account off at once: its sessions end. Its history stays."""
    _set_active(name, url, login, active=False)


@app.command()
def enable(name: Name, url: Url, login: Login) -> None:
    """Switch an account on again."""
    _set_active(name, url, login, active=True)


@app.command("second-factor")
def second_factor(
    name: Name,
    url: Url,
    login: Login,
    remove: Annotated[
        bool, typer.Option("--remove", help="The telephone is lost: ask for the password alone.")
    ] = False,
) -> None:
    """Enrol an authenticator app (TOTP): prints what the app takes, and asks for its first code."""
    from care_network.access import second_factor as totp
    from care_network.access.permissions import Action
    from care_network.records import account_records

    with acting(url, login, Action.MANAGE_ACCOUNTS) as session:
        admin = _admin(session)
        if remove:
            account_records.remove_second_factor(session.conn, admin, name)
            typer.echo(f"{name}: 已取消动态验证码 the second factor is removed")
            return
        secret, account = totp.new_secret(), account_records.kept_account(session.conn, admin, name)
        typer.echo(f"{totp.address_for_app(account, secret)}\n密钥 secret: {secret}")
        code = typer.prompt("手机上的六位码 The six digits", err=True)
        now = dt.datetime.now(dt.UTC)
        account_records.enrol_second_factor(session.conn, _admin(session, now), name, secret, code)
    typer.echo(f"{name}: 下次登录须输入动态码 from now on a code is asked for")


@app.command("let-in")
def let_in(name: Name, url: Url, login: Login) -> None:
    """Let a colleague in who has no second factor at hand: prints a code for one login, good for 15 minutes."""
    from care_network.access.permissions import Action
    from care_network.records.accounts import letting_in

    with acting(url, login, Action.LET_IN) as session:
        code = letting_in.let_in(session.conn, session.account, name, session.now, session.origin)
    typer.echo(f"{name}: 一次性登录码 code for one login: {code}")


@app.command()
def sessions(name: Name, url: Url, login: Login) -> None:
    """Where somebody is logged in, and since when."""
    from care_network.access.permissions import Action
    from care_network.records.account_records import list_sessions
    from shouwang.cli.tables import accounts as tables

    with acting(url, login, Action.MANAGE_ACCOUNTS) as session:
        tables.print_sessions(list_sessions(session.conn, _admin(session), name))
        session.audit("list_sessions", detail={"login": name})


@app.command("end-sessions")
def end_sessions(name: Name, url: Url, login: Login) -> None:
    """Log somebody out everywhere."""
    from care_network.access.permissions import Action
    from care_network.records import account_records

    with acting(url, login, Action.MANAGE_ACCOUNTS) as session:
        count = account_records.end_sessions(session.conn, _admin(session), name)
    typer.echo(f"{name}: 已结束 {count} 个会话 sessions ended")


@consent_app.command()
def withdraw(
    name: Name,
    resident: Annotated[str, typer.Argument(help="The resident's code.")],
    url: Url,
    login: Login,
) -> None:
    """Take back a resident's consent to be seen by a family account. Contacts: see 'network change'."""
    from care_network.access.permissions import Action
    from care_network.records import account_records

    with acting(url, login, Action.MANAGE_ACCOUNTS) as session:
        account_records.withdraw_consent(session.conn, _admin(session), name, resident)
    typer.echo(f"{name}: 不再能查看 no longer sees {resident}")


@consent_app.command()
def give(
    name: Name,
    resident: Annotated[str, typer.Argument(help="The resident's code.")],
    url: Url,
    login: Login,
    relation: Annotated[str, typer.Option(help="Who they are to the resident.")],
) -> None:
    """Record that a resident agrees today to be seen by a family account."""
    from care_network.access.permissions import Action
    from care_network.records.accounts import changes

    with acting(url, login, Action.MANAGE_ACCOUNTS) as session:
        changes.give_consent(session.conn, _admin(session), name, resident, relation, relation)
    typer.echo(f"{name}: 现可查看 may see {resident}")


def _set_active(name: str, url: str, login: str, *, active: bool) -> None:
    from care_network.access.permissions import Action
    from care_network.records import account_records

    with acting(url, login, Action.MANAGE_ACCOUNTS) as session:
        account_records.set_active(session.conn, _admin(session), name, active=active)
    typer.echo(f"{name}: " + ("已启用 enabled" if active else "已停用 disabled; its sessions have ended"))


def _admin(session: Session, now: dt.datetime | None = None) -> "Admin":
    from care_network.records.account_records import Admin

    return Admin(session.account, now or session.now, session.origin)


def _new_password(file: Path | None) -> str:
    """The password from a file, standard input or the terminal, never from the arguments."""
    if file is None:
        return str(typer.prompt("新密码 New password", hide_input=True, confirmation_prompt=True, err=True))
    text = typer.get_text_stream("stdin").readline() if str(file) == "-" else file.read_text("utf-8")
    return text.partition("\n")[0].rstrip("\r")


def _say_one_time(name: str, password: str) -> None:
    typer.echo(f"{name}: 一次性密码 one-time password (72 h): {password}")
