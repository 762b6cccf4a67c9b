"""A preset by condition on a real database: one click, recorded like any parameter, gone when it is withdrawn."""

import re

import httpx2
import psycopg
import pytest

from alerting.service.district import build_district
from alerting.tuning import sheet as tuning
from care_network.errors import NotFoundError, NotPermittedError, ProvisioningError
from care_network.records.registry import load_registry
from tests.integration.alerting.tuning.test_parameters import city, log_in, now, put, site, types
from tests.support.network import account

__all__ = ["city", "site"]
pytestmark = pytest.mark.integration
COPD, PATH = "condition.copd", "/parameters/resident/R1"


def person(conn: psycopg.Connection) -> tuple[int, dict[str, tuple[float | None, float | None]]]:
    one = build_district(load_registry(conn)).people[0]
    return one.spo2_scale, one.limits


def test_it_is_recorded_like_a_parameter_and_withdrawn_without_a_trace_in_the_values(city: psycopg.Connection) -> None:
    assert put(city, "carer", "resident", "R1", 1, COPD)
    assert not put(city, "carer", "resident", "R1", 1, COPD), "it is so already"
    assert person(city) == (2, {"spo2": (85, None)})
    sheet = tuning.load_sheet(city, account(city, "carer"), "resident", "R1", now(), "test")
    assert [preset.name for preset in sheet.presets if preset.on] == [COPD]
    assert COPD not in {line.name for line in sheet.lines}
    line = next(line for line in sheet.lines if line.name == "limit.spo2.low")
    assert (line.value, line.comes_from, line.here) == (85, "condition", None)
    put(city, "carer", "resident", "R1", 86, "limit.spo2.low")
    assert person(city) == (2, {"spo2": (86, None)}), "the resident's own value wins"
    put(city, "carer", "resident", "R1", None, "limit.spo2.low")
    put(city, "dispatcher", "resident", "R1", None, COPD)
    assert person(city) == (1, {})
    sheet = tuning.load_sheet(city, account(city, "carer"), "resident", "R1", now(), "test")
    assert [(c.name, c.old_value, c.new_value, c.reason) for c in sheet.history if c.name == COPD] == [
        (COPD, 1, None, "because"), (COPD, None, 1, "because"),
    ]  # fmt: skip
    audited = city.execute("SELECT detail ->> 'name' FROM audit WHERE action = 'set_parameter' ORDER BY id").fetchall()
    assert [name for (name,) in audited] == [COPD, "limit.spo2.low", "limit.spo2.low", COPD]


def test_only_those_who_care_for_the_resident_may(city: psycopg.Connection) -> None:
    for login, scope, key, error in (
        ("daughter", "resident", "R1", NotPermittedError),
        ("admin", "resident", "R1", NotPermittedError),
        ("carer-ms", "resident", "R1", NotFoundError),
        ("carer", "home", "H1", ProvisioningError),
        ("admin", "district", "", ProvisioningError),
        ("admin", "grade", "severe", ProvisioningError),
    ):
        with pytest.raises(error):
            put(city, login, scope, key, 1, COPD)
    put(city, "carer", "resident", "R1", 48, "limit.heart_rate.high")
    with pytest.raises(ProvisioningError, match="not below the high limit"):
        put(city, "carer", "resident", "R1", 1, "condition.pacemaker")


def form_of(site: httpx2.Client, name: str) -> dict[str, str]:
    """The hidden fields of a preset's form, on the page that shows all that it changes."""
    page = site.get(f"/parameter-presets/{name}?resident=R1").text
    assert "仅凭医护人员的意见" in page
    (form,) = re.findall(rf'<form method="post" action="{PATH}".*?</form>', page, re.DOTALL)
    assert "<button" in form
    return dict(re.findall(r'name="(\w+)"[^>]*?value="([^"]*)"', form)) | {"reason": "李医生"}


def test_one_click_on_the_page(site: httpx2.Client, city: psycopg.Connection) -> None:
    log_in(site, city, "carer")
    page = site.get(PATH).text
    assert "病情预设" in page
    assert "英国皇家内科医师学会" in page, "with its source"
    form = form_of(site, COPD)
    assert form["value"] == "1"
    assert site.post(PATH, data=form).status_code == 303
    page = site.get(PATH).text
    assert "生效中" in page
    assert person(city)[0] == 2
    form = form_of(site, COPD)
    assert form["value"] == ""
    assert site.post(PATH, data=form).status_code == 303
    assert person(city) == (1, {})
    assert 'id="conditions"' not in site.get("/parameters/home/H1").text
    log_in(site, city, "admin")
    page = site.get(f"/parameter-presets/{COPD}?resident=R1").text
    assert "全部启用" not in page, "an administrator sees them and may not set them"
    assert site.post(PATH, data=form).status_code == 403


@pytest.mark.usefixtures("city")
def test_the_command_line(database_url: str) -> None:
    url = database_url
    where = ("--resident", "R1", "--as", "carer")
    assert "limit.spo2.low (oxygen saturation, low limit): 90 (default) → 85 (condition)" in types(
        url, "parameters", "preset", COPD, *where
    )
    types(url, "parameters", "preset", COPD, *where, "--reason", "医嘱 5 月 3 日")
    shown = types(url, "parameters", "conditions", *where)
    assert "limit.spo2.low = 85" in shown
    assert "是 yes" in shown
    assert "condition" in types(url, "parameters", "list", *where, "--set")
    types(url, "parameters", "unset", COPD, *where, "--reason", "误选")
    assert "是 yes" not in types(url, "parameters", "conditions", *where)
    told = types(url, "parameters", "history", *where)
    assert "医嘱 5 月 3 日" in told
    assert "误选" in told
