"""The pages of reports: a receiver named, a package made, downloaded, counter-signed; a refusal decided on."""

import datetime as dt
from collections.abc import Iterator
from functools import partial

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from care_network.identity import keys
from care_services.core.calls import ask
from care_services.reporting import pushing
from care_services.reporting.packages import counter_sign, verify
from database.rights import checkpoints
from database.rights.checkpoints import public_of
from tests.support.console_site import ConsoleSite, console_site
from tests.support.databases import Cluster
from tests.support.upper_platform import UpperPlatform, upper_platform

pytestmark = pytest.mark.integration
RECEIVER = Ed25519PrivateKey.from_private_bytes(b"r" * 32)


@pytest.fixture(scope="module")
def site(database_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    folder = tmp_path_factory.mktemp("reports")
    keys.create(folder / "identity.keys")
    checkpoints.make_key(folder / "report.key")
    files = {"identity_key_file": folder / "identity.keys", "report_key_file": folder / "report.key"}
    with database_cluster.fresh_database() as url, console_site(url, folder, **files) as found:
        yield found


@pytest.fixture
def above() -> Iterator[UpperPlatform]:
    with upper_platform() as platform:
        yield platform


def test_a_package_is_made_sent_refused_and_made_anew(site: ConsoleSite, above: UpperPlatform) -> None:
    key = site.console.settings.report_key_file
    assert key is not None
    district = public_of(checkpoints.load_key(key))
    fields = {"new_code": "city", "name_zh": "市级平台", "name_en": "City platform", "active": "true"}
    with site.client("admin") as client:
        wrong = client.post("/care/reports/receivers/new", data={**fields, "url": "ftp://x"})
        assert wrong.status_code == 422
        assert "请填写 https://主机名/路径" in wrong.text
        good = {**fields, "url": above.url, "signing_key": public_of(RECEIVER)}
        assert client.post("/care/reports/receivers/new", data=good).status_code == 303
        asked = {"receiver": "city", "dataset": "residents", "starts_on": "2026-01-01", "ends_on": "2026-01-31"}
        refused = client.post("/care/reports/packages", data=asked)
        assert refused.status_code == 422
        assert "请先登记接收方的加密公钥" in refused.text
        seal = {**good, "seal_key": str(pyrage.x25519.Identity.generate().to_public()), "version": 1}
        assert client.post("/care/reports/receivers/city", data=seal).status_code == 303
        made = client.post("/care/reports/packages", data=asked)
        assert made.status_code == 303, made.text
        plan = {"plan_receiver": "city", "plan_dataset": "places", "every": "never", "hour": "6"}
        assert "请选择每天、每周或每月" in client.post("/care/reports/schedules", data=plan).text
        assert client.post("/care/reports/schedules", data={**plan, "every": "week"}).status_code == 303
        assert "每周" in client.get("/care/reports").text
        found = client.get("/care/reports", params={"resident": "R1", "basis": "law", "since": "2026-01-01"}).text
        assert made.headers["location"] + "?resident=R1" in found
        assert "没有符合条件的数据包" in client.get("/care/reports", params={"until": "2026-01-01"}).text
        assert client.get("/care/reports", params={"resident": "R9"}).status_code == 404
        assert client.get("/care/reports", params={"since": "soon"}).status_code == 422
        page = client.get(made.headers["location"]).text
        assert "证件号码（未登记为空）" in page
        assert "法定职责" in page
        package = client.get(made.headers["location"] + "/file").content
        assert verify(package, district)[1] == []
        above.faults.append("refuse")
        pushing.send_due(site.conn, lambda: dt.datetime.now(dt.UTC), post=partial(ask, timeout_s=5))
        assert "列数不符" in client.get("/care/reports").text
        assert "请填写已如何处理退回" in client.post("/care/reports/receivers/city/resume", data={}).text
        done = {"reason": "接收方已更正"}
        assert client.post("/care/reports/receivers/city/resume", data=done).status_code == 303
        pushing.send_due(site.conn, lambda: dt.datetime.now(dt.UTC), post=partial(ask, timeout_s=5))
        assert above.accepted == [1]
        number = made.headers["location"]
        foreign = counter_sign(package, district, Ed25519PrivateKey.generate())
        sent = client.post(f"{number}/counter", files={"file": ("c.json", foreign, "application/json")})
        assert "这不是该接收方对此数据包的会签" in sent.text
        signed = counter_sign(package, district, RECEIVER)
        sent = client.post(f"{number}/counter", files={"file": ("c.json", signed, "application/json")})
        assert sent.status_code == 303
        assert "已会签" in client.get("/care/reports").text
        other = client.post("/care/reports/packages", data={**asked, "dataset": "places"}).headers["location"]
        assert client.post(f"{other}/withdraw", data={"reason": "口径有误"}).status_code == 303
        assert "口径有误" in client.get(other).text
    with site.client("dispatcher") as client:
        assert client.get("/care/reports").status_code == 403
