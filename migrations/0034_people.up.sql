-- What is known of people and pipelines beyond their credentials.

-- In which groups somebody was when they last signed in. Tokens keep the groups of their making and lose those that are not here.
CREATE TABLE person (
	subject      text        NOT NULL CONSTRAINT person_pk PRIMARY KEY,
	groups       text[]      NOT NULL,
	signed_in_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO person (subject, groups, signed_in_at)
SELECT DISTINCT ON (subject) subject, groups, created_at FROM session ORDER BY subject, created_at DESC;
GRANT SELECT, INSERT, UPDATE ON person TO reeve_platform;
GRANT SELECT ON person TO reeve_jobs;
CREATE INDEX session_by_subject ON session (subject) WHERE ended_at IS NULL;

-- Of subjects, the groups that the person is still in; of who never signed in, all.
CREATE FUNCTION groups_now(of_subject text, names text[]) RETURNS text[] LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN p.subject IS NULL THEN names
		ELSE ARRAY(SELECT n.name FROM unnest(names) WITH ORDINALITY AS n(name, place) WHERE NOT starts_with(n.name, 'group:') OR n.name = ANY (p.groups) ORDER BY n.place) END
	FROM (SELECT 1) one LEFT JOIN person p ON p.subject = of_subject
$$;

-- By which ids, of those that never change, a trust may be found: each trust holds to one at least. An issuer may have tens of thousands.
CREATE FUNCTION trust_anchors(match text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(array_agg(a.name || '=' || v.value), '{}')
	FROM unnest('{repository_id,project_id,namespace_id}'::text[]) AS a(name)
	CROSS JOIN LATERAL (SELECT match::jsonb -> a.name AS said) s
	CROSS JOIN LATERAL jsonb_array_elements_text(CASE jsonb_typeof(s.said) WHEN 'array' THEN s.said WHEN 'string' THEN jsonb_build_array(s.said) ELSE '[]' END) AS v(value)
$$;
ALTER TABLE trust ADD COLUMN anchors text[] NOT NULL GENERATED ALWAYS AS (trust_anchors(match)) STORED;
CREATE INDEX trust_by_anchor ON trust USING gin (anchors) WHERE deleted_at IS NULL;

-- Clusters and the ways into them are the platform's alone.
REVOKE INSERT, UPDATE ON agent_session, join_token, agent_certificate FROM reeve_edge;
REVOKE SELECT ON join_token, agent_certificate FROM reeve_edge;
