-- Who may do what, and where: bindings of roles to people, groups and services at nodes of the tenant tree; and tokens that know
-- for whom they stand, from where they may be used and who made them, so that none outlives what its maker holds.

CREATE TABLE binding (
	id         text        NOT NULL CONSTRAINT binding_pk PRIMARY KEY,
	subject    text        NOT NULL CONSTRAINT binding_subject_form CHECK (subject ~ '^(user|group|service):' AND octet_length(subject) < 160),
	role       text        NOT NULL,
	tenant_key int4        NOT NULL CONSTRAINT binding_tenant_exists REFERENCES tenant (key),
	expires_at timestamptz,
	managed_by text        NOT NULL DEFAULT '',
	reason     text        NOT NULL DEFAULT '',
	created_by text        NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	rev        int8        NOT NULL DEFAULT 0,
	CONSTRAINT binding_unique UNIQUE (subject, role, tenant_key)
);
CREATE INDEX binding_by_tenant ON binding (tenant_key);

-- groups: what the owner was in when the token was made. maker_token: the token it was made with; maker_subjects: whoever made it
-- without one (a session: the person and their groups). Neither: nobody stands above it. made_stay: whether what was made with it
-- outlives its revocation. generation: how many makers stand above it.
ALTER TABLE token NO FORCE ROW LEVEL SECURITY;
ALTER TABLE token
	ADD COLUMN subject        text,
	ADD COLUMN groups         text[] NOT NULL DEFAULT '{}',
	ADD COLUMN cidrs          text[] NOT NULL DEFAULT '{}',
	ADD COLUMN maker_token    text CONSTRAINT token_maker_exists REFERENCES token (id),
	ADD COLUMN maker_subjects text[],
	ADD COLUMN made_stay      boolean NOT NULL DEFAULT false,
	ADD COLUMN generation     int4 NOT NULL DEFAULT 0 CONSTRAINT token_generation_range CHECK (generation BETWEEN 0 AND 64);
-- What was made with a token that was revoked since goes on, as it did.
UPDATE token k SET maker_token = m.id, generation = 1 FROM token m WHERE m.id = k.created_by AND m.revoked_at IS NULL;
WITH RECURSIVE up AS (
	SELECT id, 0 AS generation FROM token WHERE maker_token IS NULL
	UNION ALL
	SELECT k.id, up.generation + 1 FROM token k JOIN up ON k.maker_token = up.id WHERE up.generation < 64
)
UPDATE token k SET generation = up.generation FROM up WHERE up.id = k.id;
ALTER TABLE token FORCE ROW LEVEL SECURITY;
CREATE INDEX token_by_maker ON token (maker_token) WHERE maker_token IS NOT NULL;
CREATE INDEX token_by_subject ON token (subject) WHERE subject IS NOT NULL;

ALTER TABLE binding ENABLE ROW LEVEL SECURITY;
ALTER TABLE binding FORCE ROW LEVEL SECURITY;
CREATE POLICY whole ON binding TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true);
CREATE POLICY scope ON binding TO reeve_edge
	USING (tenant_key = ANY((SELECT NULLIF(current_setting('app.scope', true), '')::int4[])::int4[]))
	WITH CHECK (tenant_key = ANY((SELECT NULLIF(current_setting('app.scope', true), '')::int4[])::int4[]));
GRANT SELECT ON binding TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT INSERT, UPDATE, DELETE ON binding TO reeve_edge, reeve_platform;
