-- Whose the pods of a cluster's namespaces are: under a namespace's name, or under the labels that all such have (api/types/namespace.h). Seen by who sees clusters, as far as they see the tenants; said by who tends clusters.

-- name: namespace_list :many
-- in: cluster text, tenant text?, after text, limit int8
-- out: cluster text, namespace text, tenant text, revision int8, cursor text
-- sort: fields
SELECT c.name AS cluster, n.name AS namespace, t.path AS tenant, n.rev AS revision, n.name AS cursor
FROM cluster_namespace n JOIN cluster c ON c.key = n.cluster_key JOIN tenant t ON t.key = n.tenant_key
WHERE (c.id = $1 OR c.name = $1) AND c.deleted_at IS NULL AND t.deleted_at IS NULL AND ($2::text IS NULL OR t.path = $2 OR t.id = $2) AND n.name > $3
ORDER BY n.name LIMIT $4;

-- name: namespace_get :one
-- in: cluster text, namespace text
-- out: cluster text, namespace text, tenant text, revision int8
SELECT c.name AS cluster, n.name AS namespace, t.path AS tenant, n.rev AS revision
FROM cluster_namespace n JOIN cluster c ON c.key = n.cluster_key JOIN tenant t ON t.key = n.tenant_key
WHERE (c.id = $1 OR c.name = $1) AND c.deleted_at IS NULL AND t.deleted_at IS NULL AND n.name = $2;

-- The cluster's agent asks anew when its configuration has another revision. Of the labels that a namespace has it takes what names more
-- of them, so what is said of two selectors must be of one tenant, or no namespace has both, or one names all of the other and more.
-- name: namespace_put :one
-- in: cluster text, namespace text, tenant text, created_by text, if_rev int8, must_be_new bool, rev_offset int8
-- out: outcome text, pointer text?, detail text?, was_new bool, key int4?, id text?, cluster text?, namespace text?, tenant text?, revision int8?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
c AS (SELECT key, name FROM cluster WHERE (id = $1 OR name = $1) AND deleted_at IS NULL FOR NO KEY UPDATE),
t AS (SELECT key, path FROM tenant WHERE (id = $3 OR path = $3) AND deleted_at IS NULL AND depth > 0 FOR KEY SHARE),
old AS (SELECT n.rev FROM cluster_namespace n JOIN c ON n.cluster_key = c.key JOIN tenant x ON x.key = n.tenant_key AND x.deleted_at IS NULL WHERE n.name = $2),
others AS (
	SELECT count(*) AS n, count(*) FILTER (WHERE position('=' IN n.name) > 0) AS selectors FROM cluster_namespace n JOIN c ON n.cluster_key = c.key WHERE n.name <> $2
),
clash AS (
	SELECT n.name, x.path FROM cluster_namespace n JOIN c ON n.cluster_key = c.key JOIN tenant x ON x.key = n.tenant_key CROSS JOIN t
	WHERE position('=' IN $2) > 0 AND position('=' IN n.name) > 0 AND n.name <> $2 AND n.tenant_key <> t.key AND selectors_clash(n.name, $2) ORDER BY n.name LIMIT 1
),
verdict AS (
	SELECT CASE WHEN c.key IS NULL THEN 'refused:not_found'
		WHEN t.key IS NULL THEN 'refused:unknown_tenant'
		WHEN ($5 >= 0 AND coalesce(old.rev, -1) <> $5) OR ($6 AND old.rev IS NOT NULL) THEN 'refused:etag_mismatch'
		WHEN others.n >= 10000 OR (others.selectors >= 1000 AND position('=' IN $2) > 0) THEN 'refused:too_many_items'
		WHEN clash.name IS NOT NULL THEN 'refused:conflict' ELSE 'done' END AS outcome, clash.name AS other, clash.path AS of_other
	FROM others LEFT JOIN c ON true LEFT JOIN t ON true LEFT JOIN old ON true LEFT JOIN clash ON true
),
i AS (
	INSERT INTO cluster_namespace (cluster_key, name, tenant_key, created_by, rev) SELECT c.key, $2, t.key, $4, h.n + $7 FROM c, t, h, verdict v WHERE v.outcome = 'done'
	ON CONFLICT (cluster_key, name) DO UPDATE SET tenant_key = excluded.tenant_key, created_by = excluded.created_by, rev = excluded.rev
	RETURNING *
),
u AS (UPDATE cluster SET config_rev = (SELECT rev FROM i) WHERE key = (SELECT cluster_key FROM i))
SELECT v.outcome,
	CASE v.outcome WHEN 'refused:unknown_tenant' THEN '#/tenant' WHEN 'refused:conflict' THEN '#/tenant' WHEN 'refused:etag_mismatch' THEN 'If-Match' END AS pointer,
	CASE v.outcome WHEN 'refused:unknown_tenant' THEN 'there is no tenant ' || $3 WHEN 'refused:etag_mismatch' THEN 'the namespace is at revision ' || coalesce(old.rev::text, 'none')
		WHEN 'refused:too_many_items' THEN 'a cluster has at most 10,000 namespaces, and 1,000 selectors of them, that are said of'
		WHEN 'refused:conflict' THEN 'a namespace may have these labels and ' || v.other || ', which is of ' || v.of_other || ': name those of both, or say both of one tenant' END AS detail,
	old.rev IS NULL AS was_new, i.tenant_key AS key, c.name || '/' || i.name AS id, c.name AS cluster, i.name AS namespace, t.path AS tenant, i.rev AS revision
FROM verdict v LEFT JOIN c ON true LEFT JOIN t ON true LEFT JOIN old ON true LEFT JOIN i ON true;

-- name: namespace_delete :one
-- in: cluster text, namespace text, if_rev int8, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, tenant text?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
n AS (
	SELECT n.cluster_key, n.name, n.rev, n.tenant_key, c.name AS cluster FROM cluster_namespace n JOIN cluster c ON c.key = n.cluster_key
	WHERE (c.id = $1 OR c.name = $1) AND c.deleted_at IS NULL AND n.name = $2 FOR UPDATE OF n
),
d AS (DELETE FROM cluster_namespace x USING n WHERE x.cluster_key = n.cluster_key AND x.name = n.name AND ($3 < 0 OR n.rev = $3) RETURNING x.cluster_key),
u AS (UPDATE cluster SET config_rev = (SELECT h.n FROM h) + $4 WHERE key = (SELECT cluster_key FROM d))
SELECT CASE WHEN d.cluster_key IS NOT NULL THEN 'done' WHEN n.name IS NULL THEN 'refused:not_found' ELSE 'refused:etag_mismatch' END AS outcome,
	CASE WHEN d.cluster_key IS NULL AND n.name IS NOT NULL THEN 'If-Match' END AS pointer,
	CASE WHEN d.cluster_key IS NULL AND n.name IS NOT NULL THEN 'the namespace is at revision ' || n.rev END AS detail,
	n.tenant_key AS key, n.cluster || '/' || n.name AS id, (SELECT path FROM tenant WHERE key = n.tenant_key) AS tenant
FROM (SELECT 1) one LEFT JOIN n ON true LEFT JOIN d ON true;
