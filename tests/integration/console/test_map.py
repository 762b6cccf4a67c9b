"""The map: below one's own area alone, with a list of everything on it; outlines are loaded, or refused in words."""

import json
from pathlib import Path
from typing import Any

import pytest

from care_network.matching.locations import consent, share
from tests.support.console_site import console_site, now
from tests.support.network import account

pytestmark = pytest.mark.integration
HAISHAN, MEISHA = "sz.yt.hs", "sz.yt.ms"


def outline(path: str, east: float, **properties: Any) -> dict[str, Any]:
    ring = [[east, 22.55], [east + 0.02, 22.55], [east + 0.02, 22.57], [east, 22.57], [east, 22.55]]
    return {
        "type": "Feature",
        "properties": {"path": path} | properties,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def file_of(*features: dict[str, Any]) -> dict[str, tuple[str, bytes, str]]:
    body = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    return {"file": ("yantian.geojson", body, "application/geo+json")}


def test_a_carer_gets_nothing_of_another_street(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site:
        alert, other = site.alert("R1"), site.alert("R2")
        site.conn.execute("UPDATE household SET longitude = 114.3, latitude = 22.6 WHERE code = 'H2'")
        site.conn.execute("UPDATE gateway SET state = 'offline' WHERE name = 'gw-1'")
        for login, place in (("carer", 114.2420), ("carer-ms", 114.3010)):
            consent(site.conn, account(site.conn, login), True, at=now())
            share(site.conn, account(site.conn, login), place, 22.56, 12.0, at=now())
        with site.client("dispatcher") as desk, site.client("carer") as carer, site.client("daughter") as daughter:
            for address in ("/map", "/map/list", "/map/data", "/map/now"):
                assert daughter.get(address).status_code == 403
            everything = desk.get("/map/now").json()
            assert {one["id"] for one in everything["alerts"]} == {str(alert), str(other)}
            assert everything["counts"]["sz.yt"] == {"homes": 2, "dark": 1, "unheard": 1, "alerts": {"emergency": 2}}
            assert len(everything["staff"]) == 2
            assert everything["dark"] == ["R1"]
            mine = carer.get("/map/now").json()
            assert [one["id"] for one in mine["alerts"]] == [str(alert)]
            assert set(mine["counts"]) == {HAISHAN, "sz.yt.hs.pw", "sz.yt.hs.pw.c1"}
            assert len(mine["staff"]) == 1
            assert carer.get("/map/data").json()["homes"]["code"] == ["R1"]
            assert {one["path"] for one in carer.get("/map/data").json()["areas"] if one["mine"]} == set(mine["counts"])
            assert carer.get("/map", params={"at": MEISHA}).status_code == 404
            assert carer.get("/map", params={"at": "sz.yt"}).status_code == 404
            assert desk.get("/map", params={"at": "sz.yt.nowhere"}).status_code == 404
            assert desk.get("/map", params={"at": "'; --"}).status_code == 404
            assert carer.get(f"/map/near/{other}").status_code == 404
            listed = desk.get("/map/list").text
            assert str(alert) in listed
            assert str(other) in listed
            near = desk.get(f"/map/near/{alert}").text
            # 103 m as the crow flies: 139 m of streets, 2 minutes
            assert "约 103 米 · 步行约 2 分钟" in near
            assert near.index("步行约 2 分钟") < near.index("约 6")
        looks = site.conn.execute(
            "SELECT DISTINCT a.login FROM audit u JOIN account a ON a.id = u.account_id"
            " WHERE u.detail ->> 'path' LIKE '/map%' OR u.detail::text LIKE '%/map%'"
        ).fetchall()
        assert {login for (login,) in looks} >= {"dispatcher", "carer"}


def test_an_administrator_loads_outlines_and_wrong_files_are_refused(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site, site.client("admin") as admin, site.client("carer") as carer:
        assert carer.get("/map/outlines").status_code == 403
        good = file_of(outline(HAISHAN, 114.23), outline("", 114.29, name=f"地{MEISHA}"), outline("sz.xx", 114.3))
        shown = admin.post("/map/outlines", files=good)
        assert shown.status_code == 200
        assert shown.text.count("新增") == 2
        assert "sz.xx" in shown.text
        assert site.conn.execute("SELECT count(*) FROM area_outline").fetchone() == (0,)
        stored = admin.post("/map/outlines", files=good, data={"store": "yes"})
        assert (stored.status_code, stored.headers["location"]) == (303, "/map/outlines?stored=2")
        areas = {one["path"]: one["shape"] for one in admin.get("/map/data").json()["areas"]}
        assert areas[HAISHAN] is not None
        assert areas["sz.yt"] is None
        assert "不变" in admin.post("/map/outlines", files=good).text
        # below one's own area alone
        with site.client("admin-hs") as of_haishan:
            moved = file_of(outline(HAISHAN, 114.24), outline(MEISHA, 114.1))
            left = of_haishan.post("/map/outlines", files=moved).text
            assert "替换" in left
            assert "不在您的管辖范围" in left
        for body in (
            b"",
            b"{",
            b"[]",
            b"\xff\xfe",
            b'{"features": 3}',
            b'{"type": "FeatureCollection", "features": []}',
        ):
            answer = admin.post("/map/outlines", files={"file": ("x.geojson", body, "text/plain")})
            assert answer.status_code == 422
            assert 'role="alert"' in answer.text
        # a survey in the coordinates of Chinese web maps is moved by some hundred metres
        before = admin.get("/map/data").json()
        admin.post("/map/outlines", files=file_of(outline(HAISHAN, 114.23)), data={"store": "yes", "datum": "gcj02"})
        after = admin.get("/map/data").json()
        (old,), (new,) = (
            [a["shape"][0][0][0] for a in one["areas"] if a["path"] == HAISHAN] for one in (before, after)
        )
        assert 0.002 < old[0] - new[0] < 0.008
