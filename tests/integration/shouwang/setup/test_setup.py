"""``shouwang setup`` below a scratch root: what it writes, that it can be repeated, that a look changes nothing."""

import datetime as dt
import os
import re
import shutil
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg
import pytest
from typer.testing import CliRunner

from database.city.names import WRITER
from dispatch.channels import config
from shouwang.backup import archive
from shouwang.backup import settings as backup_settings
from shouwang.backup.settings import PARTS
from shouwang.cli.actions.secrets import secret
from shouwang.cli.main import app
from shouwang.setup.answers import parse as parse_answers
from shouwang.setup.database import SERVICES
from shouwang.setup.environment import parse
from shouwang.setup.machine import look
from shouwang.setup.plan import Machine, Plan, storage_conf, user_of

pytestmark = pytest.mark.integration
DEPLOY = Path(__file__).parents[4] / "deploy"


def setup(root: Path, *words: str) -> str:
    done = CliRunner().invoke(app, ["setup", "--root", str(root), *words])
    assert done.exit_code == 0, done.output
    return done.output


def files(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(file.relative_to(root)): (file.read_bytes(), stat.S_IMODE(file.stat().st_mode))
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A root with answers, Debian's PostgreSQL folder, and another umask than ours."""
    (tmp_path / "etc/shouwang").mkdir(parents=True)
    (tmp_path / "etc/postgresql/15/main/conf.d").mkdir(parents=True)
    (tmp_path / "etc/shouwang/setup.toml").write_text((DEPLOY / "setup.example.toml").read_text())
    before = os.umask(0o027)
    yield tmp_path
    os.umask(before)


def test_a_look_changes_nothing_and_a_repetition_changes_nothing(root: Path) -> None:
    before = files(root)
    assert "made     /etc/shouwang/tls/ca.crt" in setup(root, "--dry-run")
    assert files(root) == before
    setup(root)
    made = files(root)
    setup(root)
    setup(root, "--dry-run")
    assert files(root) == made


def test_no_secret_can_be_read_by_others(root: Path) -> None:
    setup(root)
    for name, (content, mode) in files(root).items():
        secret = b"PRIVATE KEY" in content or b"PASSWORD '" in content or ":CHANGE" in name
        secret |= name.endswith((".env", ".key", ".keys", "database.sql")) and not name.endswith("common.env")
        if secret:
            assert mode & 0o007 == 0, name
        assert mode & 0o022 == 0, name
    assert files(root)["etc/shouwang/tls/ca.crt"][1] == 0o644


def test_each_service_has_a_password_of_its_own_that_stays(root: Path) -> None:
    setup(root)
    first = files(root)
    urls = [parse(content.decode())["SHOUWANG_DATABASE_URL"] for name, (content, _) in first.items()
            if name.endswith(".env") and b"DATABASE_URL" in content]  # fmt: skip
    assert len({url.split(":")[2] for url in urls}) == len(urls) == 13
    assert all("sslmode=verify-full" in url for url in urls)
    answers = root / "etc/shouwang/setup.toml"
    answers.write_text(answers.read_text().replace("care.example.org", "help.example.org"))
    said = setup(root)
    second = files(root)
    assert "changed  /etc/shouwang/notify.env" in said
    assert b"help.example.org" in second["etc/shouwang/notify.env"][0]
    assert first["etc/shouwang/passwords.env"] == second["etc/shouwang/passwords.env"]
    assert first["etc/shouwang/keys/link.key"] == second["etc/shouwang/keys/link.key"]


def test_services_know_every_server_of_the_database(root: Path) -> None:
    answers = root / "etc/shouwang/setup.toml"
    answers.write_text('database_standbys = ["db-b.example.org", "fd00::1"]\n' + answers.read_text())
    setup(root)
    url = parse((root / "etc/shouwang/ingest.env").read_text())["SHOUWANG_DATABASE_URL"]
    assert "@localhost:5432,db-b.example.org:5432,[fd00::1]:5432/shouwang?" in url
    assert url.endswith("&target_session_attrs=read-write")
    assert psycopg.conninfo.conninfo_to_dict(url)["host"] == "localhost,db-b.example.org,fd00::1"


def test_what_people_have_changed_stays(root: Path) -> None:
    setup(root)
    for name in ("channels.toml", "channels.env", "district.toml"):
        (root / "etc/shouwang" / name).write_text("# mine\n")
    setup(root)
    assert all((root / "etc/shouwang" / name).read_text() == "# mine\n" for name in ("channels.toml", "district.toml"))


def test_the_backup_saves_what_setup_makes(root: Path) -> None:
    setup(root)
    file = root / "etc/shouwang/backup.toml"
    found = backup_settings.load(file)
    assert set(PARTS) <= set(found.parts)
    ours = [path for path in found.parts.values() if path.startswith("/etc/")]
    assert [path for path in ours if not (root / path.lstrip("/")).exists()] == []
    folders = {f"/var/lib/shouwang/alerting-{number}" for number in range(2)}  # StateDirectory of the guide's two units
    assert folders <= set(found.parts.values())
    text = file.read_text()
    for name, path in found.parts.items():
        here = root / "kept" / path.lstrip("/")
        here.parent.mkdir(parents=True, exist_ok=True)
        if not (root / path.lstrip("/")).exists():
            here.write_text(name)
        text = text.replace(f'"{path}"', f'"{here if here.exists() else root / path.lstrip("/")}"')
    file.write_text(text.replace("/var/backups/shouwang", str(root / "archives")))
    saved = archive.save(backup_settings.load(file), dt.datetime.now(dt.UTC))
    opened = archive.open_archive(saved, root / "etc/shouwang/keys/backup.identity", root / "opened")
    assert set(opened.parts) == set(found.parts)


def test_the_key_of_the_backups_is_made_once_and_not_again_when_it_was_taken_away(root: Path) -> None:
    setup(root)
    identity, settings = root / "etc/shouwang/keys/backup.identity", root / "etc/shouwang/backup.toml"
    made = settings.read_text()
    assert stat.S_IMODE(identity.stat().st_mode) == 0o600
    setup(root)
    assert identity.exists()
    identity.unlink()
    setup(root)
    assert not identity.exists()
    assert settings.read_text() == made
    plan = Plan(parse_answers((root / "etc/shouwang/setup.toml").read_text()), look(root, DEPLOY))
    assert not [item for item in plan.items() if item.path == "/etc/shouwang/keys/backup.identity"]


def test_a_machine_saves_what_it_carries(root: Path) -> None:
    answers = root / "etc/shouwang/setup.toml"
    text = answers.read_text().replace('broker = "mosquitto"', 'broker = "nats"')
    text = text.replace("nats_nodes = []", 'nats_nodes = ["n1", "n2", "n3"]').replace('node = ""', 'node = "n1"')
    answers.write_text(re.sub(r"(?m)^parts = .*", 'parts = ["authority", "broker"]', text))
    setup(root)
    found = backup_settings.load(root / "etc/shouwang/backup.toml")
    assert (found.stanza, found.parts["broker_store"]) == ("", "/var/lib/nats")
    assert {name for name, path in found.parts.items() if path} == {"pki", "broker_store", "settings", "passwords"}
    assert (root / "etc/systemd/system/shouwang-backup.timer").exists()
    assert (root / "etc/systemd/system/shouwang-doctor.timer").exists()


def test_pgbackrest_gets_a_pass_phrase_of_its_own_and_the_cluster(root: Path) -> None:
    (root / "etc/postgresql/15/feed/conf.d").mkdir(parents=True)
    (root / "etc/postgresql/15/main/postgresql.conf").write_text("data_directory = '/srv/pg'\t# there\nport = 5432\n")
    setup(root)
    file = root / "etc/pgbackrest/pgbackrest.conf"
    text = file.read_text()
    assert "REPLACE-ME" not in text
    assert "pg1-path=/srv/pg\n" in text
    maintain = parse((root / "etc/shouwang/maintain.env").read_text())
    assert maintain["SHOUWANG_DATABASE_DISK"] == "/srv/pg", "then the page of storage tells when it is full"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    setup(root)
    assert file.read_text() == text
    answers = parse_answers((root / "etc/shouwang/setup.toml").read_text())
    for here in (False, True):  # without the program PostgreSQL would keep all WAL that it cannot archive
        machine = Machine(root, DEPLOY, clusters=("/etc/postgresql/15/main",), archives_wal=here)
        paths = {item.path for item in Plan(answers, machine).items()}
        assert ("/etc/postgresql/15/main/conf.d/shouwang-archive.conf" in paths) == here
    assert look(root, DEPLOY).clusters == ("/etc/postgresql/15/main",)


def test_the_feed_for_the_city_gets_its_environment_and_the_password_that_publish_takes(root: Path) -> None:
    setup(root)
    assert not (root / "etc/shouwang/feed.env").exists()
    answers = root / "etc/shouwang/setup.toml"
    answers.write_text(answers.read_text().replace('city_feed = ""', 'city_feed = "localhost:5433/shouwang_feed"'))
    setup(root)
    made = files(root)
    content, mode = made["etc/shouwang/feed.env"]
    assert mode == 0o600
    url = psycopg.conninfo.conninfo_to_dict(parse(content.decode())["SHOUWANG_FEED_URL"])
    assert (url["host"], url["port"], url["dbname"]) == ("localhost", "5433", "shouwang_feed")
    assert (url["user"], url["sslmode"]) == ("shouwang_feed_writer", "verify-full")
    assert secret(root / "etc/shouwang/feed" / WRITER) == url["password"]
    assert b"feed_writer" not in made["etc/shouwang/database.sql"][0]
    setup(root)
    assert files(root) == made
    answers.write_text(answers.read_text().replace("localhost:5433/shouwang_feed", "no address"))
    assert CliRunner().invoke(app, ["setup", "--root", str(root)]).exit_code == 1


def test_a_key_that_was_opened_is_closed_again(root: Path) -> None:
    setup(root)
    key = root / "etc/shouwang/keys/link.key"
    key.chmod(0o644)
    setup(root)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_broker_with_a_new_name_gets_a_certificate_for_it(root: Path) -> None:
    setup(root)
    answers = root / "etc/shouwang/setup.toml"
    answers.write_text(answers.read_text().replace('["broker.example.org"]', '["mqtt.example.org"]'))
    assert "changed  /etc/shouwang/tls/broker.crt" in setup(root)
    assert "SHOUWANG_BROKER_HOST=mqtt.example.org" in (root / "etc/shouwang/common.env").read_text()


@pytest.mark.parametrize("broker", ["mosquitto", "nats"])
def test_a_renewed_pair_comes_with_the_command_that_takes_it_into_use(root: Path, broker: str) -> None:
    answers = root / "etc/shouwang/setup.toml"
    text = answers.read_text().replace('broker = "mosquitto"', f'broker = "{broker}"')
    text = text.replace("nats_nodes = []", 'nats_nodes = ["n1", "n2", "n3"]').replace('node = ""', 'node = "n1"')
    answers.write_text(text)
    assert "systemctl" not in setup(root).replace("/systemd/", ""), "nothing was in use before"
    assert "systemctl" not in setup(root)
    server = "mosquitto" if broker == "mosquitto" else "nats-server"
    for pair, line in {
        "broker": f"systemctl reload {server}",
        "database": "systemctl reload postgresql",
        "web": "systemctl reload nginx",
        "enrolment": "",
        "svc-ingest": "",
        "gw-0001": "",
        "issuing": "",
    }.items():
        folder = "clients/" if pair.startswith(("svc", "gw")) else ""
        (root / "etc/shouwang/pki" / folder / f"{pair}.crt").unlink()
        said = setup(root)
        assert f"changed  /etc/shouwang/tls/{pair}.crt" in said
        assert [one.split("  #")[0].strip() for one in said.splitlines() if "systemctl" in one] == [line] * bool(line)
    answers.write_text(re.sub(r"(?m)^parts = .*", 'parts = ["authority"]', text))
    setup(root)
    answers.write_text(answers.read_text().replace("care.example.org", "help.example.org"))
    assert "copy /etc/shouwang/pki/web.crt and .key to its machine; there systemctl reload nginx" in setup(root)


def test_the_shipped_channels_work_as_they_are(root: Path) -> None:
    setup(root)
    environment = parse((root / "etc/shouwang/channels.env").read_text())
    channels = config.parse((root / "etc/shouwang/channels.toml").read_text(), environment)
    assert channels.order["staff"] == ["sms"]
    assert tomllib.loads((root / "etc/shouwang/district.toml").read_text())["gateway"][0]["name"] == "gw-0001"


def test_a_machine_without_the_authority_names_what_has_to_be_brought(root: Path) -> None:
    answers = root / "etc/shouwang/setup.toml"
    answers.write_text(answers.read_text().replace('"authority", ', ""))
    done = CliRunner().invoke(app, ["setup", "--root", str(root)])
    assert done.exit_code == 1
    assert "tls/ca.crt is missing" in done.output
    assert len(done.output.strip().splitlines()) == 2


@pytest.mark.parametrize("broker", ["mosquitto", "nats"])
def test_a_machine_of_the_authority_alone_makes_what_the_others_bring(root: Path, tmp_path: Path, broker: str) -> None:
    """The copying is what deploy/README.md says under "Several machines"."""
    answers = root / "etc/shouwang/setup.toml"
    text = answers.read_text().replace('broker = "mosquitto"', f'broker = "{broker}"')
    text = text.replace("nats_nodes = []", 'nats_nodes = ["n1", "n2", "n3"]').replace('node = ""', 'node = "n1"')
    answers.write_text(re.sub(r"(?m)^parts = .*", 'parts = ["authority"]', text))
    setup(root)
    assert "same" in setup(root)
    first, other = root / "etc/shouwang", tmp_path / "other/etc/shouwang"
    (other / "tls").mkdir(parents=True)
    (other / "broker").mkdir()
    (other / "setup.toml").write_text(re.sub(r'"authority", ', "", text))
    shutil.copy(first / "passwords.env", other)
    for file in (first / "pki").rglob("*.*"):
        if file.parent.name != "cluster" and file.suffix in (".crt", ".key") and file.name != "ca.key":
            shutil.copy(file, other / "tls")
    if broker == "nats":
        shutil.copy(first / "pki/cluster/ca.crt", other / "tls/cluster-ca.crt")
        for file in (first / "pki/cluster").glob("route.*"):
            shutil.copy(file, other / "tls")
    else:
        shutil.copy(first / "pki/crl.pem", other / "broker")
    setup(tmp_path / "other")
    assert not (other / "pki").exists()
    assert stat.S_IMODE((first / "pki").stat().st_mode) == 0o700


def test_nats_gets_what_its_version_knows(root: Path) -> None:
    assert "sync_interval:" not in storage_conf((2, 9, 10))
    assert "sync_interval:" in storage_conf((2, 10, 0))
    assert "sync_interval:" in storage_conf(())
    answers = root / "etc/shouwang/setup.toml"
    text = answers.read_text().replace('"mosquitto"', '"nats"').replace('this_node = ""', 'this_node = "n2"')
    answers.write_text(text.replace("nats_nodes = []", 'nats_nodes = ["n1", "n2", "n3"]'))
    setup(root)
    written = files(root)
    assert b"tls://n2:6222" in written["etc/nats/nats.conf"][0]
    assert b"SHOUWANG_NODE=n2" in written["etc/systemd/system/nats-server.service.d/shouwang.conf"][0]
    assert written["etc/shouwang/tls/route.key"][1] == 0o640
    unit = written["etc/systemd/system/shouwang-lists-nats.service"][0].decode()
    named = re.findall(r"/etc/shouwang/[a-z/-]+\.(?:env|crt|key)", unit)
    assert len(named) == 4
    assert not [name for name in named if name.lstrip("/") not in written]


@pytest.mark.parametrize("broker", ["mosquitto", "nats"])
def test_files_belong_to_users_that_are_made_or_come_with_a_package(root: Path, broker: str) -> None:
    answers = parse_answers((root / "etc/shouwang/setup.toml").read_text())
    answers = msgspec.structs.replace(answers, broker=broker, nats_nodes=["n1", "n2", "n3"], this_node="n1")
    known = {"root", "postgres", broker, *map(user_of, SERVICES)}
    items = list(Plan(answers, look(root, DEPLOY)).items())
    assert not [item.path for item in items if not {item.owner, item.group} <= known]


def test_without_answers_and_without_a_terminal_it_says_what_to_write(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["setup", "--root", str(tmp_path)])
    assert done.exit_code == 1
    assert "setup.example.toml" in done.output
