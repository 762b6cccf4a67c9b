"""Write what the district knows of its residents' care: assessments, beds, grants, consents, complaints, the bank."""

from bench.care.copies import OFFSET, copies
from bench.care.fill_services import WHO

_OF_ALL = "JOIN who w ON w.n = 1 + (k * 7919) %% (SELECT max(n) FROM who)"
"""Somebody, in turn."""
_EACH = "JOIN who w ON w.n = 1 + (k - 1) %% (SELECT max(n) FROM who)"
"""Everybody, one after the other."""
_AGO = "%(now)s::timestamptz - k * INTERVAL"

_ASSESSMENTS = (
    WHO,
    *copies(
        "assessment", 3 * 7198, of="state = 'in_force'",
        rest=_EACH + " AND NOT EXISTS (SELECT FROM assessment x WHERE x.resident_id = w.id)",
        resident_id="w.id", current=f"k > {2 * 7198}", doubts_id="NULL", corrects_id="NULL",
        begun_at=f"{_AGO} '72 minutes' + INTERVAL '1 hour'", first_at=f"{_AGO} '72 minutes'",
        second_at=f"{_AGO} '71 minutes'", changed_at=f"{_AGO} '71 minutes'", due_on="%(today)s::date - 60 + k %% 420",
    ),
    "CREATE TEMP TABLE graded ON COMMIT DROP AS SELECT id, resident_id, row_number() OVER (ORDER BY id)::int AS n"
    f" FROM assessment WHERE current AND id > {OFFSET}",
    *copies(
        "care_proposal", 6000, of="state = 'approved'", rest="JOIN graded g ON g.n = k", assessment_id="g.id",
        resident_id="g.resident_id", state="CASE WHEN k <= 200 THEN 'proposed' ELSE 'approved' END",
        made_at=f"{_AGO} '90 minutes'", decided_at=f"CASE WHEN k > 200 THEN {_AGO} '80 minutes' END",
    ),
    """
    INSERT INTO resident_trait (resident_id, trait, holds, valid_from, evidence, set_at)
    SELECT w.id, t, (w.n + length(t)) %% 5 = 0, %(today)s::date - 400, '民政核对',
           %(now)s::timestamptz - INTERVAL '400 days'
    FROM who w, unnest(ARRAY['low_income', 'extreme_poverty', 'special_family', 'lonely', 'disabled']) t
    WHERE w.n %% 3 <> 0 ON CONFLICT DO NOTHING
    """,
)  # fmt: skip

_STAGES = "(ARRAY['applied', 'assessing', 'surveying', 'planning', 'installing', 'contracting', 'suspended', 'closed'])"
_BEDS = (
    WHO,
    *copies(
        "home_bed", 3000, rest=_EACH + " AND NOT EXISTS (SELECT FROM home_bed x WHERE x.resident_id = w.id)",
        resident_id="w.id", state=f"CASE WHEN k %% 4 = 0 THEN {_STAGES}[1 + k / 4 %% 8] ELSE 'in_service' END",
        state_since=f"{_AGO} '5 hours'", applied_at=f"{_AGO} '8 hours'",
        due_at="CASE WHEN k %% 4 = 0 THEN %(now)s::timestamptz + (k %% 20 - 4) * INTERVAL '1 day' END",
        next_check_on="CASE WHEN k %% 4 > 0 THEN %(today)s::date + k %% 90 - 5 END",
        contract_until="CASE WHEN k %% 4 > 0 THEN %(today)s::date + k %% 365 END",
    ),
    *copies("home_bed_step", 18_000, bed_id=f"{OFFSET} + 1 + k / 6", at=f"{_AGO} '80 minutes'",
            rest=f"JOIN home_bed b ON b.id = {OFFSET} + 1 + k / 6"),
    *copies("home_bed_device", 12_000, bed_id=f"{OFFSET} + 1 + k / 4", device_id="NULL",
            rest=f"JOIN home_bed b ON b.id = {OFFSET} + 1 + k / 4"),
    *copies("home_bed_contract", 2250, bed_id="b.id", number="'YT-B-' || k", begins_on="%(today)s::date - k %% 365",
            ends_on="%(today)s::date + 366 - k %% 365",
            rest=f"JOIN home_bed b ON b.id = {OFFSET} + k AND b.state = 'in_service'"),
    *copies("equipment_item", 4000, of="state = 'stock'", serial="'N' || k",
            state="CASE WHEN k <= 2000 THEN 'lent' ELSE 'stock' END"),
    *copies("equipment_loan", 6000, item_id=f"{OFFSET} + 1 + (k - 1) %% 2000", resident_id="w.id", bed_id="NULL",
            lent_at=f"{_AGO} '3 hours'", due_on="%(today)s::date + k %% 200 - 20", rest=_OF_ALL,
            returned_at=f"CASE WHEN k > 2000 THEN {_AGO} '1 hour' END",
            returned_condition="CASE WHEN k > 2000 THEN 'good' END"),
    *copies("equipment_step", 12_000, item_id=f"{OFFSET} + 1 + k / 3", at=f"{_AGO} '80 minutes'", loan_id="NULL"),
)  # fmt: skip

