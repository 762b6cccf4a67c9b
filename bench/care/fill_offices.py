"""Write what offices keep: people with certificates, checks of quality, documents, courses, registers, reports."""

from bench.care.copies import OFFSET, copies
from bench.care.fill_services import WHO
from bench.office_year import _YEAR, ACCOUNTS, AWAY, STAFF
from care_network.catalogues.workforce import SKILLS

SIZES = {"staff": STAFF, "accounts": ACCOUNTS, "away": AWAY, "skills": list(SKILLS)}

_AGO = "%(now)s::timestamptz - k * INTERVAL"

_STAFF = (
    *_YEAR[:6],  # staff, certificates, rosters, leaves, accounts of families and whose they are
    "UPDATE staff SET skills = %(skills)s WHERE kind IN ('carer', 'nurse')",
    """
    INSERT INTO staff_certificate (staff_id, kind, number, issued_on, expires_on)
    SELECT s.id, c.kind, s.code || c.kind, %(today)s::date - 300,
           %(today)s::date + CASE WHEN s.id %% 60 = 0 THEN 5 ELSE 30 + s.id * 7 %% 700 END
    FROM staff s, (VALUES ('carer', 'elder_carer'), ('nurse', 'nurse_licence')) c (role, kind)
    WHERE s.code LIKE 'Y%%' AND s.kind = c.role
    ON CONFLICT (staff_id, kind) DO UPDATE SET expires_on = EXCLUDED.expires_on
    """,  # one of sixty may not go any more before the visits that are planned
    """
    INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path)
    SELECT 'staff-' || n, '', '员工' || n, 'Staff ' || n, CASE WHEN n %% 4 = 0 THEN 'station' ELSE 'carer' END, a.path
    FROM generate_series(1, 400) n
    JOIN (SELECT path, row_number() OVER (ORDER BY path) AS place, count(*) OVER () AS of FROM area
          WHERE level = 'street' AND path <@ 'shenzhen') a ON a.place = 1 + n %% a.of
    """,
    """
    INSERT INTO audit (at, account_id, action, resident_id, detail, origin)
    SELECT now() - n * (INTERVAL '365 days' / 200000), a.id,
           (ARRAY['view_resident', 'view_service_order', 'view_page', 'list_resident', 'login'])[1 + n %% 5],
           CASE WHEN n %% 6 IN (0, 1, 5) THEN r.id END, '{}', '10.0.0.' || n %% 250
    FROM generate_series(200000, 1, -1) n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM account WHERE role <> 'family') a
      ON a.place = 1 + n %% (SELECT count(*) FROM account WHERE role <> 'family')
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM resident) r
      ON r.place = 1 + (n::bigint * 7919) %% (SELECT count(*) FROM resident)
    """,
    "INSERT INTO staff_profile (staff_id, education, level) SELECT id, 'college', 1 + id %% 5 FROM staff"
    " ON CONFLICT DO NOTHING",
    "INSERT INTO staff_employment (staff_id, employer, since) SELECT id, '某机构', %(today)s::date - 900 FROM staff"
    " ON CONFLICT DO NOTHING",
    """
    INSERT INTO certificate_reminder (staff_id, kind, expires_on, days, made_at, sent_at)
    SELECT staff_id, kind, expires_on, 30, %(now)s, %(now)s FROM staff_certificate
    WHERE expires_on < %(today)s::date + 30 ON CONFLICT DO NOTHING
    """,
)

_QUALITY = (
    WHO,
    *copies("quality_plan", 120, drawn_at=f"{_AGO} '9 days'"),
    *copies(
        "quality_check", 10_000, of="state = 'done'", plan_id=f"CASE WHEN k %% 3 = 0 THEN {OFFSET} + 1 + k %% 120 END",
        done_at=f"CASE WHEN k > 200 THEN {_AGO} '150 minutes' END",
        due_on="CASE WHEN k > 200 THEN %(today)s::date - k / 10 ELSE %(today)s::date + k %% 30 - 5 END",
        state="CASE WHEN k > 200 THEN 'done' ELSE 'planned' END",
        resident_id="CASE WHEN k %% 2 = 0 THEN w.id END",
        rest="JOIN who w ON w.n = 1 + (k * 31) %% (SELECT max(n) FROM who)",
    ),
    *copies("quality_result", 60_000, key=None, check_id=f"{OFFSET} + 201 + (k / 8) %% 9700"),
    *copies(
        "quality_finding", 5000, check_id=f"{OFFSET} + 201 + k", due_on="%(today)s::date + 20 - k / 5",
        state="CASE WHEN k <= 250 THEN (ARRAY['open', 'mended'])[1 + k %% 2] ELSE 'closed' END",
    ),
    *copies("quality_event", 15_000, finding_id=f"{OFFSET} + 1 + (k - 1) / 3", at=f"{_AGO} '100 minutes'"),
)  # fmt: skip

