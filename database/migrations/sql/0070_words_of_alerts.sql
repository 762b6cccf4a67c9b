-- The order of severities and the open states, for every query; Python has them in vocabulary/severity.py and
-- vocabulary/alert_state.py. Immutable SQL functions are inlined, so indexes serve as before.
CREATE FUNCTION severity_rank(severity text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT array_position(ARRAY['emergency', 'urgent', 'attention', 'technical', 'planned'], severity) $$;

CREATE FUNCTION alert_is_open(state text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT state IN ('raised', 'acknowledged', 'responding', 'on_scene') $$;
