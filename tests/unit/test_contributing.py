"""CONTRIBUTING.md is right about what an addition touches: one of each is added here, or the registry it names is
held against its folder."""

import importlib
import pkgutil
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
import typer
from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.testclient import TestClient

import console.pages
import shouwang.cli
from alerting.detection.detectors import all_detectors
from console.app import create_app
from console.settings import ConsoleSettings
from console.shell import views
from database.settings import DatabaseSettings
from dispatch.channels import adapters, config
from dispatch.channels.adapters.base import ConfigError
from edge_agent.config import load_home
from firmware_profiles import zigbee2mqtt
from firmware_profiles.devices import MODELS
from firmware_profiles.link.mqtt import Broker
from firmware_profiles.readings import DeviceEvent, Reading
from shouwang.cli.main import app as commands
from shouwang.identities import app as certificates

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
MIGRATIONS = ROOT / "database" / "migrations"


def docs(*names: str) -> str:
    return "".join((ROOT / "docs" / name).read_text() for name in names)


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def test_it_is_one_page() -> None:
    assert len(PAGE.splitlines()) <= 100
    for kind in ("detector", "device model", "delivery channel", "page", "command", "migration"):
        assert f"**A {kind}**" in PAGE


# a detector: one is dropped in by tests/unit/alerting/detection/test_detect_dropped_in.py


def test_every_detector_is_a_file_and_has_its_row() -> None:
    files = {file.stem for file in (ROOT / "alerting/detection/detectors").glob("*.py")} - {"__init__"}
    assert {name.partition(".")[0] for name in all_detectors()} == files
    page = docs("detectors.md", "detectors-behaviour.md")
    assert not {file for file in files if f"`{file}.py`" not in page}


# a device model


HOME = """
gateway = "gw-test"
profiles = "{folder}"

[buffer]
path = "buffer.sqlite"

[broker]
host = "127.0.0.1"

[[devices]]
name = "mat"
model = "acme-mat"

[[drivers]]
kind = "zigbee2mqtt"
"""
MODEL = """
maker = "Acme"
name = "door mat"
zh = "门垫"
transport = "zigbee2mqtt"
heartbeat_s = 3600

[keys]
occupancy = { channel = "presence", map = { true = 1, false = 0 } }

[events.sos]
true = "sos_pressed"
"""


def test_a_new_file_is_a_new_device_model(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "acme-mat.toml").write_text(MODEL)
    (tmp_path / "home.toml").write_text(HOME.format(folder=tmp_path / "models"))
    home = load_home(tmp_path / "home.toml")
    assert zigbee2mqtt.decode(home.models["acme-mat"], b'{"occupancy": true, "sos": true}') == [
        Reading("presence", 1.0),
        DeviceEvent("sos_pressed", {"sos": "true"}),
    ]


def test_every_device_model_is_a_file_and_has_its_row() -> None:
    assert set(MODELS) == {file.stem for file in (ROOT / "firmware_profiles/devices").glob("*.toml")}
    assert not {model for model in MODELS if f"`{model}`" not in docs("devices.md")}


# a delivery channel


CHANNEL = """
[channels.fax]
adapter = "http"
zh = "传真"
form = "long"

[channels.fax.options]
url = "https://fax.example.org/send"
json = { to = "{address}", body = "{text}" }
success = { "code" = [0] }

[order]
staff = ["fax"]
"""


def test_a_gateway_by_http_is_data_alone() -> None:
    channels = config.parse(CHANNEL, {})
    config.check(channels)
    assert (channels.form("fax"), channels.address("fax")) == ("long", "phone")


