-- Plan and apply. What edges ask of the worker, plans as they were made, and who keeps which object.

-- A question that takes longer than an edge may think: asked by an edge, claimed and answered by a worker, read by the edge. A worker
-- that dies under it leaves it claimed; another takes it up after a while.
CREATE TABLE ask (
	id          text        NOT NULL CONSTRAINT ask_pk PRIMARY KEY,
	seq         int8        GENERATED ALWAYS AS IDENTITY,
	kind        text        NOT NULL CONSTRAINT ask_kind_known CHECK (kind IN ('plan', 'apply', 'export')),
	tenant_key  int4        NOT NULL,
	is_platform boolean     NOT NULL,
	tenant      text        NOT NULL,
	grants      text        NOT NULL, -- where the caller holds which rights (server/identity/grant_text.h)
	actor       text        NOT NULL,
	request_id  text        NOT NULL,
	op_key      text,
	fingerprint bytea       NOT NULL DEFAULT '',
	object_id   text        NOT NULL DEFAULT '',
	if_rev      int8        NOT NULL DEFAULT -1,
	reason      text        NOT NULL DEFAULT '',
	is_yaml     boolean     NOT NULL DEFAULT false,
	is_dry      boolean     NOT NULL DEFAULT false,
	form        text        NOT NULL DEFAULT 'json',
	body        bytea       NOT NULL DEFAULT '',
	at          timestamptz NOT NULL DEFAULT now(),
	claimed_at  timestamptz,
	done_at     timestamptz,
	status      int4,
	code        text,
	pointer     text,
	detail      text,
	is_replay   boolean     NOT NULL DEFAULT false,
	answer      text,
	result      text
) WITH (fillfactor = 50);
CREATE INDEX ask_open ON ask (seq) WHERE done_at IS NULL;

CREATE TABLE plan (
	id          text        NOT NULL CONSTRAINT plan_pk PRIMARY KEY,
	tenant_key  int4        NOT NULL CONSTRAINT plan_tenant_exists REFERENCES tenant (key),
	is_platform boolean     NOT NULL,
	is_private  boolean     NOT NULL, -- of somebody who sits in several places: no single one of them may see it
	grants      text        NOT NULL, -- of who made it: what was read for it
	manager     text        NOT NULL,
	manifest    bytea       NOT NULL,
	is_yaml     boolean     NOT NULL,
	fingerprint text        NOT NULL,
	result      text        NOT NULL CONSTRAINT plan_result_known CHECK (result IN ('none', 'changes', 'drift', 'blocked')),
	summary     text        NOT NULL,
	changes     text        NOT NULL,
	as_text     text        NOT NULL,
	as_markdown text        NOT NULL,
	created_by  text        NOT NULL,
	created_at  timestamptz NOT NULL DEFAULT now(),
	expires_at  timestamptz NOT NULL,
	rev         int8        NOT NULL,
	applied_ask text,
	applied_by  text,
	applied_at  timestamptz,
	applied_rev int8
) WITH (fillfactor = 80);
CREATE INDEX plan_by_tenant ON plan (tenant_key, id);

-- Who keeps an object: one manager, what its manifest said last, and what of the live state it took over instead. `rev` is the object's
-- revision at the last apply: records behind it tell who changed it since. Fields are stored as {"path": value}.
CREATE TABLE managed (
	kind         text    NOT NULL CONSTRAINT managed_kind_known CHECK (kind IN ('tenant', 'quota')),
	object_id    text    NOT NULL,
	tenant_key   int4    NOT NULL CONSTRAINT managed_tenant_exists REFERENCES tenant (key),
	manager      text    NOT NULL,
	is_made      boolean NOT NULL,
	last_applied text    NOT NULL,
	adopted      text    NOT NULL DEFAULT '{}',
	rev          int8    NOT NULL,
	CONSTRAINT managed_pk PRIMARY KEY (kind, object_id)
);
CREATE INDEX managed_by_tenant ON managed (tenant_key);
CREATE INDEX managed_by_manager ON managed (manager);

DO $$
DECLARE
	table_name text;
	scope text := 'tenant_key = ANY((SELECT NULLIF(current_setting(''app.scope'', true), '''')::int4[])::int4[])';
BEGIN
	FOREACH table_name IN ARRAY ARRAY['ask', 'plan', 'managed'] LOOP
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
		EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
		EXECUTE format('CREATE POLICY whole ON %I TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true)', table_name);
		EXECUTE format('CREATE POLICY scope ON %I TO reeve_edge USING (' || scope || ') WITH CHECK (' || scope || ')', table_name);
		EXECUTE format('GRANT SELECT ON %I TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs', table_name);
	END LOOP;
END
$$;
GRANT INSERT ON ask TO reeve_edge, reeve_platform;
GRANT UPDATE, DELETE ON ask TO reeve_jobs;
GRANT INSERT, UPDATE ON plan TO reeve_edge, reeve_platform;
GRANT DELETE ON plan TO reeve_jobs;
GRANT INSERT, UPDATE, DELETE ON managed TO reeve_edge, reeve_platform;
-- Keys of tenants that a plan makes are drawn beforehand, so that their children and quota can name them.
GRANT USAGE ON SEQUENCE tenant_key_seq TO reeve_edge, reeve_platform;

-- hold: a guard inside a statement whose failure is told to the client, by the name of what did not hold (db/constraints.def).
CREATE FUNCTION hold(ok boolean, why text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF ok THEN
		RETURN true;
	END IF;
	RAISE EXCEPTION '%', why USING ERRCODE = 'RV001', CONSTRAINT = why;
END
$$;