_GRANTS = (
    WHO,
    *copies(
        "grant_application", 14_000, of="state = 'approved'",
        rest=_EACH, resident_id="w.id", bed_id="NULL", applied_at=f"{_AGO} '100 minutes'",
        kind="CASE WHEN k <= 7198 THEN 'old_age_allowance' ELSE 'service_subsidy' END", per="'month'",
        decided_at=f"{_AGO} '99 minutes'", pays_from="date_trunc('month', %(today)s::date - k / 13)::date",
        pays_until="NULL",
    ),
    *copies(
        "grant_application", 150, of="state = 'waiting'",
        rest=_EACH, resident_id="w.id", id=f"{2 * OFFSET} + k", bed_id="NULL", applied_at=f"{_AGO} '10 minutes'",
        due_at="%(now)s::timestamptz + (k - 20) * INTERVAL '1 hour'", kind="'age_friendly'",
    )[1:],
    f"""
    INSERT INTO grant_step (application_id, at, step, to_state, actor)
    SELECT id, applied_at, 'apply', state, '规则' FROM grant_application WHERE id > {OFFSET}
    """,
    f"""
    INSERT INTO grant_payment (month, application_id, resident_id, amount_fen, settled_at, settled_by)
    SELECT m, g.id, g.resident_id, g.amount_fen, m + INTERVAL '35 days', '某' FROM grant_application g, generate_series(
           g.pays_from, date_trunc('month', %(today)s::date) - INTERVAL '2 months', INTERVAL '1 month') m
    WHERE g.id > {OFFSET} AND g.state = 'approved' ON CONFLICT DO NOTHING
    """,
)  # fmt: skip

_CONSENTS = (
    WHO,
    """
    INSERT INTO consent_event (resident_id, purpose, recipient, given, at, by_whom, how, recorded_at)
    SELECT w.id, p, '', (w.n + length(p)) %% 9 <> 0, t.at, 'self', 'paper', t.at
    FROM (SELECT DISTINCT purpose FROM consent_event WHERE recipient = '') s (p), who w,
         LATERAL (SELECT %(now)s::timestamptz - w.n * INTERVAL '3 hours' - length(p) * INTERVAL '1 minute' AS at) t
    """,
)

_COMPLAINTS = (
    WHO,
    *copies(
        "complaint", 6000, key=None, rest=_OF_ALL, code="'C250101-' || lpad(k::text, 5, '0')",
        received_at=f"{_AGO} '4 hours'", due_at=f"{_AGO} '4 hours' + INTERVAL '7 days'", resident_id="w.id",
        area_path="w.path", state="CASE WHEN k > 60 THEN 'closed' ELSE 'open' END",
        closed_at=f"CASE WHEN k > 60 THEN {_AGO} '3 hours' END",
    ),
    *copies("complaint_author", 6000, key=None, complaint="'C250101-' || lpad(k::text, 5, '0')", account_id="NULL"),
    *copies("complaint_event", 18_000, complaint="'C250101-' || lpad((1 + k / 3)::text, 5, '0')",
            at=f"{_AGO} '80 minutes'",
            rest="JOIN complaint c ON c.code = 'C250101-' || lpad((1 + k / 3)::text, 5, '0')"),
)  # fmt: skip

