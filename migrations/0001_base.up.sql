-- The books of Reeve: tenants and quota (written by governance), devices, placements and totals (written by the placer),
-- two audit chains, the inbox between them, and the walls (roles and row-level security) around tenants.
--
-- Every constraint has a name: the name is how an error of the database becomes an error of the API (db/constraints.def).
-- Amounts are integers with their unit in the name. "key" columns are internal and never leave the server; "id" columns are
-- prefix + ULID. A row with tenant_key is shown only inside the reader's scope (architecture, section 9).

-- must: a guard inside a statement. Raises SQLSTATE RV001 with the name of the broken expectation, so that nothing commits.
CREATE FUNCTION must(ok boolean, why text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF ok THEN
		RETURN true;
	END IF;
	RAISE EXCEPTION '%', why USING ERRCODE = 'RV001';
END
$$;

-- The four roles. A process connects as the owner and steps down with SET ROLE, so one login serves all.
DO $$
DECLARE
	role_name text;
BEGIN
	FOREACH role_name IN ARRAY ARRAY['reeve_edge', 'reeve_platform', 'reeve_placer', 'reeve_jobs'] LOOP
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
			EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
		END IF;
		EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
		EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', role_name);
	END LOOP;
END
$$;

-- Which database this is. A restore or promotion changes system_id or timeline; the number then rises and every cluster must
-- report before it is lent anything (architecture, section 6).
CREATE TABLE incarnation (
	only_row  boolean NOT NULL DEFAULT true CONSTRAINT incarnation_pk PRIMARY KEY CONSTRAINT incarnation_one_row CHECK (only_row),
	number    int8    NOT NULL,
	system_id text    NOT NULL,
	timeline  int4    NOT NULL
);

-- Heads of the two chains. 'g': governance, locked first by every governance transaction. The placer's head is its leader row.
CREATE TABLE chain (
	id   text  NOT NULL CONSTRAINT chain_pk PRIMARY KEY,
	n    int8  NOT NULL,
	hash bytea NOT NULL
) WITH (fillfactor = 10);
INSERT INTO chain VALUES ('g', 0, sha256(''));

CREATE TABLE leader (
	name   text        NOT NULL CONSTRAINT leader_pk PRIMARY KEY,
	term   int8        NOT NULL,
	batch  int8        NOT NULL,
	n      int8        NOT NULL,
	hash   bytea       NOT NULL,
	g_seen int8        NOT NULL DEFAULT 0,
	beat   timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 10);
INSERT INTO leader (name, term, batch, n, hash) VALUES ('placer', 0, 0, 0, sha256(''));

-- Governance ------------------------------------------------------------------------------------------------------------

CREATE TABLE tenant (
	key         int4        GENERATED ALWAYS AS IDENTITY CONSTRAINT tenant_pk PRIMARY KEY,
	id          text        NOT NULL CONSTRAINT tenant_id_unique UNIQUE,
	parent_key  int4        CONSTRAINT tenant_parent_exists REFERENCES tenant (key),
	name        text        NOT NULL,
	path        text        NOT NULL,
	depth       int4        NOT NULL CONSTRAINT tenant_depth_range CHECK (depth BETWEEN 0 AND 8),
	description text        NOT NULL DEFAULT '',
	labels      text        NOT NULL DEFAULT '{}',
	weight      int8        NOT NULL DEFAULT 1000 CONSTRAINT tenant_weight_range CHECK (weight BETWEEN 0 AND 1000000),
	credits_limit int8      CONSTRAINT tenant_credits_limit_range CHECK (credits_limit >= 0),
	quota_id    text        NOT NULL CONSTRAINT tenant_quota_id_unique UNIQUE,
	quota_rev   int8        NOT NULL DEFAULT 0,
	rev         int8        NOT NULL DEFAULT 0,
	created_at  timestamptz NOT NULL DEFAULT now(),
	deleted_at  timestamptz,
	CONSTRAINT tenant_root_has_no_parent CHECK ((parent_key IS NULL) = (depth = 0))
);
CREATE UNIQUE INDEX tenant_path_unique ON tenant (path) WHERE deleted_at IS NULL;
CREATE INDEX tenant_by_parent ON tenant (parent_key);
-- The fleet itself, and who is charged for slices nobody placed.
INSERT INTO tenant (id, parent_key, name, path, depth, quota_id, description) VALUES
	('tnt_00000000000000000000000000', NULL, 'fleet', '', 0, 'quo_00000000000000000000000000', 'The whole fleet.'),
	('tnt_00000000000000000000000001', 1, 'system', 'system', 1, 'quo_00000000000000000000000001', 'Work that no placement explains.');

CREATE TABLE device_class (
	name                  text NOT NULL CONSTRAINT device_class_pk PRIMARY KEY,
	model                 text NOT NULL,
	vendor                text NOT NULL,
	patterns              text NOT NULL DEFAULT '[]',
	memory_mib            int8 NOT NULL CONSTRAINT device_class_memory_range CHECK (memory_mib >= 0),
	slots                 int8 NOT NULL DEFAULT 100 CONSTRAINT device_class_slots_range CHECK (slots BETWEEN 1 AND 1000),
	compute_overcommit_ppm int8 NOT NULL DEFAULT 1000000 CONSTRAINT device_class_overcommit_range CHECK (compute_overcommit_ppm BETWEEN 1000000 AND 10000000),
	default_compute_milli int8 NOT NULL DEFAULT 0 CONSTRAINT device_class_default_compute_range CHECK (default_compute_milli BETWEEN 0 AND 1000),
	credit_rate_milli     int8 NOT NULL DEFAULT 1000 CONSTRAINT device_class_credit_range CHECK (credit_rate_milli BETWEEN 0 AND 1000000),
	share_modes           text NOT NULL DEFAULT '{}',
	rev                   int8 NOT NULL DEFAULT 0
);

CREATE TABLE quota (
	tenant_key int4 NOT NULL CONSTRAINT quota_tenant_exists REFERENCES tenant (key),
	model      text NOT NULL,
	guaranteed_device_milli    int8, guaranteed_memory_mib    int8, guaranteed_compute_milli    int8,
	limit_device_milli         int8, limit_memory_mib         int8, limit_compute_milli         int8,
	lend_limit_device_milli    int8, lend_limit_memory_mib    int8, lend_limit_compute_milli    int8,
	borrow_limit_device_milli  int8, borrow_limit_memory_mib  int8, borrow_limit_compute_milli  int8,
	CONSTRAINT quota_pk PRIMARY KEY (tenant_key, model),
	CONSTRAINT quota_amounts_not_negative CHECK (least(guaranteed_device_milli, guaranteed_memory_mib, guaranteed_compute_milli,
		limit_device_milli, limit_memory_mib, limit_compute_milli, lend_limit_device_milli, lend_limit_memory_mib, lend_limit_compute_milli,
		borrow_limit_device_milli, borrow_limit_memory_mib, borrow_limit_compute_milli) >= 0)
);

CREATE TABLE cluster (
	key                int4        GENERATED ALWAYS AS IDENTITY CONSTRAINT cluster_pk PRIMARY KEY,
	id                 text        NOT NULL CONSTRAINT cluster_id_unique UNIQUE,
	name               text        NOT NULL,
	state              text        NOT NULL CONSTRAINT cluster_state_known CHECK (state IN ('pending', 'ready', 'lost')),
	is_cordoned        boolean     NOT NULL DEFAULT false,
	is_frozen          boolean     NOT NULL DEFAULT false,
	default_tenant_key int4        CONSTRAINT cluster_default_tenant_exists REFERENCES tenant (key),
	labels             text        NOT NULL DEFAULT '{}',
	uid                text,
	rev                int8        NOT NULL DEFAULT 0,
	created_at         timestamptz NOT NULL DEFAULT now(),
	deleted_at         timestamptz
);
CREATE UNIQUE INDEX cluster_name_unique ON cluster (name) WHERE deleted_at IS NULL;

CREATE TABLE join_token (
	id          text        NOT NULL CONSTRAINT join_token_pk PRIMARY KEY,
	cluster_key int4        NOT NULL CONSTRAINT join_token_cluster_exists REFERENCES cluster (key),
	hash        bytea       NOT NULL,
	accepts     boolean     NOT NULL,
	expires_at  timestamptz NOT NULL,
	used_at     timestamptz
);
CREATE INDEX join_token_by_cluster ON join_token (cluster_key);
-- How long after its first use a token that has expired still repeats the answer to the same cluster; and whether it does anything now.
CREATE FUNCTION join_repeat_window() RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '15 minutes' $$;
CREATE FUNCTION join_is_open(expires_at timestamptz, used_at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT expires_at > now() OR coalesce(used_at > now() - join_repeat_window(), false)
$$;

CREATE TABLE agent_certificate (
	serial      text        NOT NULL CONSTRAINT agent_certificate_pk PRIMARY KEY,
	cluster_key int4        NOT NULL CONSTRAINT agent_certificate_cluster_exists REFERENCES cluster (key),
	expires_at  timestamptz NOT NULL,
	revoked_at  timestamptz
);

-- What an operator closed: a node or a device, by the name the cluster knows it under, so that it outlives a re-join.
CREATE TABLE cordon (
	cluster_key int4        NOT NULL CONSTRAINT cordon_cluster_exists REFERENCES cluster (key),
	kind        text        NOT NULL CONSTRAINT cordon_kind_known CHECK (kind IN ('node', 'device')),
	name        text        NOT NULL,
	reason      text        NOT NULL DEFAULT '',
	rev         int8        NOT NULL,
	CONSTRAINT cordon_pk PRIMARY KEY (cluster_key, kind, name)
);

CREATE TABLE token (
	id           text        NOT NULL CONSTRAINT token_pk PRIMARY KEY,
	name         text        NOT NULL,
	hash         bytea       NOT NULL,
	role         text        NOT NULL,
	tenant_key   int4        NOT NULL CONSTRAINT token_tenant_exists REFERENCES tenant (key),
	created_by   text        NOT NULL,
	created_at   timestamptz NOT NULL DEFAULT now(),
	expires_at   timestamptz NOT NULL,
	last_used_at timestamptz,
	revoked_at   timestamptz,
	rev          int8        NOT NULL DEFAULT 0
);
CREATE INDEX token_by_tenant ON token (tenant_key);

-- The governance chain. One record per operation, done or refused; hash = SHA-256(previous hash || body), body being the
-- canonical bytes of the whole record.
CREATE TABLE audit (
	n           int8        NOT NULL CONSTRAINT audit_pk PRIMARY KEY,
	at          timestamptz NOT NULL,
	actor       text        NOT NULL,
	action      text        NOT NULL,
	object_kind text        NOT NULL,
	object_id   text        NOT NULL,
	tenant_key  int4        NOT NULL,
	request_id  text        NOT NULL,
	outcome     text        NOT NULL,
	body        text        NOT NULL,
	hash        bytea       NOT NULL
);
CREATE INDEX audit_by_tenant ON audit (tenant_key, n);

-- Answers kept for repeated requests: one effect per (actor, key). An actor is a token id, so keys of tenants never meet.
CREATE TABLE op_key (
	actor       text        NOT NULL,
	key         text        NOT NULL,
	fingerprint bytea       NOT NULL,
	status      int4        NOT NULL,
	answer      text        NOT NULL,
	at          timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT op_key_pk PRIMARY KEY (actor, key)
);
CREATE INDEX op_key_by_age ON op_key USING brin (at);

-- The inbox: what arrived and waits for the placer ---------------------------------------------------------------------------

CREATE TABLE inbox (
	seq         int8        GENERATED ALWAYS AS IDENTITY CONSTRAINT inbox_pk PRIMARY KEY,
	kind        text        NOT NULL CONSTRAINT inbox_kind_known CHECK (kind IN ('place', 'release', 'report')),
	object_id   text        NOT NULL,
	tenant_key  int4        NOT NULL,
	cluster_key int4,
	actor       text        NOT NULL,
	request_id  text        NOT NULL,
	body        text        NOT NULL,
	at          timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100000, autovacuum_vacuum_insert_threshold = 1000000000,
	autovacuum_analyze_threshold = 1000000000);
CREATE UNIQUE INDEX inbox_place_once ON inbox (object_id) WHERE kind = 'place';

-- What the database refused whenever it was decided on, put aside so that the rest goes on. A person looks at it; no tenant does.
CREATE TABLE inbox_quarantine (
	seq         int8        NOT NULL CONSTRAINT inbox_quarantine_pk PRIMARY KEY,
	kind        text        NOT NULL,
	object_id   text        NOT NULL,
	tenant_key  int4        NOT NULL,
	cluster_key int4,
	actor       text        NOT NULL,
	request_id  text        NOT NULL,
	body        text        NOT NULL,
	at          timestamptz NOT NULL,
	why         text        NOT NULL,
	put_at      timestamptz NOT NULL DEFAULT now()
);

-- The mark up to which each agent's reports are stored, and when it was last heard.
CREATE TABLE agent_session (
	cluster_key int4        NOT NULL CONSTRAINT agent_session_pk PRIMARY KEY CONSTRAINT agent_session_cluster_exists REFERENCES cluster (key),
	session     text        NOT NULL,
	acked_seq   int8        NOT NULL,
	version     text        NOT NULL DEFAULT '',
	seen_at     timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 20);

-- The tables below that only grow are vacuumed and sampled in large steps: by default a young table that fills is gone through again
-- and again, on a core that placing needs.

-- The placer's books -----------------------------------------------------------------------------------------------------

CREATE TABLE cluster_stream (
	cluster_key int4 NOT NULL CONSTRAINT cluster_stream_pk PRIMARY KEY CONSTRAINT cluster_stream_cluster_exists REFERENCES cluster (key),
	rev         int8 NOT NULL
) WITH (fillfactor = 20);

-- Clusters that get nothing new until they have reported all they run: what the database knows of them may be old.
CREATE TABLE cluster_learning (
	cluster_key int4 NOT NULL CONSTRAINT cluster_learning_pk PRIMARY KEY CONSTRAINT cluster_learning_cluster_exists REFERENCES cluster (key)
);

CREATE TABLE node (
	key         int4 GENERATED BY DEFAULT AS IDENTITY CONSTRAINT node_pk PRIMARY KEY,
	id          text NOT NULL CONSTRAINT node_id_unique UNIQUE,
	cluster_key int4 NOT NULL CONSTRAINT node_cluster_exists REFERENCES cluster (key),
	name        text NOT NULL,
	rank        int4 NOT NULL,
	cpu_milli   int8 NOT NULL,
	memory_mib  int8 NOT NULL,
	pods        int8 NOT NULL,
	labels      text NOT NULL DEFAULT '{}',
	health      text NOT NULL,
	used_cpu_milli  int8 NOT NULL DEFAULT 0,
	used_memory_mib int8 NOT NULL DEFAULT 0,
	used_pods       int8 NOT NULL DEFAULT 0,
	seen_at     timestamptz NOT NULL,
	CONSTRAINT node_cluster_name_unique UNIQUE (cluster_key, name)
) WITH (fillfactor = 50);

CREATE TABLE device (
	key                int4 GENERATED BY DEFAULT AS IDENTITY CONSTRAINT device_pk PRIMARY KEY,
	id                 text NOT NULL CONSTRAINT device_id_unique UNIQUE,
	node_key           int4 NOT NULL CONSTRAINT device_node_exists REFERENCES node (key),
	cluster_key        int4 NOT NULL CONSTRAINT device_cluster_exists REFERENCES cluster (key),
	uuid               text NOT NULL,
	index_no           int4 NOT NULL,
	class              text NOT NULL,
	product            text NOT NULL,
	memory_mib         int8 NOT NULL,
	compute_milli      int8 NOT NULL,
	slots              int8 NOT NULL,
	slots_given        int8 NOT NULL DEFAULT 0, -- by its agent; 0: slots are its class's
	health             text NOT NULL,
	used_memory_mib    int8 NOT NULL DEFAULT 0,
	used_compute_milli int8 NOT NULL DEFAULT 0,
	used_slots         int8 NOT NULL DEFAULT 0,
	seen_at            timestamptz NOT NULL,
	CONSTRAINT device_cluster_uuid_unique UNIQUE (cluster_key, uuid),
	CONSTRAINT device_used_not_negative CHECK (least(used_memory_mib, used_compute_milli, used_slots) >= 0)
) WITH (fillfactor = 50);
CREATE INDEX device_by_node ON device (node_key);

-- One row per placement, from its first decision on; before that it stands in the inbox. Arrays hold one element per device
-- booked (device_*) and one per model charged (charge_*): what was charged is what a release gives back. Keys of tenants and
-- clusters come from the placer's memory, which it loaded from their tables and which are never deleted there; a foreign key would cost
-- a look-up per row and guard nothing else. books_check shows a row without an owner as a wrong total.
CREATE TABLE placement (
	id                   text        NOT NULL CONSTRAINT placement_pk PRIMARY KEY,
	tenant_key           int4        NOT NULL,
	cluster_key          int4,
	name                 text        NOT NULL,
	origin               text        NOT NULL,
	state                text        NOT NULL,
	fence_incarnation    int8        NOT NULL,
	fence_no             int8        NOT NULL,
	request              text        NOT NULL,
	placed               text        NOT NULL DEFAULT '[]',
	blockers             text        NOT NULL DEFAULT '[]',
	reason               text        NOT NULL DEFAULT '',
	node_keys            int4[]      NOT NULL DEFAULT '{}',
	device_keys          int4[]      NOT NULL DEFAULT '{}',
	device_memory_mib    int8[]      NOT NULL DEFAULT '{}',
	device_compute_milli int8[]      NOT NULL DEFAULT '{}',
	charge_models        text[]      NOT NULL DEFAULT '{}',
	charge_device_milli  int8[]      NOT NULL DEFAULT '{}',
	charge_memory_mib    int8[]      NOT NULL DEFAULT '{}',
	charge_compute_milli int8[]      NOT NULL DEFAULT '{}',
	created_by           text        NOT NULL,
	created_at           timestamptz NOT NULL,
	granted_at           timestamptz,
	running_at           timestamptz,
	ended_at             timestamptz,
	seq                  int8        NOT NULL,
	rev                  int8        NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_threshold = 100000, autovacuum_vacuum_insert_threshold = 1000000, autovacuum_analyze_threshold = 100000);
CREATE INDEX placement_by_tenant ON placement (tenant_key, id);
CREATE INDEX placement_live ON placement (seq) WHERE ended_at IS NULL;
-- What lists of living placements walk. No index holds the state, so that a step of an agent changes none of them.
CREATE INDEX placement_live_by_id ON placement (id) WHERE ended_at IS NULL;
CREATE INDEX placement_live_by_tenant ON placement (tenant_key, id) WHERE ended_at IS NULL;
CREATE INDEX placement_live_by_cluster ON placement (cluster_key, id) WHERE ended_at IS NULL;

-- What every node of the tenant tree uses of each model, its subtree included. `ceiling` is the limit, or the use at a cut of the
-- limit and falling from there: the second guard of the law that no change raises use above what is allowed.
CREATE TABLE tenant_use (
	tenant_key            int4 NOT NULL,
	model                 text NOT NULL,
	device_milli          int8 NOT NULL DEFAULT 0,
	memory_mib            int8 NOT NULL DEFAULT 0,
	compute_milli         int8 NOT NULL DEFAULT 0,
	ceiling_device_milli  int8,
	ceiling_memory_mib    int8,
	ceiling_compute_milli int8,
	CONSTRAINT tenant_use_pk PRIMARY KEY (tenant_key, model),
	CONSTRAINT tenant_use_not_negative CHECK (least(device_milli, memory_mib, compute_milli) >= 0),
	CONSTRAINT tenant_use_within_ceiling CHECK (
		device_milli <= coalesce(ceiling_device_milli, device_milli) AND
		memory_mib <= coalesce(ceiling_memory_mib, memory_mib) AND
		compute_milli <= coalesce(ceiling_compute_milli, compute_milli))
) WITH (fillfactor = 50);

-- The placer's chain: one row is the audit record, the outbox entry of a cluster and the watch event. body holds the canonical bytes.
CREATE TABLE decision (
	n            int8        NOT NULL CONSTRAINT decision_pk PRIMARY KEY,
	term         int8        NOT NULL,
	at           timestamptz NOT NULL,
	tenant_key   int4        NOT NULL,
	placement_id text        NOT NULL,
	cluster_key  int4,
	cluster_rev  int8,
	action       text        NOT NULL,
	body         text        NOT NULL,
	hash         bytea       NOT NULL,
	CONSTRAINT decision_cluster_rev_unique UNIQUE (cluster_key, cluster_rev)
) WITH (autovacuum_vacuum_insert_threshold = 1000000, autovacuum_analyze_threshold = 1000000);

-- Billed intervals of constant allocation: one row per (placement, fence, class). ended_at NULL: still running.
CREATE TABLE segment (
	placement_id  text        NOT NULL,
	fence_no      int8        NOT NULL,
	class         text        NOT NULL,
	tenant_key    int4        NOT NULL,
	cluster_key   int4        NOT NULL,
	devices       int8        NOT NULL,
	device_milli  int8        NOT NULL,
	memory_mib    int8        NOT NULL,
	compute_milli int8        NOT NULL,
	started_at    timestamptz NOT NULL,
	ended_at      timestamptz,
	CONSTRAINT segment_pk PRIMARY KEY (placement_id, fence_no, class),
	CONSTRAINT segment_ends_after_start CHECK (ended_at >= started_at)
) WITH (fillfactor = 80, autovacuum_vacuum_threshold = 100000, autovacuum_vacuum_insert_threshold = 1000000, autovacuum_analyze_threshold = 100000);
CREATE INDEX segment_by_tenant ON segment (tenant_key, started_at);

-- Measured use, as agents report it: what stands beside the segments. Written once per report.
CREATE TABLE usage_window (
	at                timestamptz NOT NULL,
	cluster_key       int4        NOT NULL,
	tenant_key        int4        NOT NULL,
	placement_id      text        NOT NULL,
	window_ms         int8        NOT NULL,
	memory_mib_avg    int8        NOT NULL,
	memory_mib_max    int8        NOT NULL,
	compute_milli_avg int8        NOT NULL
);
CREATE INDEX usage_window_by_time ON usage_window USING brin (at) WITH (pages_per_range = 32);

-- How amounts look in answers: axes that are not named are left out.
CREATE FUNCTION axes_json(device_milli int8, memory_mib int8, compute_milli int8) RETURNS json LANGUAGE sql IMMUTABLE AS $$
	SELECT json_strip_nulls(json_build_object('device_milli', device_milli, 'memory_mib', memory_mib, 'compute_milli', compute_milli))
$$;

-- All that a tenant has of quota, by model, with what its subtree uses.
CREATE FUNCTION quota_models_json(of_tenant int4) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(json_object_agg(coalesce(q.model, u.model), json_strip_nulls(json_build_object(
		'guaranteed', nullif(axes_json(q.guaranteed_device_milli, q.guaranteed_memory_mib, q.guaranteed_compute_milli)::text, '{}')::json,
		'limit', nullif(axes_json(q.limit_device_milli, q.limit_memory_mib, q.limit_compute_milli)::text, '{}')::json,
		'lend_limit', nullif(axes_json(q.lend_limit_device_milli, q.lend_limit_memory_mib, q.lend_limit_compute_milli)::text, '{}')::json,
		'borrow_limit', nullif(axes_json(q.borrow_limit_device_milli, q.borrow_limit_memory_mib, q.borrow_limit_compute_milli)::text, '{}')::json,
		'used', axes_json(coalesce(u.device_milli, 0), coalesce(u.memory_mib, 0), coalesce(u.compute_milli, 0)))) ORDER BY coalesce(q.model, u.model)), '{}')::text
	FROM (SELECT * FROM quota WHERE tenant_key = of_tenant) q
	FULL JOIN (SELECT * FROM tenant_use WHERE tenant_key = of_tenant) u ON u.model = q.model
$$;

-- What is out of the ordinary about a tenant's quota now.
CREATE FUNCTION quota_conditions_json(of_tenant int4) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(json_agg(json_build_object('type', c.type, 'model', c.model) ORDER BY c.type, c.model), '[]')::text
	FROM (
		SELECT 'over_limit' AS type, q.model
		FROM quota q JOIN tenant_use u USING (tenant_key, model)
		WHERE q.tenant_key = of_tenant AND (u.device_milli > q.limit_device_milli OR u.memory_mib > q.limit_memory_mib OR u.compute_milli > q.limit_compute_milli)
		UNION ALL
		SELECT 'over_guaranteed', q.model
		FROM quota q JOIN tenant_use u USING (tenant_key, model)
		WHERE q.tenant_key = of_tenant AND (u.device_milli > q.guaranteed_device_milli OR u.memory_mib > q.guaranteed_memory_mib
			OR u.compute_milli > q.guaranteed_compute_milli)
	) c
$$;

-- How many placements stand on a cluster, which cannot be deleted meanwhile, nor be given another one. The count is a statement of
-- its own: it sees what was committed while the lock was waited for.
CREATE FUNCTION cluster_hold_and_count(of_cluster int4) RETURNS int8 LANGUAGE plpgsql AS $$
BEGIN
	PERFORM FROM cluster WHERE key = of_cluster FOR UPDATE;
	RETURN (SELECT count(*) FROM placement WHERE cluster_key = of_cluster AND ended_at IS NULL AND state <> 'pending');
END
$$;

-- The walls -----------------------------------------------------------------------------------------------------------------

DO $$
DECLARE
	table_name text;
	column_name text;
	scope text := '%I = ANY((SELECT NULLIF(current_setting(''app.scope'', true), '''')::int4[])::int4[])';
BEGIN
	FOREACH table_name IN ARRAY ARRAY['tenant', 'quota', 'token', 'audit', 'inbox', 'inbox_quarantine', 'placement', 'tenant_use', 'decision', 'segment', 'usage_window'] LOOP
		column_name := CASE WHEN table_name = 'tenant' THEN 'key' ELSE 'tenant_key' END;
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
		EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
		EXECUTE format('CREATE POLICY whole ON %I TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true)', table_name);
		IF table_name = 'tenant' THEN
			-- A new tenant is not in anybody's scope yet; its parent must be.
			EXECUTE format('CREATE POLICY scope_read ON tenant FOR SELECT TO reeve_edge USING (' || scope || ' OR ' || scope || ')', 'key', 'parent_key');
			EXECUTE format('CREATE POLICY scope_add ON tenant FOR INSERT TO reeve_edge WITH CHECK (' || scope || ')', 'parent_key');
			EXECUTE format('CREATE POLICY scope_change ON tenant FOR UPDATE TO reeve_edge USING (' || scope || ') WITH CHECK (' || scope || ')', 'key', 'key');
		ELSIF table_name = 'audit' THEN
			EXECUTE format('CREATE POLICY scope_read ON audit FOR SELECT TO reeve_edge USING (' || scope || ')', column_name);
			EXECUTE 'CREATE POLICY scope_add ON audit FOR INSERT TO reeve_edge WITH CHECK (true)';
		ELSE
			EXECUTE format('CREATE POLICY scope ON %I TO reeve_edge USING (' || scope || ') WITH CHECK (' || scope || ')', table_name, column_name, column_name);
		END IF;
	END LOOP;
END
$$;

-- Reading is for all; writing follows "who writes what" of the architecture.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
REVOKE ALL ON inbox_quarantine FROM reeve_edge;
GRANT INSERT, UPDATE ON tenant, token, chain, agent_session, join_token, agent_certificate TO reeve_edge, reeve_platform;
GRANT INSERT, UPDATE, DELETE ON quota TO reeve_edge, reeve_platform;
GRANT INSERT ON audit, inbox, usage_window TO reeve_edge, reeve_platform;
GRANT INSERT ON op_key TO reeve_edge, reeve_platform;
GRANT INSERT, UPDATE, DELETE ON device_class, cluster, cordon TO reeve_platform;
GRANT INSERT, UPDATE ON incarnation, leader, cluster_stream, placement, tenant_use, segment TO reeve_placer;
GRANT INSERT, UPDATE, DELETE ON node, device TO reeve_placer;
GRANT INSERT ON decision, inbox_quarantine TO reeve_placer;
GRANT DELETE ON inbox TO reeve_placer;
GRANT INSERT, DELETE ON cluster_learning TO reeve_placer;
-- Locks a cluster's row against its end; the key itself cannot be written.
GRANT UPDATE (key) ON cluster TO reeve_placer;
GRANT DELETE ON op_key, usage_window TO reeve_jobs;
