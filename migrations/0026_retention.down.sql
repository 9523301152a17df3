REVOKE DELETE ON audit FROM reeve_jobs;
DROP POLICY pruned ON audit;
DROP TABLE audit_floor;
DROP FUNCTION audit_floor_guard;
