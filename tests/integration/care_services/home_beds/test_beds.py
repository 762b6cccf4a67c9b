"""A home care bed from the application to the closing, as people of a station and a center work on it."""

import datetime as dt

import psycopg
import pytest

from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_network.records.history import changes
from care_network.records.kinds import RESIDENT
from care_services.home_beds import board, life
from care_services.home_beds.catalogue import SURVEY
from care_services.home_beds.desk import BedFile
from care_services.home_beds.equipment.desk import Equipment
from care_services.home_beds.family import told
from care_services.home_beds.installing import Installation
from care_services.home_beds.terms import Terms
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
        assert stage.by().tests(file.bed, file.devices)[0].test.verdict == "heard"
        proof = stage.by().accept(bed, version + 1, planned)
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
        assert stage.step(bed, "sign", "manager", terms=terms) == "in_service"
        assert stage.has_bed()
        record = network(conn, "admin").get("resident", ("R1",))
        with pytest.raises(ProvisioningError, match="follows from its application"):
            network(conn, "admin").change("resident", ("R1",), record.version, {"home_care_bed": False})
        assert told(conn, record.id, stage.now)[0][0].startswith("家庭养老床位：服务中")
        history = changes.of_record(conn, RESIDENT, ("R1",))
        assert (history[0].login, (history[0].after or {})["home_care_bed"]) == ("manager", True), (
            "in the record's history"
        )
        assert stage.file(bed).contracts[0].visits_month == 20, "the plan of the grade"

        file = stage.file(bed)
        assert file.bed.next_check_on == today + dt.timedelta(days=30)
        with pytest.raises(ProvisioningError, match="mended"):
            stage.by().check(bed, file.bed.version, "mend", "")
        assert stage.by().check(bed, file.bed.version, "mend", "床栏松动") == today + dt.timedelta(days=7)
        stage.step(bed, "suspend", reason="住院", until=today + dt.timedelta(days=9))
        assert stage.has_bed(), "a bed that is suspended stands"
        stage.step(bed, "resume")

        kit = Equipment(conn, account(conn, "station"), at=stage.now, origin="test")
        chair = kit.add("wheelchair", "W-1", "center-1")
        kit.lend(chair, "R1")
        with pytest.raises(ProvisioningError, match="not returned"):
            stage.step(bed, "close", reason="搬离")
        kit.give_back(chair, "good")
        assert stage.step(bed, "close", reason="搬离") == "closed"
        assert not stage.has_bed()
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
