"""Fill a year of an office behind the district: staff, rosters, certificates, accounts, thresholds, the audit."""

from typing import Any

import psycopg

STAFF, ACCOUNTS, LOOKS, THRESHOLDS, AWAY = 600, 2_000, 500_000, 5_000, 2_000

_YEAR = (
    """
    INSERT INTO staff (code, organisation_id, kind, name_zh, name_en, phone)
    SELECT 'Y' || lpad(n::text, 4, '0'), o.id, (ARRAY['carer', 'nurse', 'social_worker'])[1 + n %% 3],
           (ARRAY['王', '李', '陈', '刘'])[1 + n %% 4] || '护理' || n, 'Carer ' || n,
           '138' || lpad(n::text, 8, '0')
    FROM generate_series(1, %(staff)s) n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS of FROM organisation) o
      ON o.place = 1 + n %% o.of
    """,
    """
    INSERT INTO staff_certificate (staff_id, kind, number, issued_on, expires_on)
    SELECT s.id, c.kind, s.code || c.kind, current_date - 300, current_date + (s.id * 7 %% 700)::int - 30
    FROM staff s, (SELECT DISTINCT kind FROM staff_certificate LIMIT 2) c WHERE s.code LIKE 'Y%%'
    """,
    """
    INSERT INTO roster (staff_id, shift_id, weekdays, valid_from)
    SELECT s.id, h.id, '{1,2,3,4,5}', current_date - 200
    FROM staff s JOIN LATERAL (SELECT id FROM shift WHERE organisation_id = s.organisation_id
                               ORDER BY (id * 31 + s.id) %% 7 LIMIT 1) h ON true WHERE s.code LIKE 'Y%%'
    """,
    """
    INSERT INTO roster_exception (staff_id, kind, starts_at, ends_at, reason)
    SELECT s.id, 'absent', t, t + INTERVAL '8 hours', '病假'
    FROM generate_series(1, %(away)s) n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS of FROM staff) s
      ON s.place = 1 + (n * 13) %% s.of, LATERAL (SELECT now() - INTERVAL '4 hours' * n AS t) t
    """,
    """
    INSERT INTO account (login, password_hash, name_zh, name_en, role)
    SELECT 'kin-' || n, '', '家属' || n, 'Kin ' || n, 'family' FROM generate_series(1, %(accounts)s) n
    """,
    """
    INSERT INTO family_member (account_id, resident_id, relation_zh, relation_en, consent_at)
    SELECT a.id, r.id, '女儿', 'daughter', now()
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM account WHERE login LIKE 'kin-%%') a
    JOIN (SELECT id, row_number() OVER (ORDER BY id DESC) AS place FROM resident) r USING (place)
    """,
    """
    INSERT INTO parameter_change (at, scope, resident_id, name, old_value, new_value, actor, reason)
    SELECT now() - INTERVAL '1 hour' * n, 'resident', r.id, 'limit.heart_rate.high', NULL, 100 + n %% 20, '某', '按医嘱'
    FROM generate_series(1, %(thresholds)s) n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS of FROM resident) r
      ON r.place = 1 + (n * 7919) %% r.of
    """,
    """
    INSERT INTO audit (at, account_id, action, resident_id, detail, origin)
    SELECT now() - n * (INTERVAL '365 days' / %(looks)s), a.id,
           (ARRAY['view_resident', 'view_alert', 'view_page', 'list_resident', 'login', 'export_resident'])[1 + n %% 6],
           CASE WHEN n %% 6 IN (0, 1) THEN r.id END, '{}', '10.0.0.' || n %% 250
    FROM generate_series(%(looks)s, 1, -1) n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM account WHERE role <> 'family') a
      ON a.place = 1 + n %% (SELECT count(*) FROM account WHERE role <> 'family')
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM resident) r
      ON r.place = 1 + (n::bigint * 7919) %% (SELECT count(*) FROM resident)
    ORDER BY n DESC
    """,
)  # fmt: skip


def fill_office(conn: psycopg.Connection[Any]) -> str:
    """Write the year; what it holds, in words."""
    asked = {"staff": STAFF, "accounts": ACCOUNTS, "looks": LOOKS, "thresholds": THRESHOLDS, "away": AWAY}
    conn.execute("SET session_replication_role = replica")  # no seals and no history: they would take an hour
    for statement in _YEAR:
        conn.execute(statement, asked)
    conn.execute("SET session_replication_role = origin")
    conn.execute("ANALYZE")
    return f"{LOOKS:,} lines of audit, {ACCOUNTS:,} accounts, {STAFF} staff, {THRESHOLDS:,} thresholds of their own"
