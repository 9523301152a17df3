-- Identities that others vouch for: pipelines by a trust, people by a session.

-- What a trust grants stands in two lists of one length: roles[i] at grant_keys[i]. tenant_key: the lowest tenant above them all.
-- maker_token, maker_subjects: who made it, as of a token (0006_rights): a pipeline never does what its trust's maker may not.
CREATE TABLE trust (
	id             text        NOT NULL CONSTRAINT trust_pk PRIMARY KEY,
	name           text        NOT NULL,
	issuer         text        NOT NULL,
	audience       text        NOT NULL,
	match          text        NOT NULL,
	roles          text[]      NOT NULL,
	grant_keys     int4[]      NOT NULL,
	ttl_s          int4        NOT NULL CONSTRAINT trust_ttl_range CHECK (ttl_s BETWEEN 60 AND 900),
	reason         text        NOT NULL DEFAULT '',
	tenant_key     int4        NOT NULL CONSTRAINT trust_tenant_exists REFERENCES tenant (key),
	maker_token    text        CONSTRAINT trust_maker_exists REFERENCES token (id),
	maker_subjects text[],
	created_by     text        NOT NULL,
	created_at     timestamptz NOT NULL DEFAULT now(),
	last_used_at   timestamptz,
	deleted_at     timestamptz,
	rev            int8        NOT NULL DEFAULT 0,
	CONSTRAINT trust_grants_pair CHECK (cardinality(roles) = cardinality(grant_keys) AND cardinality(roles) > 0)
);
CREATE UNIQUE INDEX trust_name_unique ON trust (tenant_key, name) WHERE deleted_at IS NULL;
CREATE INDEX trust_by_issuer ON trust (issuer) WHERE deleted_at IS NULL;

-- Access tokens that were exchanged; role and scope_key narrow what the trust grants.
CREATE TABLE ci_token (
	id         text        NOT NULL CONSTRAINT ci_token_pk PRIMARY KEY,
	hash       bytea       NOT NULL,
	trust_id   text        NOT NULL CONSTRAINT ci_token_trust_exists REFERENCES trust (id),
	tenant_key int4        NOT NULL CONSTRAINT ci_token_tenant_exists REFERENCES tenant (key),
	summary    text        NOT NULL,
	role       text,
	scope_key  int4        CONSTRAINT ci_token_scope_exists REFERENCES tenant (key),
	created_at timestamptz NOT NULL DEFAULT now(),
	expires_at timestamptz NOT NULL
);
CREATE INDEX ci_token_by_end ON ci_token (expires_at);

-- Numbers of identity tokens that were used, until nobody would take them for their age.
CREATE TABLE identity_used (
	issuer     text        NOT NULL,
	jti        text        NOT NULL,
	expires_at timestamptz NOT NULL,
	CONSTRAINT identity_used_pk PRIMARY KEY (issuer, jti)
);
CREATE INDEX identity_used_by_end ON identity_used (expires_at);

-- issuer_subject and issuer_sid: by what the identity provider ends them.
CREATE TABLE session (
	id             text        NOT NULL CONSTRAINT session_pk PRIMARY KEY,
	hash           bytea       NOT NULL,
	subject        text        NOT NULL,
	name           text        NOT NULL,
	groups         text[]      NOT NULL,
	issuer         text        NOT NULL,
	issuer_subject text        NOT NULL,
	issuer_sid     text        NOT NULL,
	created_at     timestamptz NOT NULL DEFAULT now(),
	seen_at        timestamptz NOT NULL DEFAULT now(),
	expires_at     timestamptz NOT NULL,
	ended_at       timestamptz
);
CREATE INDEX session_by_issuer ON session (issuer, issuer_subject) WHERE ended_at IS NULL;
CREATE INDEX session_by_end ON session (expires_at);

DO $$
DECLARE
	table_name text;
	scope text := 'tenant_key = ANY((SELECT NULLIF(current_setting(''app.scope'', true), '''')::int4[])::int4[])';
BEGIN
	FOREACH table_name IN ARRAY ARRAY['trust', 'ci_token'] LOOP
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
		EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
		EXECUTE format('CREATE POLICY whole ON %I TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true)', table_name);
		EXECUTE format('CREATE POLICY scope ON %I TO reeve_edge USING (' || scope || ') WITH CHECK (' || scope || ')', table_name);
	END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE ON trust TO reeve_edge, reeve_platform;
GRANT SELECT, INSERT ON ci_token, identity_used TO reeve_platform;
GRANT SELECT, INSERT, UPDATE ON session TO reeve_platform;
GRANT SELECT, DELETE ON ci_token, identity_used, session TO reeve_jobs;
