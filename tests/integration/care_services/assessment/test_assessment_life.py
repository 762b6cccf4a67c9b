"""An assessment from its draft to the grade in the record, with two people, conflicts, proposals and evidence."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import errors

from alerting.tuning.catalogue import catalogue, check, holds_at
from care_network.ability import standing
from care_network.catalogues.services import SERVICES
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_network.records.history import changes
from care_network.records.kinds import RESIDENT
from care_services.assessment import evidence, life, lists, proposals, reminders, store
from care_services.assessment.standard import standard
from care_services.assessment.store import Fields
from dispatch.ladders import store as policies
from dispatch.ladders.policy import PolicyError
from tests.support.network import NOW, account, build_city
from tests.support.orders import raise_alert

pytestmark = pytest.mark.integration
FULL = {code: item.maximum for code, item in standard().items.items()}
NONE = {risk.code: 0 for risk in standard().risks}
WHERE = "test"


@pytest.fixture(scope="module")
def city(database_cluster: Any) -> Iterator[psycopg.Connection]:
    with database_cluster.fresh_database() as url, psycopg.connect(url, autocommit=True) as found:
        build_city(found)
        yield found


@pytest.fixture
def conn(city: psycopg.Connection) -> psycopg.Connection:
    """One city for the file; each test begins without an assessment."""
    city.execute("TRUNCATE assessment, assessment_event, care_proposal, ladder_grade")
    city.execute("UPDATE resident SET ability_grade = NULL")
    return city


def filled(less: int = 0, **more: Any) -> Fields:
    """Everything answered, with so many points less than 90 among the self-care items."""
    answers = dict(FULL)
    for code in answers:
        if code != "consciousness":
            taken = min(less, answers[code])
            answers[code] -= taken
            less -= taken
    return Fields(**{"answers": answers, "diagnosis": "none", "events": NONE} | more)


def in_force(conn: psycopg.Connection, less: int, at: dt.datetime, reason: str = "first", **more: Any) -> int:
    carer, station = account(conn, "carer"), account(conn, "station")
    number = life.begin(conn, carer, "R1", reason, at, WHERE)  # type: ignore[arg-type]
    life.save(conn, carer, number, 1, filled(less, **more), at, WHERE)
    life.sign(conn, carer, number, 2, at, WHERE)
    life.confirm(conn, station, number, 3, at, WHERE)
    return number


def test_two_people_bring_a_grade_in_force(conn: psycopg.Connection) -> None:
    carer, station, far = (account(conn, login) for login in ("carer", "station", "carer-ms"))
    number = life.begin(conn, carer, "R1", "first", NOW, WHERE)
    with pytest.raises(ProvisioningError, match="open already"):
        life.begin(conn, station, "R1", "first", NOW, WHERE)
    with pytest.raises(NotFoundError):
        life.save(conn, far, number, 1, filled(), NOW, WHERE)
    with pytest.raises(NotPermittedError):
        life.begin(conn, account(conn, "dispatcher"), "R1", "first", NOW, WHERE)
    with pytest.raises(ProvisioningError, match="no such answer"):
        life.save(conn, carer, number, 1, Fields(answers={"stairs": 4}), NOW, WHERE)
    half = Fields(answers={"eating": 2}, informant="女儿")
    assert life.save(conn, carer, number, 1, half, NOW, WHERE).version == 2
    assert life.save(conn, carer, number, 1, half, NOW, WHERE).version == 2, "sent twice, written once"
    with pytest.raises(ChangedMeanwhileError):
        life.save(conn, station, number, 1, filled(50), NOW, WHERE)
    with pytest.raises(ProvisioningError, match="31 answers are missing"):
        life.sign(conn, carer, number, 2, NOW, WHERE)
    life.save(conn, carer, number, 2, filled(50, diagnosis="dementia"), NOW, WHERE)
    signed = life.sign(conn, carer, number, 3, NOW, WHERE)
    assert (signed.total, signed.preliminary, signed.grade, signed.state) == (40, "severe", "lost", "signed")
    with pytest.raises(NotPermittedError, match="another person"):
        life.confirm(conn, carer, number, 4, NOW, WHERE)
    with pytest.raises(ChangedMeanwhileError):
        life.save(conn, carer, number, 4, filled(0), NOW, WHERE)
    with pytest.raises(errors.RaiseException, match="never changes"):
        conn.execute("UPDATE assessment SET answers = '{}' WHERE id = %s", (number,))
    done = life.confirm(conn, station, number, 4, NOW, WHERE)
    assert (done.state, done.current, done.due_on) == ("in_force", True, dt.date(2027, 11, 2))
    with pytest.raises(errors.RaiseException, match="never changes"):
        conn.execute("UPDATE assessment SET due_on = due_on + 1 WHERE id = %s", (number,))
    with pytest.raises(errors.RaiseException, match="stays"):
        conn.execute("DELETE FROM assessment WHERE id = %s", (number,))
    assert conn.execute("SELECT ability_grade FROM resident WHERE code = 'R1'").fetchone() == ("lost",)
    newest = changes.of_record(conn, RESIDENT, ("R1",))[0]
    assert (newest.login, newest.after) == ("station", {"ability_grade": "lost", "version": 2})
    assert [one.action for one in store.events_of(conn, number)] == ["begin", "sign", "confirm"]
    told = {row[0] for row in conn.execute("SELECT action FROM audit WHERE resident_id IS NOT NULL")}
    assert {"begin_assessment", "save_assessment", "sign_assessment", "confirm_assessment", "change_resident",
            "refused_view_assessment"} <= told  # fmt: skip


def test_an_objection_leads_to_a_new_one_and_doubt_refers_to_the_doubted(conn: psycopg.Connection) -> None:
    carer, station = account(conn, "carer"), account(conn, "station")
    number = life.begin(conn, carer, "R1", "first", NOW, WHERE)
    life.save(conn, carer, number, 1, filled(30), NOW, WHERE)
    life.sign(conn, carer, number, 2, NOW, WHERE)
    with pytest.raises(ProvisioningError, match="what you object to"):
        life.object_to(conn, station, number, 3, " ", NOW, WHERE)
    life.object_to(conn, station, number, 3, "夜里大小便失禁没有记", NOW, WHERE)
    assert conn.execute("SELECT ability_grade FROM resident WHERE code = 'R1'").fetchone() == (None,)
    new = life.correct(conn, carer, number, NOW, WHERE)
    copied = store.by_number(conn, new)
    assert copied is not None
    assert (copied.corrects_id, copied.fields) == (number, filled(30))
    life.discard(conn, carer, new, 1, NOW, WHERE)
    first = in_force(conn, 20, NOW)
    with pytest.raises(ProvisioningError, match="another reason"):
        life.begin(conn, carer, "R1", "first", NOW, WHERE)
    with pytest.raises(ProvisioningError, match="doubted"):
        life.begin(conn, carer, "R1", "doubt", NOW, WHERE)
    again = life.begin(conn, carer, "R1", "doubt", NOW, WHERE, first)
    life.save(conn, carer, again, 1, filled(45), NOW, WHERE)
    life.sign(conn, carer, again, 2, NOW, WHERE)
    life.confirm(conn, station, again, 3, NOW, WHERE)
    kept = store.of_resident(conn, copied.resident_id)
    assert [(one.id, one.current, one.grade) for one in kept if one.state == "in_force"] == [
        (again, True, "severe"), (first, False, "mild"),
    ]  # fmt: skip
    assert kept[0].due_on == dt.date(2027, 5, 2), "severe on doubt: half a year"


def test_lists_tell_who_is_due_and_who_was_never_assessed(conn: psycopg.Connection) -> None:
    station, far = account(conn, "station"), account(conn, "station-ms")
    assert [row.code for row in lists.page(conn, station, "never", NOW, WHERE)] == ["R1"]
    number = in_force(conn, 30, NOW - dt.timedelta(days=400))
    due = lists.page(conn, station, "due", NOW, WHERE)
    assert [(row.code, row.id, row.grade) for row in due] == [("R1", number, "moderate")]
    assert lists.page(conn, station, "due", NOW, WHERE, after=due[0].key("due")) == []
    counted = lists.counts(conn, station, NOW.date())
    assert (counted.residents, counted.overdue, counted.never) == (1, 1, 0)
    day = NOW.date()
    assert reminders.remind(conn, day, NOW) == 1
    assert reminders.remind(conn, day, NOW) == 0, "once a week"
    told = conn.execute("SELECT to_kind, zh, state FROM care_notice WHERE kind = 'assessment_due'").fetchone() or ()
    assert (told[0], "1 位老人已逾期" in told[1]) == ("account", True)
    in_force(conn, 30, NOW, "routine")
    assert reminders.remind(conn, day, NOW) == 0
    state = conn.execute("SELECT state FROM care_notice WHERE kind = 'assessment_due'").fetchone()
    assert state == ("withdrawn",), "nobody is overdue any more: it is not sent"
    assert lists.page(conn, far, "all", NOW, WHERE) == []
    with pytest.raises(NotPermittedError):
        lists.page(conn, far, "all", NOW, WHERE, under="sz.yt.hs")


def test_a_grade_proposes_and_a_person_decides(conn: psycopg.Connection) -> None:
    carer, station, far = (account(conn, login) for login in ("carer", "station", "station-ms"))
    in_force(conn, 50, NOW)
    waiting = {one.kind: one for one in proposals.waiting(conn, station)}
    assert set(waiting) == {"thresholds", "escalation", "service_plan"}
    plan = waiting["service_plan"]
    assert proposals.approved_plans(conn, [plan.resident_id]) == {}
    with pytest.raises(NotPermittedError):
        proposals.approve(conn, carer, plan.id, 1, "", NOW, WHERE, lambda _: None)
    with pytest.raises(NotFoundError):
        proposals.approve(conn, far, plan.id, 1, "", NOW, WHERE, lambda _: None)
    with pytest.raises(ZeroDivisionError):
        proposals.approve(conn, station, plan.id, 1, "", NOW, WHERE, lambda _: 1 // 0)  # type: ignore[arg-type,return-value]
    proposals.approve(conn, station, plan.id, 1, "好", NOW, WHERE, lambda _: None)
    assert proposals.approved_plans(conn, [plan.resident_id])[plan.resident_id]["meal"] == 7
    with pytest.raises(ChangedMeanwhileError):
        proposals.decline(conn, station, plan.id, 1, "晚了", NOW, WHERE)
    with pytest.raises(ProvisioningError, match="why"):
        proposals.decline(conn, station, waiting["thresholds"].id, 1, " ", NOW, WHERE)
    in_force(conn, 50, NOW, "routine")
    kept = {(one.kind, one.state) for one in proposals.of_resident(conn, plan.resident_id)}
    assert kept == {("service_plan", "approved"), ("thresholds", "proposed"), ("escalation", "proposed")}
    lapsed = conn.execute("SELECT count(*) FROM care_proposal WHERE state = 'lapsed'").fetchone()
    assert lapsed == (2,), "and the plan, which holds already, is not proposed again"


def test_an_erasure_by_law_takes_the_answers_and_nothing_else_can(conn: psycopg.Connection) -> None:
    number = in_force(conn, 50, NOW)
    (resident,) = conn.execute("SELECT id FROM resident WHERE code = 'R1'").fetchone() or (0,)

    def refused(sets: str, why: str) -> None:
        with pytest.raises(errors.RaiseException, match=why), conn.transaction():
            conn.execute(f"UPDATE assessment SET {sets} WHERE id = {number}".encode())

    with conn.transaction(force_rollback=True):
        conn.execute("SELECT set_config('shouwang.erasing', 'yes', true)")
        refused("answers = '{}'", "never changes")  # the flag alone
        (erasure,) = conn.execute(
            "INSERT INTO erasure (resident_id, code, reason, asked_by, identity, planned_at, plan, state)"
            " VALUES (%s, 'R1', 'asked', 'self', 'seen', now(), '[]', 'approved') RETURNING id",
            (resident,),
        ).fetchone() or (0,)
        conn.execute(
            "INSERT INTO erasure_vote SELECT %s, id, true, '', now() FROM account ORDER BY id LIMIT 2", (erasure,)
        )
        refused("grade = 'mild'", "leaves the line")
        conn.execute("CREATE ROLE assess_other BYPASSRLS")
        conn.execute("GRANT SELECT, UPDATE ON assessment TO assess_other")
        conn.execute("SET LOCAL ROLE assess_other")
        refused("answers = '{}'", "never changes")  # the flag and the votes, by another service
        conn.execute("RESET ROLE")
        conn.execute("SELECT set_config('shouwang.erasing', '', true)")
        conn.execute("UPDATE alert SET state = 'cleared'")
        assert conn.execute("SELECT erase_person(%s)", (erasure,)).fetchone() == (True,)
        kept = store.by_number(conn, number)
        assert kept is not None
        assert (kept.fields.answers, kept.evidence, kept.grade, kept.due_on) == ({}, [], "severe", dt.date(2027, 11, 2))
        assert [one.action for one in store.events_of(conn, number)] == ["begin", "sign", "confirm", "erase"]


def test_a_ladder_by_grade_goes_on_until_somebody_decides(conn: psycopg.Connection) -> None:
    """The grade lapses, or a newer assessment says something else: nobody is called later for it."""
    conn.execute("UPDATE account SET role = 'lead' WHERE login = 'dispatcher'")
    lead, day = account(conn, "dispatcher"), NOW.date()
    number = in_force(conn, 50, NOW)
    (resident, home) = conn.execute("SELECT id, household_id FROM resident WHERE code = 'R1'").fetchone() or (0, 0)

    def ground(at: dt.datetime = NOW) -> tuple[str, str | None]:
        found = policies.chosen(conn, "urgent", home, at, resident)
        return found.policy.code, found.ground

    assert ground() == ("urgent", "undecided")
    standing.approve(conn, lead, resident, "severe", day, number, "", NOW, WHERE)
    assert ground() == ("urgent_severe", "grade")
    assert ground(NOW + dt.timedelta(days=1)) == ("urgent_severe", "kept"), "out of date, and sooner than the ordinary"
    alert = raise_alert(conn, NOW, severity="urgent")
    in_force(conn, 50, NOW, "routine")
    assert ground(NOW + dt.timedelta(days=300)) == ("urgent_severe", "grade"), "the same grade: renewed"
    in_force(conn, 10, NOW, "routine")
    assert ground() == ("urgent_severe", "kept"), "contradicted, and nobody has decided yet"
    code, choice = conn.execute(
        "SELECT policy ->> 'code', ladder_choice FROM alert WHERE id = %s", (alert,)
    ).fetchone() or ("", {})
    assert (code, choice["ground"], choice["assessment"]) == ("urgent_severe", "grade", number)
    taken_back = [one for one in proposals.of_resident(conn, resident) if one.code == "escalation_ordinary"]
    assert [one.state for one in taken_back] == ["proposed"]
    slow = msgspec.structs.replace(
        next(one for one in policies.defaults() if one.code == "urgent_severe"), responding_s=3600.0
    )
    with pytest.raises(PolicyError, match="calls nobody later"):
        policies.save(conn, [slow], NOW)
    quick = msgspec.structs.replace(
        next(one for one in policies.defaults() if one.code == "urgent"), acknowledged_s=20.0
    )
    policies.save(conn, [quick], NOW)
    assert ground() == ("urgent", "unknown"), "a ladder that could be later is not taken without a valid grade"
    policies.retire(conn, "urgent_severe", NOW)
    assert ground() == ("urgent", None)
    conn.execute("TRUNCATE escalation_policy")
    assert standing.withdraw(conn, lead, resident, "", NOW, WHERE)
    assert ground() == ("urgent", "undecided")
    conn.execute("UPDATE account SET role = 'dispatcher' WHERE login = 'dispatcher'")


def test_what_is_proposed_exists() -> None:
    for one in proposals.catalogue():
        for name, value in one.content.get("settings", {}).items():
            assert holds_at(catalogue()[name], "resident")
            check(name, value, {})
            assert value < catalogue()[name].default, f"{name}: sooner than for everybody"
        for service, times in one.content.get("services", {}).items():
            assert service in SERVICES
            assert 1 <= times <= 7


def test_the_platform_offers_what_it_knows_and_says_what_it_does_not(conn: psycopg.Connection) -> None:
    (resident_id,) = conn.execute("SELECT id FROM resident WHERE code = 'R1'").fetchone() or (0,)
    blind = {line.kind: line for line in evidence.of(conn, resident_id, NOW)}
    assert {line.number for line in blind.values()} == {None}, "nothing is known, and nothing is zero"
    assert evidence.words(blind["falls"]) == ("不清楚；家中现无能感知的设备", "unknown; no device at home could tell")
    for rule, verdict, cause in (
        ("fall", "helped", "fall"),
        ("fall", "false_device", "unknown"),
        ("sos", "helped", "fall"),
    ):
        alert = raise_alert(conn, NOW - dt.timedelta(days=3), rule=rule)
        conn.execute("UPDATE alert SET state = 'resolved', outcome = %s WHERE id = %s", (verdict, alert))
        conn.execute(
            "INSERT INTO alert_finding VALUES (%s, %s, %s, %s, 'unknown', 'no', '{}')",
            (alert, NOW, "true" if verdict == "helped" else "false", cause),
        )
    raise_alert(conn, NOW - dt.timedelta(days=2))
    raise_alert(conn, NOW - dt.timedelta(days=40))
    known = {line.kind: line for line in evidence.of(conn, resident_id, NOW)}
    assert (known["falls"].number, known["falls"].open, len(known["falls"].alerts)) == (2, 1, 2)
    assert known["wandering"].number is None
    assert (known["outcomes"].number, known["outcomes"].parts) == (4, {"helped": 2, "false_device": 1})
    conn.execute("INSERT INTO protection_look VALUES (true, %s, %s, 1, 1)", (NOW, NOW))
    conn.execute(
        "INSERT INTO protection_change (at, resident_id, function, level, reason) VALUES (%s, %s, 4, 0, '{}')",
        (NOW - dt.timedelta(days=10), resident_id),
    )
    leaving = {line.kind: line for line in evidence.of(conn, resident_id, NOW)}["wandering"]
    assert (leaving.number, round(leaving.known_days), leaving.whole) == (0, 10, False)


def test_nights_and_steps_come_from_the_hours_that_are_known(conn: psycopg.Connection) -> None:
    (resident_id,) = conn.execute("SELECT id FROM resident WHERE code = 'R1'").fetchone() or (0,)
    conn.execute(
        "INSERT INTO device (gateway_id, name, model, room) SELECT id, 'bed', 'tuya-ts0601-bed', 'bedroom' FROM gateway"
        " WHERE name = 'gw-1'"
    )
    for channel in ("in_bed", "step_count"):
        conn.execute("INSERT INTO series (device_id, channel) SELECT id, %s FROM device WHERE name = 'bed'", (channel,))
    # ten nights: hours 16 to 20 UTC are 0 to 5 o'clock in Shanghai; a quarter of each hour out of bed, one night half
    midnight = NOW.replace(hour=0)
    for back in range(1, 11):
        mean = 0.5 if back == 4 else 0.75
        conn.execute(
            "INSERT INTO rollup_hour (series_id, day, slot, n, mean, low, high) SELECT id, %s, '{16,17,18,19,20}',"
            " '{9,9,9,9,9}', %s, '{0,0,0,0,0}', '{1,1,1,1,1}' FROM series WHERE channel = 'in_bed'",
            (midnight - dt.timedelta(days=back), [mean] * 5),
        )
        conn.execute(
            "INSERT INTO rollup_hour (series_id, day, slot, n, mean, low, high) SELECT id, %s, '{3,9}', '{1,1}', %s,"
            " %s, %s FROM series WHERE channel = 'step_count'",
            (midnight - dt.timedelta(days=back), *([100.0 * back, 200.0 * back],) * 3),
        )
    known = {line.kind: line for line in evidence.of(conn, resident_id, NOW)}
    nights, steps = known["nights"], known["steps"]
    assert (nights.number, nights.most, nights.known_days, nights.device) == (75.0, 150.0, 10, True)
    assert (steps.number, steps.known_days) == (1100.0, 10)
    assert "只了解其中 10 天" in evidence.words(nights)[0]
