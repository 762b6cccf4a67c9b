-- Other systems' rows: what the exchange's role has to know of rows that it cannot see.

-- Whether one person alone lives in a home: only then does a room's device speak of that person.
CREATE FUNCTION home_of_one(home integer) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    RETURN (SELECT count(*) = 1 FROM resident WHERE household_id = home);
END $$;

-- What happened to alerts, for one webhook: of homes below its area and its account's where everybody concerned agreed.
CREATE FUNCTION webhook_events(hook integer, behind bigint, until bigint)
RETURNS TABLE (id bigint, alert_id uuid, at timestamptz, action text, from_state text, to_state text, rule text,
               severity text, onset timestamptz, reason_zh text, reason_en text, resident_id integer, resident text,
               home text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.id, e.alert_id, e.at, e.action, e.from_state, e.to_state, a.rule, a.severity, a.onset, a.reason_zh,
           a.reason_en, r.id, r.code, h.code
    FROM webhook w JOIN account me ON me.id = w.account_id
    JOIN sealed_entry s ON s.log = 'alert_event' AND s.position > behind AND s.position <= webhook_events.until
    JOIN alert_event e ON e.id = s.entry_id JOIN alert a ON a.id = e.alert_id
    JOIN household h ON h.id = a.household_id JOIN area p ON p.id = h.area_id
    LEFT JOIN resident r ON r.id = a.resident_id
    WHERE w.id = hook AND w.removed_at IS NULL AND p.path <@ w.area_path AND p.path <@ me.area_path
      AND EXISTS (SELECT FROM resident x WHERE x.household_id = h.id)
      AND NOT EXISTS (
          SELECT FROM resident x WHERE x.household_id = h.id AND (a.resident_id IS NULL OR x.id = a.resident_id)
            AND NOT EXISTS (SELECT FROM exchange_consent c WHERE c.resident_id = x.id
                            AND c.account_id = w.account_id AND c.withdrawn_at IS NULL))
    ORDER BY s.position
$$;

-- Whether everybody whom a message concerns still agrees.
CREATE FUNCTION delivery_agreed(delivery bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT NOT EXISTS (
        SELECT FROM resident x WHERE x.household_id = a.household_id AND (a.resident_id IS NULL OR x.id = a.resident_id)
          AND NOT EXISTS (SELECT FROM exchange_consent c WHERE c.resident_id = x.id AND c.account_id = w.account_id
                          AND c.withdrawn_at IS NULL))
    FROM webhook_delivery d JOIN alert a ON a.id = d.alert_id JOIN webhook w ON w.id = d.webhook_id
    WHERE d.id = delivery
$$;

-- The oldest export that is not made yet; the exchange goes on in its name.
CREATE FUNCTION next_export() RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id FROM exchange_export WHERE state IN ('waiting', 'running') ORDER BY created_at LIMIT 1
$$;

-- End the exports whose time is over, and forget those of last week.
CREATE FUNCTION end_exports() RETURNS SETOF uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM exchange_export WHERE state = 'deleted' AND expires_at < now() - interval '7 days';
    RETURN QUERY UPDATE exchange_export SET state = 'deleted' WHERE state <> 'deleted' AND expires_at <= now() RETURNING id;
END $$;

-- Forget of what systems brought what is older than a repetition may be.
CREATE FUNCTION forget_observations(days integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM exchange_observation WHERE time < now() - make_interval(days => days)
$$;
