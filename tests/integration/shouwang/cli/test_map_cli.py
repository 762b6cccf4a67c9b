"""``shouwang network outlines load`` and ``shouwang simulate history --demo``: said before it is done, done once."""

import json
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from care_network.demo.district import load_demo
from device_simulators.homes import demo_home
from shouwang.cli.main import app
from tests.support.ground import ground_file

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("database_cluster", ["plain"], indirect=True, scope="session"),
]


def shouwang(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"SHOUWANG_DATABASE_URL": url, "COLUMNS": "200"})


def test_a_district_loads_its_outlines_and_a_past(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        load_demo(conn, [demo_home(1)])
        ring = [[114.23, 22.55], [114.25, 22.55], [114.25, 22.57], [114.23, 22.55]]
        features = [
            {"type": "Feature", "properties": {"name": name}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
            for name in ("海山街道", "别处街道")
        ]
        file = tmp_path / "survey.geojson"
        file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        load = ("network", "outlines", "load", str(file), "--as", "admin")
        source = "SELECT o.source FROM area_outline o JOIN area a ON a.id = o.area_id WHERE a.name_zh = '海山街道'"
        dry = shouwang(database_url, *load, "--dry-run")
        assert dry.exit_code == 0, dry.output
        assert "replaced" in dry.output
        assert "别处街道" in dry.output
        assert "simplified outlines" in str(conn.execute(source).fetchone())
        done = shouwang(database_url, *load, "--from", "gcj02")
        assert done.exit_code == 0, done.output
        assert conn.execute(source).fetchone() == ("survey.geojson",)
        file.write_text("{")
        refused = shouwang(database_url, *load)
        assert refused.exit_code == 1
        assert "GeoJSON" in refused.output
        assert shouwang(database_url, *load[:-1], "carer").exit_code != 0

        ground = tmp_path / "yantian.pmtiles"
        ground.write_bytes(ground_file(zooms=(11, 12), attribution=None))
        load = ("network", "ground", "load", str(ground), "--as", "admin")
        count = "SELECT count(*), min(attribution) FROM ground_map"
        dry = shouwang(database_url, *load, "--dry-run")
        assert dry.exit_code == 0, dry.output
        assert "mvt, zooms 11-12" in dry.output
        assert "1 of 1 homes" in dry.output
        silent = shouwang(database_url, *load)
        assert silent.exit_code == 1
        assert "地图来源" in silent.output
        assert conn.execute(count).fetchone() == (0, None)
        done = shouwang(database_url, *load, "--attribution", "盐田测绘")
        assert done.exit_code == 0, done.output
        assert conn.execute(count).fetchone() == (1, "盐田测绘")
        ground.write_bytes(ground.read_bytes()[:500])
        assert "没有下载完" in shouwang(database_url, *load).output
        assert shouwang(database_url, "network", "ground", "remove", "--as", "carer").exit_code != 0
        assert "removed" in shouwang(database_url, "network", "ground", "remove", "--as", "admin").output
        assert "none" in shouwang(database_url, "network", "ground", "remove", "--as", "admin").output

        first = shouwang(database_url, "simulate", "history", "--demo", "--days", "4")
        assert first.exit_code == 0, first.output
        assert "1 homes, 4 days" in first.output
        alerts = conn.execute("SELECT count(*) FROM alert").fetchone()
        second = shouwang(database_url, "simulate", "history", "--demo", "--days", "4")
        assert "has a past already" in second.output
        assert conn.execute("SELECT count(*) FROM alert").fetchone() == alerts
