-- Ranges of blocks whose times nobody has summed up count as if they held all: the worker sees to it, since nothing is ever deleted there
-- and the table is seldom vacuumed. Only its owner may.
CREATE FUNCTION usage_summarize() RETURNS int8 LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
	SELECT brin_summarize_new_values('public.segment_by_opening'::regclass)::int8
$$;
REVOKE ALL ON FUNCTION usage_summarize() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION usage_summarize() TO reeve_jobs;
