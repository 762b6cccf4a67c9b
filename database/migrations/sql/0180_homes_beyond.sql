-- Whether a home lies outside an area, for a role that sees the rows of its viewer alone: what holds for the whole
-- district is set by an account whose area has every home.
CREATE FUNCTION homes_beyond(area ltree) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM household h JOIN area a ON a.id = h.area_id
                   WHERE NOT a.path <@ homes_beyond.area AND NOT h.synthetic)
$$;
