-- The roles stay: they belong to the whole PostgreSQL instance and another database may use them.
DROP TABLE usage_window, segment, decision, tenant_use, placement, device, node, cluster_stream, cluster_learning, agent_session, inbox, inbox_quarantine, op_key,
	audit, token, cordon, agent_certificate, join_token, cluster, quota, device_class, tenant, leader, chain, incarnation;
DROP FUNCTION cluster_hold_and_count(int4), quota_conditions_json(int4), quota_models_json(int4), axes_json(int8, int8, int8), join_is_open(timestamptz, timestamptz),
	join_repeat_window(), must(boolean, text);
