"""A home care bed from the application to the closing, as people of a station and a center work on it."""

import datetime as dt

import msgspec
import psycopg
import pytest

from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_network.records.history import changes
from care_network.records.kinds import RESIDENT
from care_services.core.acting import Acting
from care_services.grants import paid
from care_services.grants.desk import Grants
from care_services.grants.settling import month_of, next_month
from care_services.home_beds import board, contracts, life
from care_services.home_beds.catalogue import SURVEY
from care_services.home_beds.desk import BedFile
from care_services.home_beds.equipment.desk import Equipment
from care_services.home_beds.family import told, way
from care_services.home_beds.installing import Installation
from care_services.home_beds.services import usual
from care_services.home_beds.terms import Terms
from care_services.meals import orders
from care_services.meals.arrangements import desk as arrangements
from care_services.meals.arrangements import gaps, making
from care_services.meals.arrangements.absent import AwayError
from care_services.meals.orders import Choice
from tests.support.databases import of_service
from tests.support.network import account, build_city, network
from vocabulary.times import SHANGHAI

pytestmark = pytest.mark.integration
BED_MAT = "tuya-ts0601-bed"


class Stage:
    """A city, and what happens in it at moments that go on."""

    def __init__(self, conn: psycopg.Connection) -> None:
        build_city(conn)
        conn.autocommit = True
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language) SELECT 'manager',"
            " password_hash, '梁主任', 'Liang', 'manager', area_path, language FROM account WHERE login = 'station'"
        )
        conn.execute(
            "INSERT INTO device (gateway_id, name, model, room) SELECT id, 'mat', %s, 'bedroom' FROM gateway"
            " WHERE name = 'gw-1'",
            (BED_MAT,),
        )
        self.conn, self.now = conn, dt.datetime.now(dt.UTC)

    def by(self, login: str = "station") -> Installation:
        self.now += dt.timedelta(seconds=3)
        return Installation(self.conn, account(self.conn, login), at=self.now, origin="test")

    def acting(self, login: str = "station") -> Acting:
        return Acting(account(self.conn, login), self.now, "test")

    def file(self, bed: int) -> BedFile:
        return self.by().bed(bed)

    def step(self, bed: int, code: str, login: str = "station", **more: object) -> str:
        return self.by(login).step(bed, self.file(bed).bed.version, code, **more)  # type: ignore[arg-type]

    def told(self, channel: str, after_s: float) -> None:
        """The bed mat tells a value."""
        device = self.conn.execute("SELECT id FROM device WHERE name = 'mat'").fetchone()
        assert device is not None
        self.conn.execute(
            "INSERT INTO series (device_id, channel) VALUES (%s, %s) ON CONFLICT DO NOTHING", (device[0], channel)
        )
        self.conn.execute(
            "INSERT INTO reading SELECT %s, id, 1 FROM series WHERE device_id = %s AND channel = %s",
            (self.now + dt.timedelta(seconds=after_s), device[0], channel),
        )

    def planned_services(self) -> None:
        """An approved plan of an assessment, a provider of one of its services, and a meal of next week."""
        conn, day = self.conn, self.now.astimezone(SHANGHAI).date()
        conn.execute(
            "WITH a AS (INSERT INTO assessment (resident_id, reason, begun_at, changed_at, changed_zh, changed_en)"
            " SELECT id, 'first', now(), now(), '', '' FROM resident WHERE code = 'R1' RETURNING id, resident_id)"
            " INSERT INTO care_proposal (resident_id, assessment_id, kind, code, content, state, made_at, decided_at)"
            " SELECT resident_id, id, 'service_plan', 'plan_severe', %s, 'approved', now(), now() FROM a",
            ('{"services": {"meal": 7, "bathing": 2, "nursing_visit": 1}}',),
        )
        conn.execute(
            "INSERT INTO care_service (code, work, name_zh, name_en, unit, minutes)"
            " VALUES ('bath', 'bathing', '助浴', 'bath', 'visit', 60)"
        )
        conn.execute(
            "INSERT INTO service_price (service, organisation_id, valid_from, price_fen, actor, at)"
            " SELECT 'bath', id, %s, 10000, '某', now() FROM organisation WHERE code = 'center-1'",
            (day,),
        )
        conn.execute(
            "WITH c AS (INSERT INTO organisation (code, area_id, kind, name_zh, name_en)"
            " SELECT 'canteen', area_id, 'canteen', '食堂', 'Canteen' FROM organisation WHERE code = 'center-1'"
            " RETURNING id), f AS (INSERT INTO meal_offer (canteen_id, day, meal, code, dishes, price_fen)"
            " SELECT id, %s::date + n, 'lunch', 'A', '[{\"zh\": \"粥\", \"allergens\": []}]', 1500"
            " FROM c, generate_series(2, 7) n RETURNING id, canteen_id, day)"
            " INSERT INTO meal_order (resident_id, canteen_id, offer_id, day, meal, mode, state, price_fen,"
            " subsidy_fen, ordered_at) SELECT r.id, f.canteen_id, f.id, f.day, 'lunch', 'delivery', 'ordered',"
            " 1500, 0, now() FROM f, resident r WHERE r.code = 'R1' AND f.day = %s::date + 7",
            (day, day),
        )
        conn.execute(
            "INSERT INTO meal_diet (resident_id, version, allergies, diets, texture, said_by, said_on, recorded_at)"
            " SELECT id, 1, '{}', '{}', 'regular', 'family', %s, now() FROM resident WHERE code = 'R1'",
            (day,),
        )

    def count(self, query: str) -> int:
        row = self.conn.execute(f"SELECT count(*) FROM {query}").fetchone()  # type: ignore[arg-type]
        assert row is not None
        return int(row[0])

    def has_bed(self) -> bool:
        row = self.conn.execute("SELECT home_care_bed FROM resident WHERE code = 'R1'").fetchone()
        assert row is not None
        return bool(row[0])


