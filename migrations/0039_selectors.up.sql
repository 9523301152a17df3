-- What is said of namespaces may be said of all with certain labels: under 'stage=prod,team=nlp' in the place of a name. Whether one
-- namespace may be meant by both of two that neither names more than the other.
CREATE FUNCTION selectors_clash(one text, other text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	a text[] := string_to_array(one, ',');
	b text[] := string_to_array(other, ',');
BEGIN
	IF cardinality(a) <> cardinality(b) AND (a @> b OR b @> a) THEN
		RETURN false;
	END IF;
	RETURN NOT EXISTS (SELECT FROM unnest(a) x JOIN unnest(b) y ON split_part(y, '=', 1) = split_part(x, '=', 1) AND y <> x);
END
$$;

-- A cluster's agent knows tenants by their paths. When one is moved it is to hear so; and when one is deleted nothing more is said of it,
-- or whoever is given its path next would be given its namespaces.
CREATE INDEX cluster_by_default_tenant ON cluster (default_tenant_key) WHERE default_tenant_key IS NOT NULL;
CREATE FUNCTION tenant_path_moved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
	UPDATE cluster SET config_rev = greatest(config_rev, NEW.rev) WHERE key IN (SELECT cluster_key FROM cluster_namespace WHERE tenant_key = NEW.key);
	UPDATE cluster SET config_rev = greatest(config_rev, NEW.rev) WHERE default_tenant_key = NEW.key;
	IF NEW.deleted_at IS NOT NULL THEN
		DELETE FROM cluster_namespace WHERE tenant_key = NEW.key;
		UPDATE cluster SET default_tenant_key = NULL, rev = greatest(rev, NEW.rev) WHERE default_tenant_key = NEW.key;
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER tenant_path_moves AFTER UPDATE OF path, deleted_at ON tenant FOR EACH ROW
	WHEN (NEW.path <> OLD.path OR NEW.deleted_at IS DISTINCT FROM OLD.deleted_at) EXECUTE FUNCTION tenant_path_moved();
GRANT CREATE ON SCHEMA public TO reeve_platform;
ALTER FUNCTION tenant_path_moved() OWNER TO reeve_platform;
REVOKE CREATE ON SCHEMA public FROM reeve_platform;
REVOKE ALL ON FUNCTION tenant_path_moved() FROM PUBLIC;

-- What was left of those that are gone.
UPDATE cluster SET config_rev = (SELECT n FROM chain WHERE id = 'g') WHERE key IN (SELECT n.cluster_key FROM cluster_namespace n JOIN tenant t ON t.key = n.tenant_key WHERE t.deleted_at IS NOT NULL);
DELETE FROM cluster_namespace n USING tenant t WHERE t.key = n.tenant_key AND t.deleted_at IS NOT NULL;
UPDATE cluster SET config_rev = (SELECT n FROM chain WHERE id = 'g'), default_tenant_key = NULL FROM tenant t WHERE t.key = cluster.default_tenant_key AND t.deleted_at IS NOT NULL;
