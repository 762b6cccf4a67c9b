"""An export for research has those who agree, in groups of k, and nothing that names them."""

import csv
import datetime as dt
import io

import msgspec
import psycopg
import pytest

from care_network.consents import register
from care_network.errors import ChangedMeanwhileError, NotPermittedError, ProvisioningError
from care_services.privacy import job, research
from tests.support.databases import of_service
from tests.support.network import account, build_city
from tests.support.orders import raise_alert

pytestmark = pytest.mark.integration


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def people(conn: psycopg.Connection, sex: str, number: int, first: int = 1) -> None:
    conn.execute(
        "INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date)"
        " SELECT upper(left(%(sex)s, 1)) || n, h.id, '王秘密', 'Secret', %(sex)s, '1940-02-01'"
        " FROM household h, generate_series(%(first)s::int, %(number)s::int) n WHERE h.code = 'H1'",
        {"sex": sex, "number": number, "first": first},
    )


def test_only_those_who_agree_in_groups_of_k_and_nobody_after_a_withdrawal(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path) VALUES"
            " ('head', '!', '主任', 'Head', 'manager', 'sz.yt')"
        )
        people(conn, "female", 8)
        people(conn, "male", 4)
        for code in ("F2", "F3"):
            raise_alert(conn, now(), resident=code)
        admin, head = account(conn, "admin"), account(conn, "head")
        for code in [f"F{n}" for n in range(1, 7)] + [f"M{n}" for n in range(1, 5)]:
            register.give(conn, admin, code, "research", at=now(), origin="t")
        new = research.NewProject(
            title="跌倒研究", purpose="跌倒与独居", recipient="深圳大学",
            columns=["age_band", "sex", "falls", "last_fall"],
            expires_on=now().date() + dt.timedelta(days=90),
        )  # fmt: skip
        with pytest.raises(ProvisioningError):
            research.plan(conn, admin, research.NewProject(title="x", purpose="x", recipient="x", columns=["name"],
                          expires_on=new.expires_on), at=now(), origin="t")  # fmt: skip
        with pytest.raises(ProvisioningError, match="all alike"):
            research.plan(conn, admin, msgspec.structs.replace(new, l=1), at=now(), origin="t")
        number = research.plan(conn, admin, new, at=now(), origin="t")
        with pytest.raises(NotPermittedError):
            research.decide(conn, admin, number, True, at=now(), origin="t")
        with pytest.raises(ChangedMeanwhileError):
            research.ask(conn, admin, number, at=now(), origin="t")
        research.decide(conn, head, number, True, at=now(), origin="t")
        first = research.ask(conn, admin, number, at=now(), origin="t")
        with psycopg.connect(of_service(database_url, "maintain"), autocommit=True) as maintain:
            assert job.turn(maintain)
            (made,) = research.exports(conn, number)
            assert (made.agreed, made.released, made.suppressed, made.smallest) == (10, 6, 4, 6)
            body = research.fetch(conn, admin, first, at=now(), origin="t").decode("utf-8-sig")
            rows = list(csv.DictReader(io.StringIO(body)))
            assert {row["sex"] for row in rows} == {"female"}
            assert "王秘密" not in body
            assert "F1" not in body
            with pytest.raises(ProvisioningError, match="side by side"):  # the same falls by other columns: joined
                research.plan(
                    conn, admin, msgspec.structs.replace(new, columns=["street", "falls"]), at=now(), origin="t"
                )
            research.plan(conn, admin, msgspec.structs.replace(new, columns=["sex", "falls"]), at=now(), origin="t")
            # a withdrawal that was under way while the file was made is older than the file
            conn.execute("BEGIN")
            register.withdraw(conn, admin, "F2", "research", at=now(), origin="t")
            conn.execute("UPDATE research_export SET made_at = clock_timestamp() + interval '1 hour'")
            with pytest.raises(ChangedMeanwhileError, match="taken the consent back"), conn.transaction():
                research.fetch(conn, admin, first, at=now(), origin="t")
            conn.execute("ROLLBACK")
            register.withdraw(conn, admin, "F1", "research", at=now(), origin="t")
            with pytest.raises(ChangedMeanwhileError, match="taken the consent back"):
                research.fetch(conn, admin, first, at=now(), origin="t")
            # one person fewer: who subtracts the two files would know what that one had, so the group is withheld
            research.ask(conn, admin, number, at=now(), origin="t")
            job.turn(maintain)
            (second, _) = research.exports(conn, number)
            assert (second.state, second.agreed, second.withheld, second.suppressed) == ("empty", 9, 5, 9)
            # with five others the difference tells of five at least; nobody is found again by a pseudonym
            people(conn, "female", 13, 9)
            for code in [f"F{n}" for n in range(9, 14)]:
                register.give(conn, admin, code, "research", at=now(), origin="t")
            third = research.ask(conn, admin, number, at=now(), origin="t")
            job.turn(maintain)
            again = research.fetch(conn, admin, third, at=now(), origin="t").decode("utf-8-sig")
            later = list(csv.DictReader(io.StringIO(again)))
            assert len(later) == 10
            assert not {row["pseudonym"] for row in later} & {row["pseudonym"] for row in rows}
            assert research.exports(conn, number)[0].diversity == {"falls": 2, "last_fall": 2}
            conn.execute("UPDATE research_project SET expires_on = '2026-01-01', planned_at = '2025-01-01'")
            job.turn(maintain)
        assert {one.state for one in research.exports(conn, number)} == {"ended"}
        with (
            psycopg.connect(of_service(database_url, "console"), autocommit=True) as console,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            console.execute("SELECT secret FROM research_project")