def test_every_adapter_is_named_in_the_settings_and_described() -> None:
    source = (ROOT / "dispatch/channels/config.py").read_text()
    for module in modules(adapters):
        # the others of the folder are what several adapters are made of
        if any(isinstance(kind, type) and hasattr(kind, "send") and kind.__module__ == module.__name__
               for kind in vars(module).values()) and not module.__name__.endswith(".base"):  # fmt: skip
            assert re.search(rf"\b{module.__name__.rpartition('.')[2]}\.", source), module.__name__
    with pytest.raises(ConfigError) as refused:
        config.parse(CHANNEL.replace('"http"', '"pigeon"'), {})
    names = str(refused.value).partition("choose ")[2].split(", ")
    assert len(names) > 5
    assert not {name for name in names if f"`{name}`" not in docs("channels.md")}


# a page


def test_a_router_and_a_template_are_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "birthdays.html").write_text(
        '{% extends "base.html" %}{% block main %}<h1>{{ _("Residents") }}</h1>{% endblock %}'
    )
    loader = views.templates.env.loader
    monkeypatch.setattr(loader, "searchpath", [*loader.searchpath, str(tmp_path)])  # type: ignore[union-attr]
    router = APIRouter()

    @router.get("/birthdays")
    def birthdays(request: Request) -> Response:
        return views.page(request, "birthdays.html")

    app = create_app(ConsoleSettings(), DatabaseSettings(), Broker("127.0.0.1", 1))
    app.include_router(router)
    client = TestClient(app, base_url="http://localhost")  # not entered: nothing is connected
    assert "<h1>老人</h1>" in client.get("/birthdays").text
    client.cookies.set(views.LANGUAGE_COOKIE, "en")
    assert "<h1>Residents</h1>" in client.get("/birthdays").text


def test_every_router_is_in_the_application() -> None:
    served = create_app(ConsoleSettings(), DatabaseSettings(), Broker("127.0.0.1", 1)).openapi()["paths"]
    routers = {m.__name__: m.router for m in modules(console) if isinstance(getattr(m, "router", None), APIRouter)}
    assert len(routers) > 5
    for name, router in routers.items():
        assert {route.path for route in router.routes if getattr(route, "include_in_schema", False)} <= set(served), (
            name
        )


# a command


def groups(app: typer.Typer) -> Iterator[typer.Typer]:
    yield app
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from groups(group.typer_instance)


def test_every_group_of_commands_is_in_the_program() -> None:
    known = [*groups(commands), *groups(certificates)]
    assert len(known) > 10
    for module in modules(shouwang.cli):
        own = [value for value in vars(module).values() if isinstance(value, typer.Typer)]
        assert all(any(value is group for group in known) for value in own), module.__name__


# a migration


def scripts(folder: Path) -> "ScriptDirectory":
    from alembic.config import Config  # a third of a second in each process that collects the tests
    from alembic.script import ScriptDirectory

    settings = Config()
    settings.set_main_option("script_location", str(folder).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(settings)


def test_two_new_files_are_a_migration(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    newest = scripts(folder).get_current_head()
    (folder / "versions" / "9999_test.py").write_text(
        f'from database.migrations.run import run_sql\n\nrevision = "9999"\ndown_revision = "{newest}"\n'
        'branch_labels = None\ndepends_on = None\n\n\ndef upgrade() -> None:\n    run_sql("9999_test")\n'
    )
    assert scripts(folder).get_current_head() == "9999"


def test_the_migrations_are_one_chain_and_each_has_its_sql() -> None:
    chain = list(scripts(MIGRATIONS).walk_revisions())
    files = {file.stem for file in (MIGRATIONS / "versions").glob("[0-9]*.py")}
    assert {Path(script.path).stem for script in chain} == files
    assert all(isinstance(script.down_revision, str) for script in chain[:-1])
    assert chain[-1].down_revision is None
    text = "".join(file.read_text() for file in (MIGRATIONS / "versions").glob("*.py"))
    sql = {file.stem for file in (MIGRATIONS / "sql").glob("*.sql")}
    assert set(re.findall(r'run_sql\("(\w+)"', text)) <= sql
    assert not {name for name in sql if name[:4] not in {name[:4] for name in files}}
