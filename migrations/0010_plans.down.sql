REVOKE USAGE ON SEQUENCE tenant_key_seq FROM reeve_edge, reeve_platform;
DROP TABLE managed, plan, ask;
DROP FUNCTION hold(boolean, text);