_LIBRARY = (
    *copies("library_document", 150, code="'bench-' || k", made_at=f"{_AGO} '5 days'"),
    *copies("library_version", 450, document_id=f"{OFFSET} + 1 + (k - 1) %% 150", number="1 + (k - 1) / 150",
            valid_from="%(today)s::date - 30 * (4 - (1 + (k - 1) / 150))"),
    *copies("library_search", 450, key="version_id"),
    """
    INSERT INTO library_read (version_id, account_id, at)
    SELECT v.id, a.id, %(now)s::timestamptz - (v.id + a.id) %% 90 * INTERVAL '1 day' FROM library_version v, account a
    WHERE a.role IN ('carer', 'station') AND (v.id * 7 + a.id) %% 5 <> 0 ON CONFLICT DO NOTHING
    """,
    *copies("library_change", 900, document_id=f"{OFFSET} + 1 + k %% 150", at=f"{_AGO} '1 day'"),
    *copies(
        "course_attempt", 5000, of="submitted_at IS NOT NULL",
        rest="JOIN (SELECT id, row_number() OVER (ORDER BY id)::int AS n FROM account WHERE login LIKE 'staff-%%') a"
             " ON a.n = 1 + k %% 400",
        account_id="a.id", begun_at=f"{_AGO} '4 hours'", ends_at=f"{_AGO} '3 hours'",
        submitted_at=f"{_AGO} '4 hours' + INTERVAL '20 minutes'",
    ),
    *copies(
        "course_certificate", 4000, number="'SW2025-' || lpad(k::text, 6, '0')",
        check_code="upper(left(md5(k::text), 16))", attempt_id="t.id", course_id="t.course_id",
        account_id="t.account_id", staff_id="NULL",
        rest=f"JOIN course_attempt t ON t.id = {OFFSET} + k AND t.passed", issued_on="%(today)s::date - k / 6",
        expires_on="%(today)s::date - k / 6 + 730",
    ),
)  # fmt: skip

_EXCHANGE = (
    WHO,
    *copies("register_import", 36, of="register = 'population'", fingerprint="md5(k::text)", at=f"{_AGO} '30 days'",
            taken_on="%(today)s::date - 30 * k", lines="2000"),
    *copies(
        "register_line", 72_000, import_id=f"{OFFSET} + 1 + (k - 1) / 2000", number="100 + k %% 2000",
        resident_id="w.id", verdict="CASE WHEN k <= 300 THEN 'conflict' ELSE 'same' END",
        rest="JOIN who w ON w.n = 1 + (k * 31) %% (SELECT max(n) FROM who)", digest="NULL",
        settled_at=f"CASE WHEN k > 300 THEN {_AGO} '20 minutes' END",
        settled_as="CASE WHEN k > 300 THEN 'nothing' END",
    ),
    *copies(
        "report_package", 300, of="people > 0", key="id", number="1000 + k", made_at=f"{_AGO} '3 days'",
        state="CASE WHEN k > 20 THEN 'delivered' ELSE 'waiting' END", people="400",
        delivered_at=f"CASE WHEN k > 20 THEN {_AGO} '3 days' END",
    )[:1],
    f"""
    INSERT INTO report_package OVERRIDING SYSTEM VALUE SELECT made.* FROM generate_series(1, 300) k
    JOIN first_report_package f ON f.n = 1 + k %% f.of CROSS JOIN LATERAL jsonb_populate_record(NULL::report_package,
        f.row || jsonb_build_object('id', {OFFSET} + k, 'number', 1000 + k, 'key', md5('package' || k),
        'made_at', {_AGO} '3 days', 'people', 400, 'state', CASE WHEN k > 20 THEN 'delivered' ELSE 'waiting' END,
        'delivered_at', CASE WHEN k > 20 THEN {_AGO} '3 days' END)) made ON CONFLICT DO NOTHING
    """,
    f"INSERT INTO report_person SELECT {OFFSET} + p, w.id FROM generate_series(1, 300) p, who w"
    " WHERE w.n %% 18 = p %% 18"
    f" AND EXISTS (SELECT FROM report_package x WHERE x.id = {OFFSET} + p) ON CONFLICT DO NOTHING",
    *copies("report_attempt", 900, package_id=f"{OFFSET} + 1 + (k - 1) %% 300", begun_at=f"{_AGO} '1 day'"),
    *copies("research_project", 60, planned_at=f"{_AGO} '15 days'"),
    *copies("privacy_breach", 60, noticed_at=f"{_AGO} '15 days'", happened_at=f"{_AGO} '16 days'"),
)  # fmt: skip

STAFF_PARTS = (("staff", _STAFF),)
"""Before all others: visits name these people."""
PARTS = (("quality", _QUALITY), ("library", _LIBRARY), ("exchange", _EXCHANGE))
