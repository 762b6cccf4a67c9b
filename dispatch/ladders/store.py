"""Load and store escalation policies: versions of each code, besides those that come with the program."""

import datetime as dt
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, cast

import msgspec
import psycopg
import structlog

from care_network.ability.standing import Standing, of_alert
from dispatch.ladders.by_grade import Chosen, choose_for, not_taken
from dispatch.ladders.policy import Policy, PolicyError, check_all, decode, encode, parse, proof_policy
from vocabulary.severity import Severity

log = structlog.get_logger(__name__)


@cache
def defaults() -> tuple[Policy, ...]:
    """Read the policies that come with the program."""
    return tuple(parse(_file("default_policies.toml")))


def demonstration() -> tuple[Policy, ...]:
    """Read the policies of the demonstration: seconds instead of minutes."""
    return tuple(parse(_file("demo_policies.toml")))


def policies_now(conn: psycopg.Connection[Any], as_of: dt.datetime | None = None) -> list[Policy]:
    """Load the policies that apply: the newest version of each code, and the defaults whose code is not stored.

    ``as_of``: those that applied at a moment, with today's defaults of the program.

    One that cannot be read is left out with an error in the log; its code's default takes its place.
    """
    rows = conn.execute(
        "SELECT DISTINCT ON (code) code, version, active, policy FROM escalation_policy"
        " WHERE %(as_of)s::timestamptz IS NULL OR changed_at <= %(as_of)s ORDER BY code, version DESC",
        {"as_of": as_of},
    ).fetchall()
    by_code: dict[str, Policy | None] = {policy.code: policy for policy in defaults()}
    for code, version, active, value in rows:
        try:
            by_code[code] = msgspec.structs.replace(decode(value), version=version) if active else None
        except PolicyError as error:
            log.error("a stored policy is left out", code=code, version=version, error=str(error))
    return [policy for policy in by_code.values() if policy is not None]


def policy_of_home(
    conn: psycopg.Connection[Any], severity: str, household_id: int, at: dt.datetime, resident_id: int | None = None
) -> Policy:
    """The policy of :func:`chosen`."""
    return chosen(conn, severity, household_id, at, resident_id).policy


def chosen(
    conn: psycopg.Connection[Any], severity: str, household_id: int, at: dt.datetime, resident_id: int | None = None
) -> Chosen:
    """Choose the policy of a new alert, and say why; the program's own where the stored ones leave a gap, and in a
    synthetic home always the one that calls nobody. ``resident_id`` None: it is about the home."""
    home = conn.execute("SELECT synthetic FROM household WHERE id = %s", (household_id,)).fetchone()
    if home is not None and home[0]:
        return Chosen(policy=proof_policy(cast("Severity", severity)))
    return chosen_with(conn, severity, household_id, at, lambda: of_alert(conn, household_id, resident_id))


def chosen_with(
    conn: psycopg.Connection[Any], severity: str, household_id: int, at: dt.datetime,
    standings: Callable[[], Sequence[Standing]],
) -> Chosen:  # fmt: skip
    """The same for people whose standing is at hand; it is asked for only where a ladder goes by it."""
    serving = [
        row[0]
        for row in conn.execute(
            """
            SELECT o.code FROM household h JOIN area home ON home.id = h.area_id
            JOIN area a ON a.path @> home.path JOIN organisation o ON o.area_id = a.id AND o.active
            WHERE h.id = %s ORDER BY nlevel(a.path) DESC, o.code
            """,
            (household_id,),
        )
    ]
    policies = policies_now(conn)
    by_grade = any(policy.grades and policy.severity == severity for policy in policies)
    people = standings() if by_grade else ()
    found = choose_for(policies, severity, serving, at, people) or choose_for(defaults(), severity, (), at, people)
    assert found is not None  # noqa: S101 - the defaults have every severity, everywhere, at any hour
    return found


def save(
    conn: psycopg.Connection[Any], policies: Sequence[Policy], at: dt.datetime, account_id: int | None = None
) -> list[str]:
    """Store policies as new versions, in one transaction; gives the codes of those that differ from the stored ones.

    Raises PolicyError where one of them, or all that would apply then together, is wrong, and where it names an
    organisation that is not there or closed.
    """
    with conn.transaction():
        _lock(conn)
        now = {policy.code: policy for policy in policies_now(conn)}
        changed = [p for p in policies if p.code not in now or _bare(now[p.code]) != _bare(p)]
        problems = check_all([*({**now, **{p.code: p for p in policies}}.values())])
        known = {row[0] for row in conn.execute("SELECT code FROM organisation WHERE active")}
        problems += [
            f"{p.code}: there is no open organisation {p.organisation!r}"
            for p in policies
            if p.organisation is not None and p.organisation not in known
        ]
        then = [*({**now, **{p.code: p for p in policies}}.values())]
        for policy in changed:
            why = not_taken(policy, then)
            if why is not None:
                problems.append(f"{policy.code}: a ladder by grade calls nobody later than the ordinary one: {why[1]}")
        if problems:
            raise PolicyError("\n".join(problems))
        for policy in changed:
            conn.execute(
                "INSERT INTO escalation_policy (code, version, policy, changed_at, account_id)"
                " SELECT %(code)s, coalesce(max(version), 0) + 1, %(policy)s::jsonb, %(at)s, %(account)s"
                " FROM escalation_policy WHERE code = %(code)s",
                {"code": policy.code, "policy": encode(_bare(policy)), "at": at, "account": account_id},
            )
    return [policy.code for policy in changed]


def retire(conn: psycopg.Connection[Any], code: str, at: dt.datetime, account_id: int | None = None) -> None:
    """Retire the policy of this code. Raises PolicyError where there is none, or where a gap would be left."""
    with conn.transaction():
        _lock(conn)
        now = {policy.code: policy for policy in policies_now(conn)}
        if code not in now:
            raise PolicyError(f"there is no policy {code!r}; there are: {', '.join(sorted(now))}")
        problems = check_all([policy for policy in now.values() if policy.code != code])
        if problems:
            raise PolicyError("\n".join(problems))
        conn.execute(
            "INSERT INTO escalation_policy (code, version, active, policy, changed_at, account_id)"
            " SELECT %(code)s, coalesce(max(version), 0) + 1, false, %(policy)s::jsonb, %(at)s, %(account)s"
            " FROM escalation_policy WHERE code = %(code)s",
            {"code": code, "policy": encode(now[code]), "at": at, "account": account_id},
        )


def _lock(conn: psycopg.Connection[Any]) -> None:
    """Let nobody else change policies until the end of the transaction; whoever only reads waits for nothing."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtext('escalation_policy'))")


def _bare(policy: Policy) -> Policy:
    """The policy without its version, which is a column of its row."""
    return msgspec.structs.replace(policy, version=0)


def _file(name: str) -> str:
    return files("dispatch.ladders").joinpath(name).read_text("utf-8")
