DROP FUNCTION sees_kids(int4);
DROP FUNCTION is_in_scope(int4);
DROP FUNCTION tenants_below(text);
DROP FUNCTION tenant_kids(int4);
