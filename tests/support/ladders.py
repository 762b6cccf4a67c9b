"""A small place where people are on duty round the clock, and alerts that climb quickly."""

import datetime as dt
import uuid
from collections.abc import Sequence

import psycopg

from care_network.records import kinds
from care_network.records import store as records
from care_network.records.provisioning import add_organisation
from care_network.records.records import NewOrganisation
from care_network.records.staff_records import NewContact, NewRosterEntry, NewShift, NewStaff
from dispatch.alerts import lifecycle
from dispatch.ladders import store
from dispatch.ladders.policy import FamilyTarget, OnDutyTarget, OrganisationTarget, Policy, Step
from tests.support.network import C1, NOW, build_city
from tests.support.rules import about

Conn = psycopg.Connection
BEDS, CENTER, DISTRICT = "beds-1", "center-1", "district"
STAFF = {BEDS: "B1", CENTER: "C1", DISTRICT: "D1"}


def build_duty(conn: Conn) -> None:
    """The city of ``tests.support.network``, with one person round the clock at the bed team, the street's center and
    the district, and two contacts of R1 of whom the second has not consented."""
    build_city(conn)
    add_organisation(
        conn,
        NewOrganisation(code=BEDS, area="sz.yt.hs", kind="home_care_bed_team", name_zh="床位小组", name_en="Bed Team"),
    )
    add_organisation(
        conn, NewOrganisation(code=DISTRICT, area="sz.yt", kind="district_center", name_zh="区中心", name_en="District")
    )
    for number, (organisation, person) in enumerate(STAFF.items()):
        for code, start, end in (("day", 8, 20), ("dark", 20, 8)):
            shift = NewShift(organisation, code, "班", "Shift", dt.time(start), dt.time(end))
            records.add(conn, kinds.SHIFT, shift, NOW.date())
        new = NewStaff(
            code=person,
            organisation=organisation,
            kind="carer",
            name_zh=f"员{person}",
            name_en=f"Person {person}",
            phone=f"0755-0009{number}",
        )
        records.add(conn, kinds.STAFF, new, NOW.date())
        for code in ("day", "dark"):
            entry = NewRosterEntry(person, organisation, code, (1, 2, 3, 4, 5, 6, 7), dt.date(2025, 1, 1))
            records.add(conn, kinds.ROSTER, entry, NOW.date())
    for order, consent in ((1, NOW), (2, None)):
        contact = NewContact(
            resident="R1",
            phone=f"0755-0008{order}",
            name_zh="女士",
            name_en="Ms",
            relation_zh="女儿",
            relation_en="daughter",
            call_order=order,
            consent_at=consent,
        )
        records.add(conn, kinds.CONTACT, contact, NOW.date())
    conn.commit()


def ladder(
    after_s: Sequence[float] = (0, 600, 600), code: str = "emergency", severity: str = "emergency", **fields: object
) -> Policy:
    """Bed team, then street, then district and family; slow unless told otherwise: no step falls due by itself."""
    targets = (
        (OnDutyTarget(("home_care_bed_team",)),),
        (OnDutyTarget(("street_elder_center",)),),
        (OnDutyTarget(("district_center",)), OrganisationTarget(("district_center",)), FamilyTarget(1, 2)),
    )
    steps = tuple(Step(after, targets[number % 3]) for number, after in enumerate(after_s))
    settings: dict[str, object] = {"repeat_after_s": 60.0, "acknowledged_s": 60.0, "responding_s": 0.0, **fields}
    return Policy(code=code, severity=severity, name_zh="测试", name_en="Test", steps=steps, **settings)  # type: ignore[arg-type]


def use(conn: Conn, policy: Policy) -> None:
    """Store it as it is: tests may be quicker than the rules for real policies allow."""
    conn.execute(
        "INSERT INTO escalation_policy (code, version, policy) SELECT %(code)s, count(*) + 1, %(policy)s::jsonb"
        " FROM escalation_policy WHERE code = %(code)s",
        {"code": policy.code, "policy": store.encode(policy)},
    )


def raise_one(conn: Conn, key: str = "a", severity: str = "emergency", household: str = "H1") -> uuid.UUID:
    """A new alert of resident 1's home, by the door that every writer uses."""
    row = conn.execute(
        "SELECT h.id, (SELECT min(id) FROM resident r WHERE r.household_id = h.id), clock_timestamp()"
        " FROM household h WHERE code = %s",
        (household,),
    ).fetchone()
    assert row is not None
    alert_id = uuid.uuid5(uuid.NAMESPACE_URL, key)
    alert = lifecycle.NewAlert(
        id=alert_id,
        rule="sos",
        rule_version=1,
        severity=severity,
        subject=f"household:{key}",
        household_id=row[0],
        resident_id=row[1],
        onset=row[2],
        sensed_at=row[2],
        received_at=row[2],
        raised_at=row[2],
        reason_zh="老人按下呼叫按钮",
        reason_en="SOS pressed",
        evidence=about("sos"),
    )
    lifecycle.raise_alert(conn, alert)
    return alert_id


def told(conn: Conn, alert_id: uuid.UUID) -> list[tuple[int, int, str]]:
    """(round, step, recipient) in the order in which they were told."""
    return [
        (row[0], row[1], row[2])
        for row in conn.execute(
            "SELECT round, step, recipient_key FROM notification WHERE alert_id = %s ORDER BY id", (alert_id,)
        )
    ]


__all__ = ["C1", "NOW", "build_duty", "ladder", "raise_one", "told", "use"]
