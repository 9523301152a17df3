-- What each batch writes to is not looked at by the autovacuum every few seconds: each look makes every connection plan its statements
-- anew, a stop of a tenth of a second. Rows of these tables are found by index whatever statistics say, and what an update leaves
-- behind is mostly cleared with the next one on the page.
DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['tenant_use', 'escrow', 'leader', 'device', 'node', 'cluster_stream', 'agent_session', 'quota_loan', 'quota_condition', 'audit_tile'] LOOP
		EXECUTE format('ALTER TABLE %I SET (autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_insert_threshold = 1000000, autovacuum_analyze_threshold = 10000000)', name);
	END LOOP;
END
$$;

-- Each batch asks which of its tenants' credits are capped: mostly nobody's.
CREATE INDEX tenant_credits_capped ON tenant (key) WHERE credits_limit IS NOT NULL;
