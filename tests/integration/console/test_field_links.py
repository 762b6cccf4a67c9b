"""Links of alerts over HTTP: whose they are, what they still do, and what an alert without an order shows."""

import datetime as dt
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from dispatch.alerts import lifecycle
from dispatch.channels.render import ACKNOWLEDGE
from dispatch.orders.results import newest_result
from tests.browser.test_field_pages import message
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.orders import ZHOU

pytestmark = pytest.mark.integration
JSON = {"Accept": "application/json"}


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as site:
        yield site


@pytest.fixture
def phone(site: ConsoleSite) -> Iterator[httpx2.Client]:
    with site.client() as client:
        yield client


def press(action: str, **more: str) -> dict[str, str]:
    return {"action": action, "key": str(uuid.uuid4()), **more}


def state(site: ConsoleSite, alert: uuid.UUID) -> str:
    row = site.conn.execute("SELECT state FROM alert WHERE id = %s", (alert,)).fetchone()
    assert row is not None
    return str(row[0])


def test_an_organisation_goes_by_the_alerts_own_states(site: ConsoleSite, phone: httpx2.Client) -> None:
    alert = site.alert()
    link = message(site, alert, "organisation", "center-1", "中心")
    early = phone.post(f"{link}/step", data=press("depart", alert=str(alert)), headers=JSON)
    assert (early.status_code, early.json()["result"]) == (409, "refused"), "nobody has taken it yet"
    phone.post(link)
    assert site.conn.execute("SELECT count(*) FROM work_order").fetchone() == (0,)
    page = phone.get(link).text
    assert f'name="alert" value="{alert}"' in page
    other = site.alert("R2")
    assert phone.post(f"{link}/step", data=press("depart", alert=str(other))).status_code == 409
    depart = press("depart", alert=str(alert))
    for _ in range(2):
        answer = phone.post(f"{link}/step", data=depart, headers=JSON)
        assert (answer.status_code, answer.json()["result"]) == (200, "done")
    assert state(site, alert) == "responding"
    assert phone.post(f"{link}/step", data=press("arrive", alert=str(alert))).status_code == 303
    wrong = phone.post(f"{link}/step", data=press("finish", alert=str(alert), card="repaired"))
    assert wrong.status_code == 409, "a card of another kind of visit"
    sent = press("finish", alert=str(alert), card="hospital", injury="fracture", note="髋部疼痛")
    assert phone.post(f"{link}/step", data=sent).status_code == 303
    found = newest_result(site.conn, alert)
    assert found is not None
    assert (found.outcome, found.injury, found.hospital, found.note) == ("hospital", "fracture", "yes", "髋部疼痛")
    assert state(site, alert) == "on_scene", "a person at the desk closes it"
    after = phone.get(link).text
    assert "值班台已收到" in after
    assert "更正结果" in after, "the form does not stand there as if nothing had been sent"
    wanted = press("support", alert=str(alert), note="抬不动")
    assert phone.post(f"{link}/step", data=wanted).status_code == 303
    told = site.conn.execute(
        "SELECT recipient_kind FROM notification WHERE reason = 'support' AND alert_id = %s", (alert,)
    ).fetchall()
    assert told == [("organisation",)], "the desk is told, not only the history"
    steps = site.conn.execute("SELECT count(*) FROM alert_event WHERE action = 'respond'").fetchone()
    assert steps == (1,)


def test_a_used_link_is_its_persons_alone(site: ConsoleSite, phone: httpx2.Client) -> None:
    alert = site.alert()
    mine, late = message(site, alert), message(site, alert, key="S12", name="员12")
    assert phone.post(mine).status_code == 303
    assert phone.post(mine).status_code == 410, "once"
    assert phone.post(late).status_code == 303
    page = phone.get(late).text
    assert "已有其他人接警" in page
    assert 'data-press="depart"' not in page
    assert phone.post(f"{late}/step", data=press("depart", alert=str(alert)), headers=JSON).status_code == 409
    lifecycle.act(
        site.conn, alert, "resolve", ZHOU, now(), outcome="helped",
        expected_version=site.conn.execute("SELECT version FROM alert").fetchall()[0][0],
    )  # fmt: skip
    order_path = re.search(r'action="(/w/[^"]+)"', phone.get(mine).text)
    assert order_path is not None
    assert "预警已结束" in phone.get(mine).text
    assert phone.post(order_path[1], data=press("depart"), headers=JSON).json()["result"] == "done", "they decide"
    old = site.keys.sign(ACKNOWLEDGE, "1", "staff:S11", now() - dt.timedelta(seconds=1))
    for token in (old, "x", mine[3:].swapcase()):
        assert phone.get(f"/a/{token}").status_code == 410
        assert phone.post(f"/a/{token}/step", data=press("depart"), headers=JSON).status_code == 410


def test_a_link_says_who_has_the_alert_before_anybody_presses(site: ConsoleSite, phone: httpx2.Client) -> None:
    alert = site.alert()
    first, second = message(site, alert), message(site, alert, key="S12", name="员12")
    assert ">我来处理</button>" in phone.get(second).text
    phone.post(first)
    late = phone.get(second).text
    assert ">我来处理</button>" not in late, "one tap would lead to a refusal"
    assert "已有其他人接警" in late
    assert "员11" in late
    row = site.conn.execute("SELECT id, version FROM work_order").fetchone()
    assert row is not None
    assert lifecycle.lapse(site.conn, alert, now(), "")
    assert ">我来处理</button>" in phone.get(second).text, "it calls again, and the link was never used"
    version = site.conn.execute("SELECT version FROM alert WHERE id = %s", (alert,)).fetchone()
    assert version is not None
    lifecycle.act(
        site.conn, alert, "resolve", ZHOU, now(), expected_version=version[0], outcome="false_resident"
    )  # fmt: skip
    ended = phone.get(second).text
    assert "这条预警已结束，您无需前往" in ended
    assert ">我来处理</button>" not in ended


def test_a_page_of_ones_own_is_for_carers(site: ConsoleSite) -> None:
    here = {"longitude": "114.24", "latitude": "22.56", "accuracy_m": "10"}
    with site.client("carer") as carer:
        page = carer.get("/mine")
        assert page.headers["permissions-policy"].endswith("geolocation=(self)")
        assert carer.post("/mine/place", data=here).status_code == 303
        assert "正在共享位置" in carer.get("/mine").text
        site.conn.execute("UPDATE staff_location SET at = at - interval '20 minutes'")
        assert "已过期" in carer.get("/mine").text
        assert carer.post("/mine/place", data={**here, "latitude": "91"}).status_code == 422
        assert carer.post("/mine/place/withdraw").status_code == 303
        assert site.conn.execute("SELECT count(*) FROM staff_location").fetchone() == (0,)
    with site.client("daughter") as family:
        assert family.get("/mine").status_code == 403
