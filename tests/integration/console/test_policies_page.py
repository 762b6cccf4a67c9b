"""The pages of escalation policies: a draft in plain forms, what it changes for how many homes, versions, a dry run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dispatch.ladders import store
from dispatch.ladders.drafts import raw_of
from tests.support.console_site import ConsoleSite, console_site

pytestmark = pytest.mark.integration


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def form_of(raw: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the editor sends."""
    sent: dict[str, Any] = {name: value for name, value in raw.items() if name != "steps"}
    for number, step in enumerate(raw["steps"]):
        sent[f"steps.{number}.after_s"] = step["after_s"]
        for place, target in enumerate(step["targets"]):
            sent |= {f"steps.{number}.targets.{place}.{name}": value for name, value in target.items()}
    return sent | more


def version_of_the_draft(site: ConsoleSite) -> int:
    row = site.conn.execute("SELECT version FROM policy_draft").fetchone()
    assert row is not None
    return int(row[0])


def test_a_policy_is_edited_looked_at_put_in_force_and_taken_back(site: ConsoleSite) -> None:
    raw = raw_of(store.defaults()[0])
    with site.client("dispatcher") as client:
        assert "在班人员（家庭养老床位团队，最多 3 人）" in client.get("/policies").text
        raw["steps"][1]["after_s"] = "soon"
        wrong = client.post("/policies/emergency", data=form_of(raw, act="save", seen=0))
        assert wrong.headers["location"] == "/policies/emergency"
        shown = client.get("/policies/emergency").text
        assert 'id="wrong-steps-1-after_s">请填写数字' in shown
        assert 'value="soon"' in shown, "what was typed is kept"
        raw["steps"][1]["after_s"], raw["steps"][0]["after_s"] = "20", "5"
        client.post("/policies/emergency", data=form_of(raw, act="save", seen=1))
        assert "紧急预警须立即呼叫" in client.get("/policies/emergency").text
        raw["steps"][0]["after_s"] = "0"
        saved = client.post("/policies/emergency", data=form_of(raw, act="save", seen=2))
        assert saved.headers["location"] == "/policies/emergency/confirm"
        text = client.get("/policies/emergency/confirm").text
        assert "2 户中有 2 户的呼叫阶梯将改变" in text
        assert "30 秒后" in text
        assert "20 秒后" in text
        stale = client.post("/policies/emergency", data=form_of(raw, act="keep", seen=2))
        assert stale.status_code == 409
        assert "两份都已列出" in stale.text
        assert client.post("/policies/emergency/apply", data={"act": "put", "seen": 2}).status_code == 409
        put = client.post("/policies/emergency/apply", data={"act": "put", "seen": 3})
        assert put.headers["location"] == "/policies"
        now = next(one for one in store.policies_now(site.conn) if one.code == "emergency")
        assert (now.version, now.steps[1].after_s) == (1, 20)
        assert "版本 1" in client.get("/policies/emergency/versions").text
        back = client.post("/policies/emergency/apply", data={"act": "restore", "version": "0"})
        assert back.headers["location"] == "/policies/emergency"
        client.post("/policies/emergency/apply", data={"act": "put", "seen": version_of_the_draft(site)})
        now = next(one for one in store.policies_now(site.conn) if one.code == "emergency")
        assert (now.version, now.steps) == (2, store.defaults()[0].steps)
        compared = client.get("/policies/emergency/versions?old=1&new=2").text
        assert "20 秒后" in compared
    audited = site.conn.execute("SELECT detail FROM audit WHERE action = 'set_policy'").fetchall()
    assert [row[0]["code"] for row in audited] == ["emergency"] * 2


