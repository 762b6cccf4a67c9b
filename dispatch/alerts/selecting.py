"""Select alerts with the names and addresses that people read, and with a word that waits for somebody at the desk.

Such a word is an event of the history from the home or its family about an open alert: "she does not answer", the
button pressed once more. It waits until a person's next event: a note, a call, a step.
"""

from typing import LiteralString

FAMILY, AGAIN = "family_no_contact", "again"
"""Events that are such a word: the family reaches nobody, and the alarm went off once more."""

ALERTS: LiteralString = """
    SELECT a.id, a.rule, a.rule_version, a.severity, a.state, a.version, a.subject, a.onset, a.sensed_at, a.received_at,
           a.raised_at, a.reason_zh, a.reason_en, a.evidence, a.outcome,
           a.owner_id, a.owner_zh, a.owner_en, a.merged_into, a.snoozed_until, a.closed_at,
           (SELECT count(*) FROM alert f WHERE f.merged_into = a.id) AS merged,
           w.at AS word_at, w.note AS word_zh, w.note_en AS word_en,
           h.id AS household_id, h.code AS household_code, h.address_zh, h.address_en, h.phone,
           ar.path::text AS area_path, ar.name_zh AS area_zh, ar.name_en AS area_en,
           r.id AS resident_id, r.code AS resident_code, r.name_zh AS resident_zh, r.name_en AS resident_en,
           r.sex AS resident_sex, r.lives_alone, date_part('year', age(r.birth_date))::int AS resident_age
    FROM alert a JOIN household h ON h.id = a.household_id JOIN area ar ON ar.id = h.area_id
    LEFT JOIN resident r ON r.id = coalesce(a.resident_id, CASE WHEN a.severity = 'technical' THEN (
        SELECT min(one.id) FROM resident one WHERE one.household_id = h.id HAVING count(*) = 1) END)
    LEFT JOIN LATERAL (
        SELECT e.at, e.note, e.note_en, e.action FROM alert_event e
        WHERE e.alert_id = a.id AND (e.action IN ('family_no_contact', 'again')
            OR (e.actor <> 'system' AND e.action NOT IN ('family_told', 'family_coming')))
        ORDER BY e.id DESC LIMIT 1) w ON alert_is_open(a.state) AND w.action IN ('family_no_contact', 'again')
"""
ORDER: LiteralString = """
    ORDER BY severity_rank(a.severity), a.onset LIMIT 1000
"""
