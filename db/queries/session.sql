-- Sessions of people who signed in.

-- name: session_create :one
-- in: id text, hash bytea, subject text, name text, groups text[], issuer text, issuer_subject text, issuer_sid text, life_s int8, rev_offset int8
-- out: outcome text, id text?, expires_at timestamptz?
WITH p AS (
	INSERT INTO person (subject, groups) SELECT $3, $5 WHERE $10 > 0
	ON CONFLICT (subject) DO UPDATE SET groups = excluded.groups, signed_in_at = now()
),
i AS (
	INSERT INTO session (id, hash, subject, name, groups, issuer, issuer_subject, issuer_sid, expires_at)
	SELECT $1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9) WHERE $10 > 0
	RETURNING id, expires_at
)
SELECT 'done' AS outcome, i.id, i.expires_at FROM i;

-- name: session_find :one
-- in: id text
-- out: id text, hash bytea, subject text, name text, groups text, expires_at timestamptz, seen_at timestamptz, is_ended bool
SELECT id, hash, subject, name, array_to_string(groups, E'\n') AS groups, expires_at, seen_at, ended_at IS NOT NULL AS is_ended
FROM session WHERE id = $1;

-- Those that count.
-- name: session_list :many
-- in: subject text?, after text, limit int8
-- out: id text, subject text, name text, groups json, created_at timestamptz, seen_at timestamptz, expires_at timestamptz, cursor text
-- sort: fields
SELECT id, subject, name, to_json(groups) AS groups, created_at, seen_at, expires_at, id AS cursor
FROM session WHERE ended_at IS NULL AND expires_at > now() AND id > $2 AND ($1::text IS NULL OR subject = $1)
ORDER BY id LIMIT $3;

-- name: session_touch :exec
-- in: id text
UPDATE session SET seen_at = now() WHERE id = $1 AND ended_at IS NULL AND seen_at < now() - interval '1 minute';

-- name: session_end :one
-- in: id text, rev_offset int8
-- out: outcome text, id text?
WITH u AS (UPDATE session SET ended_at = now() WHERE id = $1 AND ended_at IS NULL AND $2 > 0 RETURNING id)
SELECT CASE WHEN u.id IS NOT NULL THEN 'done' ELSE 'refused:not_found' END AS outcome, u.id FROM (SELECT 1) one LEFT JOIN u ON true;

-- The provider names the session, the person, or both; each logout token counts once.
-- name: session_end_of :one
-- in: issuer text, subject text?, sid text?, jti text, jti_until timestamptz, rev_offset int8
-- out: outcome text, detail text?, pointer text?, ended int8
WITH j AS (INSERT INTO identity_used (issuer, jti, expires_at) SELECT $1, $4, $5 WHERE $6 > 0 ON CONFLICT DO NOTHING RETURNING 1),
u AS (
	UPDATE session SET ended_at = now()
	WHERE issuer = $1 AND ended_at IS NULL AND ($2::text IS NULL OR issuer_subject = $2) AND ($3::text IS NULL OR issuer_sid = $3) AND ($2 IS NOT NULL OR $3 IS NOT NULL)
		AND EXISTS (SELECT FROM j)
	RETURNING 1
)
SELECT CASE WHEN EXISTS (SELECT FROM j) THEN 'done' ELSE 'refused:identity_refused' END AS outcome,
	CASE WHEN NOT EXISTS (SELECT FROM j) THEN 'jti was used before' END AS detail, CASE WHEN NOT EXISTS (SELECT FROM j) THEN 'jti' END AS pointer,
	(SELECT count(*) FROM u) AS ended;