def test_steps_are_added_moved_and_taken_out_without_a_script(site: ConsoleSite) -> None:
    raw = raw_of(store.defaults()[1])

    def press(act: str) -> list[str]:
        row = site.conn.execute("SELECT version FROM policy_draft").fetchone()
        answer = client.post("/policies/urgent", data=form_of(raw, act=act, seen=row[0] if row else 0))
        assert answer.status_code == 303
        kept = site.conn.execute("SELECT fields FROM policy_draft").fetchone()
        assert kept is not None
        return [step["after_s"] for step in kept[0]["steps"]]

    with site.client("dispatcher") as client:
        assert press("add_step") == ["0", "60", "90", "120", "60"]
        assert press("down.0") == ["60", "0", "90", "120"]
        assert press("up.0") == press("drop.9") == press("drop.x") == ["0", "60", "90", "120"]
        assert press("drop.1") == ["0", "90", "120"]
        assert press("drop_target.2.1") == ["0", "60", "90", "120"]
        new = client.post("/policies/new", data={"act": "save", "seen": "0", "code": "Not A Code"})
        assert new.status_code == 422
        assert 'id="wrong-code"' in new.text
        taken = client.post("/policies/new", data=form_of({**raw, "code": "urgent"}, act="save", seen=0))
        assert taken.status_code == 422
        assert client.get("/policies/nothing").status_code == 404
        text = client.get("/policies-file").text
        assert 'severity = "emergency"' in text
        sent = client.post("/policies-file", files={"file": ("p.toml", text)})
        assert sent.status_code == 422, "a draft of one of them is there"
        site.conn.execute("DELETE FROM policy_draft")
        assert client.post("/policies-file", files={"file": ("p.toml", "[[policy]]\n")}).status_code == 422
        assert client.post("/policies-file", files={"file": ("p.toml", text)}).status_code == 303
        assert site.conn.execute("SELECT count(*) FROM policy_draft").fetchone() == (
            len(store.policies_now(site.conn)),
        )
        assert client.get("/policies/nothing/versions").status_code == 404


def test_who_has_one_street_sets_nothing_for_the_district(site: ConsoleSite) -> None:
    raw = raw_of(store.defaults()[0]) | {"code": "own", "severity": "urgent"}
    with site.client("admin-hs") as client:
        client.post("/policies/new", data=form_of(raw, act="save", seen=0))
        refused = client.post("/policies/own/apply", data={"act": "put", "seen": 1})
        assert refused.status_code == 403
        client.post("/policies/own", data=form_of(raw | {"organisation": "center-1"}, act="save", seen=1))
        assert "1 户中有 1 户" in client.get("/policies/own/confirm").text
        assert client.post("/policies/own/apply", data={"act": "put", "seen": 2}).status_code == 303
        asked = client.get("/policies/own/confirm", follow_redirects=False)
        assert (asked.status_code, asked.headers["location"]) == (303, "/policies/own"), "no draft: nothing to confirm"
        assert "对 1 户停用" in client.get("/policies/own/confirm?act=retire").text
        needed = client.get("/policies/emergency/confirm?act=retire").text
        assert "将无人被呼叫" in needed
        assert 'value="retire"' not in needed
        assert client.post("/policies/own/apply", data={"act": "retire"}).status_code == 303
    assert "own" not in {one.code for one in store.policies_now(site.conn)}


def test_a_dry_run_says_who_would_have_been_called(site: ConsoleSite) -> None:
    alert = site.alert(severity="urgent", rule="smoke")
    raw = raw_of(store.defaults()[1])
    raw["steps"] = [{"after_s": "0", "targets": [{"to": "on_duty", "kinds": ["street_elder_center"], "most": "1"}]}]
    with site.client("dispatcher") as client:
        client.post("/policies/urgent", data=form_of(raw, act="save", seen=0))
        text = client.get("/policies/urgent/dry-run?show=all").text
        assert "最近 30 天的 1 条预警中有 1 条适用" in text
        assert f"/policies/urgent/dry-run/{alert}" in text
        ladder = client.get(f"/policies/urgent/dry-run/{alert}").text
        assert "第 1 级：许晴" in ladder, "of four on duty the draft calls the first alone"
        assert "员11、员12、员13" in ladder
    with site.client("carer") as client:
        assert client.get("/policies/urgent/dry-run").status_code == 403


def test_who_has_one_street_sets_no_threshold_of_the_district(site: ConsoleSite) -> None:
    data = {"name": "inactivity.floor", "value": "120", "reason": "试", "seen": "0"}
    with site.client("admin-hs") as client:
        assert client.post("/parameters", data=data).status_code == 403, "though it sees no home beyond its street"
    with site.client("admin") as client:
        assert client.post("/parameters", data=data).status_code == 303
