-- How many tenants there are, whoever asks. A statement that sums up what others were promised, or takes a subtree along, must have all
-- of it in sight: a tenant that was made since the caller's scope was read is not, and row-level security leaves it out in silence.
-- The functions run as the platform and tell numbers alone; the statements compare them with what they see.
CREATE FUNCTION tenant_kids(of_tenant int4) RETURNS int8 LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
	SELECT count(*) FROM public.tenant WHERE parent_key = of_tenant AND deleted_at IS NULL
$$;
CREATE FUNCTION tenants_below(of_path text) RETURNS int8 LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
	SELECT count(*) FROM public.tenant WHERE starts_with(path, of_path || '/') AND deleted_at IS NULL
$$;
-- Whether rows of a tenant are in the caller's sight: that the tenant itself can be read does not say so (0001: scope_read).
CREATE FUNCTION is_in_scope(tenant_key int4) RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT coalesce(tenant_key = ANY ((SELECT nullif(current_setting('app.scope', true), '')::int4[])::int4[]), true)
$$;
-- Whether those of all children of a tenant are.
CREATE FUNCTION sees_kids(of_tenant int4) RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT (SELECT count(*) FROM tenant t WHERE t.parent_key = of_tenant AND t.deleted_at IS NULL AND is_in_scope(t.key)) = tenant_kids(of_tenant)
$$;

-- An owner must be able to make things in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA public TO reeve_platform;
ALTER FUNCTION tenant_kids(int4) OWNER TO reeve_platform;
ALTER FUNCTION tenants_below(text) OWNER TO reeve_platform;
REVOKE CREATE ON SCHEMA public FROM reeve_platform;
REVOKE ALL ON FUNCTION tenant_kids(int4), tenants_below(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenant_kids(int4), tenants_below(text) TO reeve_edge, reeve_platform;
