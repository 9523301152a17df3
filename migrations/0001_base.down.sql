-- The roles stay: they belong to the whole PostgreSQL instance and another database may use them.
DROP TABLE usage_window, segment, decision, tenant_use, placement, device, node, cluster_stream, agent_session, inbox, op_key,
	audit, token, cordon, agent_certificate, join_token, cluster, quota, device_class, tenant, leader, chain, incarnation;
DROP FUNCTION must(boolean, text);
