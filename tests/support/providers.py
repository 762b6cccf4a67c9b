"""A provider with people of its own, one of whom has the login ``provider``."""

from typing import Any

import psycopg


def add_provider(conn: psycopg.Connection[Any]) -> int:
    """The provider 安和 of the district, its people PV1 (who has the login) and PV2; its number. Safe to repeat."""
    conn.execute(
        "INSERT INTO organisation (code, area_id, kind, name_zh, name_en) SELECT 'anhe-own', id, 'service_provider',"
        " '安和居家', 'Anhe Home' FROM area WHERE path = 'sz.yt' ON CONFLICT DO NOTHING"
    )
    conn.execute(
        "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
        " SELECT 'provider', password_hash, '罗秀英', 'Luo', 'provider', NULL, language FROM account"
        " WHERE login = 'dispatcher' ON CONFLICT DO NOTHING"
    )
    conn.execute(
        "INSERT INTO staff (code, organisation_id, kind, name_zh, name_en, skills, account_id)"
        " SELECT s.code, o.id, 'carer', s.name, s.code, '{bathing,housekeeping}', a.id FROM organisation o,"
        " (VALUES ('PV1', '罗秀英'), ('PV2', '曾美玲')) s (code, name) LEFT JOIN account a ON a.login = 'provider'"
        " AND s.code = 'PV1' WHERE o.code = 'anhe-own'"
        " ON CONFLICT (code) DO UPDATE SET account_id = excluded.account_id"
    )
    conn.execute(
        "INSERT INTO staff_certificate (staff_id, kind) SELECT id, 'elder_carer' FROM staff WHERE code LIKE 'PV_'"
        " ON CONFLICT DO NOTHING"
    )
    conn.commit()
    row = conn.execute("SELECT id FROM organisation WHERE code = 'anhe-own'").fetchone()
    assert row is not None
    return int(row[0])