def test_a_bed_from_the_application_to_the_closing(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        stage = Stage(conn)
        bed = stage.by().apply("R1", "女儿", "center-1")
        with pytest.raises(ProvisioningError, match="on its way"):
            stage.by().apply("R1", "本人")
        for login, error in (("station-ms", NotFoundError), ("carer", NotPermittedError)):
            with pytest.raises(error):
                stage.by(login).apply("R1", "x")
        with pytest.raises(NotFoundError):
            stage.by("station-ms").bed(bed)

        assert stage.step(bed, "accept") == "assessing"
        with pytest.raises(ProvisioningError, match="no ability grade"):
            stage.step(bed, "assess")
        conn.execute("UPDATE resident SET ability_grade = 'severe' WHERE code = 'R1'")
        stage.step(bed, "assess")
        assert stage.by().undo(bed, stage.file(bed).bed.version) == "assessing", "within 30 s"
        stage.step(bed, "assess")
        with pytest.raises(ProvisioningError, match="not answered"):
            stage.step(bed, "survey")
        answers = dict.fromkeys(SURVEY, ("present", "")) | {"bed_rail": ("needed", "左侧")}
        stage.by().answer(bed, stage.file(bed).bed.version, answers)
        stage.step(bed, "survey")
        stage.by().add(bed, stage.file(bed).bed.version, "bedroom", BED_MAT)
        planned = stage.file(bed).devices[0].id
        stage.step(bed, "plan")

        version = stage.file(bed).bed.version
        with pytest.raises(ProvisioningError, match="begin the test"):
            stage.by().accept(bed, version, planned)
        stage.told("in_bed", -3600)
        stage.by().begin_test(bed, version, planned)
        with pytest.raises(ProvisioningError, match="nothing was heard"):
            stage.by().accept(bed, version + 1, planned)
        stage.told("battery", 0)
        with pytest.raises(ProvisioningError, match="measured nothing"):
            stage.by().accept(bed, version + 1, planned)
        stage.told("in_bed", 0)
        file = stage.file(bed)
        tested = stage.by().tests(file.bed, file.devices)[0]
        assert (tested.test.verdict, [one.what for one in tested.heard]) == ("heard", ["in_bed", "battery"])
        with pytest.raises(NotPermittedError):
            stage.by("carer").accept(bed, version + 1, planned, "在现场看过")
        with pytest.raises(NotFoundError):
            stage.by("carer-ms").report(bed, version + 1, planned, "指示灯不亮")
        stage.by("carer").report(bed, version + 1, planned, "指示灯不亮")
        assert stage.file(bed).devices[0].trouble == "指示灯不亮"
        assert [(one.id, one.accepted, one.planned) for one in stage.by("carer").to_install()] == [(bed, 0, 1)]
        proof = stage.by("carer").accept(bed, version + 2, planned)
        assert proof is not None
        assert (proof.what, proof.value) == ("in_bed", 1.0)
        with pytest.raises(ProvisioningError, match="has to be done first"):
            stage.step(bed, "install")
        stage.by().answer(bed, stage.file(bed).bed.version, {"bed_rail": ("done", "左侧")})
        stage.step(bed, "install")

        today = stage.now.astimezone(SHANGHAI).date()
        terms = Terms("HT-1", str(today), str(today + dt.timedelta(days=365)))
        with pytest.raises(NotPermittedError):
            stage.step(bed, "sign", terms=terms)
        assert not stage.has_bed()
        stage.planned_services()
        offers = stage.by("manager").offers(stage.file(bed).bed) or []
        assert [(one.work, one.weekly, len(one.choices)) for one in offers] == [
            ("meal", 7, 1), ("bathing", 2, 1), ("nursing_visit", 1, 0),
        ]  # fmt: skip
        bathing, meal = offers[1].choices[0].share, offers[0].choices[0]
        assert (meal.key, meal.delivers, bool(meal.share and meal.share.own_fen)) == ("meal@canteen", True, True)
        assert bathing is not None
        assert bathing.own_fen == 5000, "the half that the public pays for a bed, before there is one"
        later = (today + dt.timedelta(days=1)).isoweekday(), (today + dt.timedelta(days=4)).isoweekday()
        assert [one.weekdays for one in usual(offers)] == [tuple(range(1, 8)), (1, 4)]
        chosen = [usual(offers)[0], msgspec.structs.replace(usual(offers)[1], weekdays=later)]  # no visit in this test
        assert stage.step(bed, "sign", "manager", terms=terms, chosen=chosen) == "in_service"
        assert stage.has_bed()
        made = {one.work: one for one in stage.file(bed).services}
        bath = made["bathing"].plan
        assert bath is not None
        assert (bath.state, bath.last_day, bath.ahead) == (
            "active", today + dt.timedelta(days=365), 4,
        )  # fmt: skip
        meals, ordered = made["meal"].meals, "meal_order WHERE state = 'ordered'"
        assert meals is not None
        assert (meals.often[1], meals.last_day, stage.count(ordered)) == (
            "lunch every day", today + dt.timedelta(days=365), 6,
        ), "the one that somebody had ordered, and the others of the menu"  # fmt: skip
        missing = gaps.waiting(conn, stage.acting())
        assert [one.day for one in missing] == [today, today + dt.timedelta(days=1)]
        assert {one.why for one in missing} <= {"late", "no_menu"}, "what cannot be ordered is named"
        assert gaps.close(conn, stage.acting(), [missing[0].id], "otherwise", "女儿送饭") == "R1"
        assert (making.run(conn, stage.now), gaps.count(conn, stage.acting())) == (0, 1), "once, and not named again"
        conn.execute("DELETE FROM meal_order WHERE arrangement_id IS NOT NULL")
        conn.execute("DELETE FROM meal_gap WHERE closed_at IS NULL")
        with psycopg.connect(of_service(database_url, "orders"), autocommit=True) as rounds:
            assert making.run(rounds, stage.now) == 5, "by the rounds, with their own rights"
        assert gaps.count(conn, stage.acting()) == 1
        line = orders.of_resident(conn, meals.resident_id, today)[-1]
        orders.cancel(conn, stage.acting(), line.id, line.version)
        assert (making.run(conn, stage.now), stage.count(ordered)) == (0, 5), "who cancels a meal does not get it again"
        orders.order(conn, stage.acting(), "R1", [Choice(line.offer_id)])
        assert stage.by().add_services(bed, stage.file(bed).bed.version, usual(offers)) == 0, "once, whoever asks again"
        assert stage.count("service_plan") == 1
        record = network(conn, "admin").get("resident", ("R1",))
        with pytest.raises(ProvisioningError, match="follows from its application"):
            network(conn, "admin").change("resident", ("R1",), record.version, {"home_care_bed": False})
        assert told(conn, record.id, stage.now)[0][0].startswith("家庭养老床位：服务中")
        assert way(conn, record.id, stage.now) is None, "it has arrived"
        history = changes.of_record(conn, RESIDENT, ("R1",))
        assert (history[0].login, (history[0].after or {})["home_care_bed"]) == ("manager", True), (
            "in the record's history"
        )
        assert stage.file(bed).contracts[0].visits_month == 20, "the plan of the grade"

        assert contracts.ending(conn, account(conn, "station"), today) == []
        end = today + dt.timedelta(days=365)
        for days, new, step in ((61, 0, None), (29, 1, 30), (29, 0, 30), (5, 1, 7)):
            at = stage.now + dt.timedelta(days=365 - days)
            day = at.astimezone(SHANGHAI).date()
            assert contracts.tell_due(conn, at) == new
            listed = contracts.ending(conn, account(conn, "station"), day)
            assert [(one.contract_until, one.days(day), one.told) for one in listed] == (
                [(end, days, step)] if step else []
            )
        assert contracts.counts(conn, "sz.yt.hs", end + dt.timedelta(days=1)) == (1, 1, 1, 1)
        assert stage.count("care_notice WHERE kind = 'contract_ends' AND state <> 'withdrawn'") == 4
        file = stage.file(bed)
        assert file.bed.next_check_on == today + dt.timedelta(days=30)
        with pytest.raises(ProvisioningError, match="mended"):
            stage.by().check(bed, file.bed.version, "mend", "")
        assert stage.by().check(bed, file.bed.version, "mend", "床栏松动") == today + dt.timedelta(days=7)
        boss = Grants(conn, account(conn, "manager"), at=stage.now, origin="test")
        grant = boss.apply("bed_operation", "R1", "女儿", {})
        month, days = month_of(today), (next_month(today) - month_of(today)).days
        paid.settle(conn, account(conn, "manager"), month, at=stage.now)
        found = stage.by().stops(stage.file(bed).bed)
        left = 40000 - (2 * 40000 * (today.day - 1) + days) // (2 * days)
        assert (found.orders, found.meals_open, found.reclaim_fen) == (bath.ahead, 6, left)
        with pytest.raises(ChangedMeanwhileError, match="look at them again"):
            stage.step(bed, "suspend", reason="住院", shown="another day")
        with pytest.raises(ProvisioningError, match="choose a day"):
            stage.step(bed, "suspend", reason="住院", since=today - dt.timedelta(days=1))
        until = today + dt.timedelta(days=9)
        stage.step(bed, "suspend", reason="住院", until=until, shown=found.shown)
        assert stage.has_bed(), "a bed that is suspended stands"
        ahead = "service_order WHERE state IN ('planned', 'assigned')"
        assert (stage.count(ahead), stage.count(ordered), making.run(conn, stage.now)) == (0, 0, 0)
        with pytest.raises(AwayError, match=f"expected back on {until}"):
            orders.order(conn, stage.acting(), "R1", [Choice(line.offer_id)])
        orders.order(conn, stage.acting(), "R1", [Choice(line.offer_id)], though_away=True)
        conn.execute("UPDATE meal_order SET state = 'cancelled' WHERE state = 'ordered'")
        file_of_it = boss.application(grant)
        assert (file_of_it.balance.open_fen, file_of_it.paused[0].why) == (left, "suspended")
        assert [one.open_fen for one in paid.open_balances(conn, account(conn, "manager"))] == [left]
        assert paid.to_reclaim(conn, account(conn, "manager")) == (1, left)
        again = stage.by().starts_again(stage.file(bed))
        assert (len(again.plans), len(again.meals), again.grants) == (1, 6, 1)
        stage.step(bed, "resume")
        assert (stage.count(ahead), stage.count(ordered)) == (bath.ahead, 6)
        assert boss.application(grant).balance.open_fen == 0, "it was paid again from the same day on"

        kit = Equipment(conn, account(conn, "station"), at=stage.now, origin="test")
        chair = kit.add("wheelchair", "W-1", "center-1")
        kit.lend(chair, "R1")
        with pytest.raises(ProvisioningError, match="not returned"):
            stage.step(bed, "close", reason="搬离")
        kit.give_back(chair, "good")
        assert stage.step(bed, "close", reason="搬离") == "closed"
        assert not stage.has_bed()
        assert (stage.count(ahead), stage.count("service_plan WHERE state = 'ended'"), stage.count(ordered)) == (
            0,
            1,
            0,
        )
        assert arrangements.of_resident(conn, meals.resident_id) is None
        ended = boss.application(grant)
        assert (ended.application.pays_until, ended.balance.open_fen) == (next_month(today), left)
        for amount, error in (("0", "give the amount"), ("9999", "more than what is open")):
            with pytest.raises(ProvisioningError, match=error):
                boss.correct(grant, ended.application.version, amount, "转账", back=True)
        boss.correct(grant, ended.application.version, f"{left / 100:.2f}", "转账", back=True)
        assert boss.application(grant).balance.open_fen == 0
        assert paid.open_balances(conn, account(conn, "manager")) == []
        file = stage.file(bed)
        assert life.fold([(one.step, one.from_state, one.to_state) for one in file.steps]) == "closed"
        assert all(one.actor for one in file.steps)
        assert stage.by().apply("R1", "女儿") != bed, "and may apply again"
        audited = conn.execute("SELECT count(*) FROM audit WHERE action = 'change_bed'").fetchone()
        assert audited is not None
        assert audited[0] >= len(file.steps)


def test_two_people_at_once_and_a_person_who_accepts_a_device(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        stage = Stage(conn)
        bed = stage.by().apply("R1", "本人")
        version = stage.file(bed).bed.version
        stage.by().step(bed, version, "accept")
        stands = way(conn, stage.file(bed).bed.resident_id, stage.now)
        assert stands is not None
        assert [one.mark for one in stands.places] == ["done", "next", *["later"] * 5]
        assert stands.places[0].note[0].endswith("完成")
        assert "评估员会上门" in stands.places[1].note[0]
        with pytest.raises(ChangedMeanwhileError):
            stage.by("manager").step(bed, version, "refuse", "不符合")
        conn.execute("UPDATE home_bed SET state = 'installing' WHERE id = %s", (bed,))
        stage.by().add(bed, version + 1, "bathroom", "seeed-mr60fda2")
        planned = stage.file(bed).devices[0].id
        with pytest.raises(ProvisioningError, match="no device of this model"):
            stage.by().begin_test(bed, version + 2, planned)
        assert stage.by().accept(bed, version + 2, planned, "网关明日到货，现场指示灯正常") is None
        found = stage.file(bed).devices[0]
        assert (found.accepted_how, found.heard_at) == ("person", None)
        assert found.accepted_reason.startswith("网关明日")


def test_the_board_shows_who_is_late_first(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        stage = Stage(conn)
        first = stage.by().apply("R1", "女儿")
        second = stage.by("station-ms").apply("R2", "儿子")
        conn.execute("UPDATE home_bed SET due_at = now() - interval '2 days' WHERE id = %s", (second,))
        admin = account(conn, "admin")
        stages, ends = board.board(conn, admin, stage.now)
        assert [one.id for one in stages[0].first] == [second, first]
        assert (stages[0].n, stages[0].late, ends["closed"]) == (2, 1, 0)
        late = stages[0].first[0]
        assert late.late_days(stage.now) == 3
        assert late.days(stage.now) == 0
        street, _ = board.board(conn, admin, stage.now, "sz.yt.hs")
        assert [one.id for one in street[0].first] == [first]
        assert [one.id for one in board.board(conn, account(conn, "station-ms"), stage.now)[0][0].first] == [second]
        with pytest.raises(ProvisioningError):
            board.board(conn, account(conn, "station-ms"), stage.now, "sz.yt.hs")
        found, more = board.listing(conn, admin, "applied")
        assert ([one.id for one in found], more) == ([second, first], None)
        key = f"{found[0].due_at.isoformat() if found[0].due_at else ''}~{found[0].id}"
        assert [one.id for one in board.listing(conn, admin, "applied", after=key)[0]] == [first]
