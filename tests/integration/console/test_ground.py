"""The ground of the map: one choice of a file is enough, and only the whole district's administrator makes it."""

import datetime as dt
import gzip
import http.client
import re
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from care_network.importing.ground import MOST_BYTES
from care_network.records.places.checked_files import KEPT
from tests.integration.console.test_map import HAISHAN, file_of, outline
from tests.support.console_site import console_site
from tests.support.ground import FEATURES, ground_file, vector_tile

pytestmark = pytest.mark.integration
GROUND = "/map/outlines/ground"
HOME = (14, 13391, 7136)
"""z, x, y of a tile of Haishan."""


def as_file(data: bytes, name: str = "yantian.pmtiles") -> dict[str, tuple[str, bytes, str]]:
    return {"file": (name, data, "application/octet-stream")}


def number_of(answer: httpx2.Response) -> str:
    found = re.search(r'name="checked" value="([0-9a-f-]{36})"', answer.text)
    assert found, answer.text
    return found[1]


def test_one_choice_stores_a_ground_that_staff_see(database_url: str, tmp_path: Path) -> None:
    whole = ground_file()
    with console_site(database_url, tmp_path) as site, site.client("admin") as admin, site.client("carer") as carer:
        site.conn.execute("UPDATE area SET longitude = 114.24, latitude = 22.56")
        shown = admin.post(GROUND, files=as_file(whole))
        assert shown.status_code == 200
        assert "盐田测绘 © 2026" in shown.text
        assert site.conn.execute("SELECT count(*) FROM ground_map").fetchone() == (0,)
        number = number_of(shown)
        # without words of whose map it is nothing is stored, and the file is still there
        silent = admin.post(GROUND, data={"checked": number, "store": "yes", "attribution": " "})
        assert silent.status_code == 422
        assert "请写明地图来源" in silent.text
        assert number_of(silent) == number
        stored = admin.post(GROUND, data={"checked": number, "store": "yes", "attribution": "盐田 <b>审图号</b> 1"})
        assert (stored.status_code, stored.headers["location"]) == (303, "/map/outlines?ground=stored")
        assert site.conn.execute("SELECT count(*) FROM checked_file").fetchone() == (0,)
        assert "盐田 审图号 1" in admin.get("/map/outlines?ground=stored").text
        seen = carer.get("/map").text
        version = re.search(r"/map/tiles/([0-9a-f]{16})/", seen)
        assert version
        assert "盐田 审图号 1" in seen
        tile = carer.get(f"/map/tiles/{version[1]}/{HOME[0]}/{HOME[1]}/{HOME[2]}")
        assert tile.content == vector_tile(FEATURES, *HOME)
        assert tile.headers["cache-control"].startswith("private")
        again = carer.get(tile.url.path, headers={"If-None-Match": tile.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        bare = carer.get(tile.url.path, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in bare.headers
        assert bare.content == tile.content
        for nothing in (f"{version[1]}/14/0/0", "0123456789abcdef/14/13391/7136", f"{version[1]}/99/1/1"):
            assert carer.get(f"/map/tiles/{nothing}").status_code == 204
        assert carer.get(f"/map/tiles/{version[1]}/14/x/1").status_code == 404
        with site.client("daughter") as daughter, site.client() as stranger:
            assert daughter.get(tile.url.path).status_code == 403
            assert stranger.get(tile.url.path).status_code == 303
        # another file has other addresses; its tiles are not packed
        loose = ground_file(FEATURES[:2], packed=False)
        answer = admin.post(GROUND, files=as_file(loose), data={"store": "yes"})
        assert answer.status_code == 303
        assert carer.get(tile.url.path).status_code == 204
        other = re.search(r"/map/tiles/([0-9a-f]{16})/", carer.get("/map").text)
        assert other
        moved = carer.get(f"/map/tiles/{other[1]}/{HOME[0]}/{HOME[1]}/{HOME[2]}")
        assert moved.content == vector_tile(FEATURES[:2], *HOME)
        assert admin.post(f"{GROUND}/remove").status_code == 303
        assert "/map/tiles/" not in carer.get("/map").text
        details = [row[0] for row in site.conn.execute("SELECT detail FROM audit WHERE action = 'provision'")]
        assert sum("ground" in detail for detail in details) == 2
        assert sum("ground removed" in detail for detail in details) == 1
        looks = site.conn.execute("SELECT count(*) FROM audit WHERE detail ->> 'page' LIKE '/map/tiles%'").fetchone()
        assert looks == (0,)


def test_what_is_no_ground_is_refused_in_words(database_url: str, tmp_path: Path) -> None:
    whole = ground_file(zooms=(11, 12))
    with console_site(database_url, tmp_path) as site, site.client("admin") as admin:
        site.conn.execute("UPDATE area SET longitude = 114.24, latitude = 22.56")
        beijing = ground_file(zooms=(11,), box=(116.2, 39.8, 116.5, 40.0))
        for data, words in (
            (b"", "请先选择"),
            (b"{}", "不是 PMTiles"),
            (whole[:400], "没有下载完"),
            (beijing, "不在本区"),
            (gzip.compress(whole), "不是 PMTiles"),
        ):
            answer = admin.post(GROUND, files=as_file(data))
            assert answer.status_code == 422
            assert re.search(rf'role="alert">[^<]*{words}', answer.text), answer.text
        assert "底图" in admin.post("/map/outlines", files=as_file(whole)).text
        line = http.client.HTTPConnection(urlsplit(site.address).netloc, timeout=10)
        with closing(line):
            line.putrequest("POST", GROUND)
            line.putheader("Origin", site.address)
            line.putheader("Content-Length", str(MOST_BYTES + 2**21))
            line.endheaders()
            large = line.getresponse()
            assert large.status == 413
            assert "64 MB" in large.read().decode()
        # who answers for a part of the district, for nobody, or for the family alone
        for login, status in (("admin-hs", 403), ("dispatcher", 403), ("daughter", 403)):
            with site.client(login) as other:
                assert other.post(GROUND, files=as_file(whole)).status_code == status
                assert other.post(f"{GROUND}/remove").status_code == status
        with site.client("admin-hs") as of_haishan:
            assert "管辖全区" in of_haishan.get("/map/outlines").text
        assert site.conn.execute("SELECT count(*) FROM checked_file").fetchone() == (0,)


def test_outlines_are_chosen_once_and_kept_for_a_while(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site, site.client("admin") as admin:
        shown = admin.post("/map/outlines", files=file_of(outline(HAISHAN, 114.23)), data={"datum": "gcj02"})
        number = number_of(shown)
        with site.client("admin-hs") as other:  # somebody else's file
            assert "已过期" in other.post("/map/outlines", data={"checked": number, "store": "yes"}).text
        stored = admin.post("/map/outlines", data={"checked": number, "store": "yes"})
        assert stored.headers["location"] == "/map/outlines?stored=1"
        (shape,) = (a["shape"] for a in admin.get("/map/data").json()["areas"] if a["path"] == HAISHAN)
        assert shape[0][0][0][0] != 114.23  # the coordinates that were said with the file
        assert "已过期" in admin.post("/map/outlines", data={"checked": number, "store": "yes"}).text
        late = number_of(admin.post("/map/outlines", files=file_of(outline(HAISHAN, 114.25))))
        site.conn.execute("UPDATE checked_file SET at = at - %s", (KEPT + dt.timedelta(minutes=1),))
        assert "已过期" in admin.post("/map/outlines", data={"checked": late, "store": "yes"}).text
        same = admin.post("/map/outlines", files=file_of(outline(HAISHAN, 114.23)), data={"datum": "gcj02"})
        assert "不会改变任何区域" in same.text
        assert 'name="checked"' not in same.text
