DROP INDEX tenant_credits_capped;
DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['tenant_use', 'escrow', 'leader', 'device', 'node', 'cluster_stream', 'agent_session', 'quota_loan', 'quota_condition', 'audit_tile'] LOOP
		EXECUTE format('ALTER TABLE %I RESET (autovacuum_vacuum_threshold, autovacuum_vacuum_insert_threshold, autovacuum_analyze_threshold)', name);
	END LOOP;
END
$$;
