DROP TRIGGER tenant_path_moves ON tenant;
DROP FUNCTION tenant_path_moved();
DROP INDEX cluster_by_default_tenant;
DROP FUNCTION selectors_clash(text, text);
DELETE FROM cluster_namespace WHERE position('=' IN name) > 0;
