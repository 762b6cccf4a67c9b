-- Policies are set by their owner alone; the maintenance service may ask for it.
ALTER FUNCTION apply_retention() SECURITY DEFINER SET search_path = public, pg_temp;