_BANK = (
    WHO,
    """
    INSERT INTO time_volunteer (name_zh, name_en, sex, born_on, phone, belongs_to, area_id, state, applied_at)
    SELECT '志愿者' || k, 'Volunteer ' || k, CASE WHEN k %% 3 = 0 THEN 'male' ELSE 'female' END, DATE '1960-01-01' + k,
           '', 'neighbour', (SELECT area_id FROM who WHERE n = k * 7),
           CASE WHEN k %% 9 = 0 THEN 'resting' ELSE 'active' END,
           %(now)s::timestamptz - k * INTERVAL '1 day'
    FROM generate_series(1, 900) k
    """,
    "INSERT INTO time_account (kind, volunteer_id) SELECT 'volunteer', id FROM time_volunteer ON CONFLICT DO NOTHING",
    "CREATE TEMP TABLE helper ON COMMIT DROP AS SELECT v.id, v.code, a.id AS account,"
    " subpath(p.path, 0, 3) AS street, row_number() OVER (PARTITION BY subpath(p.path, 0, 3) ORDER BY v.id)::int AS n,"
    " count(*) OVER (PARTITION BY subpath(p.path, 0, 3))::int AS of FROM time_volunteer v"
    " JOIN area p ON p.id = v.area_id AND nlevel(p.path) >= 3 JOIN time_account a ON a.volunteer_id = v.id",
    *copies(
        "time_request", 40_000, key=None, of="state = 'confirmed' AND partner_id IS NULL AND round_id IS NULL",
        rest=_OF_ALL + " JOIN helper v ON v.street = subpath(w.path, 0, 3) AND v.n = 1 + k %% v.of",
        id="md5('request' || k)::uuid",
        number=f"{OFFSET} + k", resident_id="w.id", volunteer_id="v.id", wanted_from=f"{_AGO} '40 minutes'",
        wanted_until=f"{_AGO} '40 minutes' + INTERVAL '1 hour'", told_by="'volunteer:' || v.code", order_id="NULL",
        said_by="'resident:' || w.code",
        closed_at=f"CASE WHEN k > 300 THEN {_AGO} '40 minutes' + INTERVAL '3 hours' END",
        state="CASE WHEN k > 300 THEN 'confirmed' ELSE (ARRAY['open', 'offered', 'accepted', 'done'])[1 + k %% 4] END",
        minutes="60", told_minutes="60", said_minutes="60", agreed="60", credited="60", partner_credited="NULL",
    ),
    """
    INSERT INTO time_helped_area SELECT DISTINCT q.volunteer_id, w.area_id FROM time_request q
    JOIN who w ON w.id = q.resident_id WHERE q.volunteer_id IS NOT NULL ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO time_request_event (request_id, at, action, to_state, actor)
    SELECT id, wanted_from + n * INTERVAL '1 hour', 'note', state, '某' FROM time_request, generate_series(1, 3) n
    WHERE number > 1000000
    """,
    """
    INSERT INTO time_transaction (id, at, kind, request_key, request_id)
    SELECT md5('booked' || number)::uuid, closed_at, 'earn', 'earn/' || id, id FROM time_request
    WHERE number > 1000000 AND state = 'confirmed' ORDER BY closed_at
    """,
    """
    INSERT INTO time_entry (transaction_id, account_id, minutes, earned_on)
    SELECT t.id, e.account, e.minutes, r.wanted_from::date
    FROM time_transaction t JOIN time_request r ON r.id = t.request_id AND r.number > 1000000
    JOIN helper v ON v.id = r.volunteer_id,
    LATERAL (VALUES ((SELECT id FROM time_account WHERE kind = 'issuer'), -60), (v.account, 60)) e (account, minutes)
    ORDER BY t.number
    """,
    """
    INSERT INTO time_lot (account_id, earned_on, minutes)
    SELECT e.account_id, e.earned_on, sum(e.minutes) FROM time_entry e JOIN helper v ON v.account = e.account_id
    GROUP BY 1, 2 ON CONFLICT (account_id, earned_on) DO UPDATE SET minutes = EXCLUDED.minutes
    """,
    """
    DO $$ DECLARE
        one record; before bytea; place bigint;
    BEGIN
        SELECT position, hash INTO place, before FROM time_seal ORDER BY position DESC LIMIT 1;
        FOR one IN SELECT id FROM time_transaction t
                   WHERE NOT EXISTS (SELECT FROM time_seal s WHERE s.transaction_id = t.id) ORDER BY number LOOP
            before := sha256(coalesce(before, ''::bytea) || convert_to(time_words(one.id), 'UTF8'));
            place := coalesce(place, 0) + 1;
            INSERT INTO time_seal (position, transaction_id, hash) VALUES (place, one.id, before);
        END LOOP;
    END $$
    """,
)  # fmt: skip

_PAPERS = (
    """
    INSERT INTO time_volunteer_check (volunteer_id, kind, passed, checked_on, expires_on, at)
    SELECT v.id, k, true, %(today)s::date - 200, %(today)s::date - 20 + v.id %% 700,
           %(now)s::timestamptz - INTERVAL '200 days'
    FROM time_volunteer v, unnest(ARRAY['identity', 'background']) k
    WHERE NOT EXISTS (SELECT FROM time_volunteer_check c WHERE c.volunteer_id = v.id)
    """,
    """
    INSERT INTO time_volunteer_training (volunteer_id, course, passed, passed_on, at)
    SELECT v.id, 'volunteer_basic', true, %(today)s::date - 190, %(now)s::timestamptz - INTERVAL '190 days'
    FROM time_volunteer v WHERE NOT EXISTS (SELECT FROM time_volunteer_training t WHERE t.volunteer_id = v.id)
    """,
)

PARTS = (
    ("assessments", _ASSESSMENTS), ("beds", _BEDS), ("grants", _GRANTS), ("consents", _CONSENTS),
    ("complaints", _COMPLAINTS), ("time bank", _BANK), ("papers", _PAPERS),
)  # fmt: skip
