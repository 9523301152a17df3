GRANT SELECT ON join_token, agent_certificate TO reeve_edge;
GRANT INSERT, UPDATE ON agent_session, join_token, agent_certificate TO reeve_edge;
DROP INDEX trust_by_anchor;
ALTER TABLE trust DROP COLUMN anchors;
DROP FUNCTION trust_anchors(text);
DROP FUNCTION groups_now(text, text[]);
DROP INDEX session_by_subject;
DROP TABLE person;
