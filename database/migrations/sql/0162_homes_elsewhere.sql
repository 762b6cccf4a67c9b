-- Whether people's homes lie outside of an area, seen or not: what belongs to no known home is the affair of whoever
-- answers for all of them.
CREATE FUNCTION has_homes_outside(asked ltree) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM area a JOIN household h ON h.area_id = a.id WHERE NOT a.path <@ asked AND NOT h.synthetic)
$$;
-- Whether a gateway of that name is registered, seen or not.
CREATE FUNCTION is_gateway(asked text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$ SELECT EXISTS (SELECT FROM gateway WHERE name = asked) $$;
