/* principal: who calls, what they may do at which nodes of the tenant tree, and whose rows that lets through; and the
 * few seconds for which an edge remembers it.
 *
 * A credential makes a claim (claim below). Its layers are read against the bindings, and what all layers grant is what
 * the principal holds. Rights differ by node, so the rows a request may see depend on the right its route needs.
 *
 * What is remembered is at most PRINCIPAL_TTL_US old, and never older than the first of its grants to end. Edges drop
 * everything at once when they hear that governance moved.
 */
#pragma once
#include "db/scope.h"
#include "server/identity/cidr.h"
#include "server/identity/grant.h"
#include "server/identity/token.h"

enum {
	PRINCIPAL_TTL_US = 5000000,
	PRINCIPALS_MAX = 4096,
	PRINCIPALS_KEYS_MAX = 8 << 20, /* of all that are remembered together */
	PRINCIPAL_NAME_MAX = 64,
	PRINCIPAL_PATH_MAX = 640,
	CIDRS_MAX = 32,
	TOKEN_MAKERS_MAX = 64,                             /* that stand above one token */
	CLAIM_LAYERS_MAX = 3 * (TOKEN_MAKERS_MAX + 1) + 2, /* a trust's two may stand before its maker's */
	FLEET_KEY = 1,                                     /* the tenant that is the whole fleet */
};

/* One layer of a claim: it grants what is named here and what the bindings of its subjects say. */
typedef struct claim_layer {
	grants grants;
	strs subjects; /* user:ada, group:gpu, service:ci, ... */
} claim_layer;

/* What a credential says of its bearer. A right is held at a node when EVERY layer grants it there: one layer for a
 * session (the subjects: the person and their groups), two for a pipeline (what its trust grants; who made the trust),
 * and for a token its own grant, its owner, and the same of its maker and the maker's maker. Texts live in the caller's
 * memory until the principal is made. */
typedef struct claim {
	str id;      /* of the credential: the actor of its records, and what edges remember it by; less than ID_MAX */
	str name;    /* for people; cut to fit */
	str subject; /* who it stands for; absent: nobody but itself */
	strs groups; /* that the subject was found to be in, as group:NAME; at most GROUPS_MAX */
	claim_layer layers[CLAIM_LAYERS_MAX];
	uint32_t n_layers;
	strs stands_on;        /* further credentials whose end is its end: ids */
	int64_t expires_at_us; /* UTC: when the credential ends */
	const uint8_t *hash;   /* TOKEN_HASH bytes of its secret; NULL: none is compared */
	strs cidrs;            /* from where it may be used; none: from anywhere */
	/* Where its records stand; key 0: at its only grant's node, else the fleet's. */
	int32_t tenant_key;
	str tenant;
	str role;           /* of a credential with a role of its own */
	int64_t generation; /* of a token: how many it takes to come to it; 0: no token */
} claim;

/* One binding, as read for the subjects of a claim. */
typedef struct bound {
	str subject;
	grant grant;
} bound;

typedef struct principal {
	uint32_t refs;
	char id[ID_MAX];
	char name[PRINCIPAL_NAME_MAX];
	char subject[SUBJECT_MAX];       /* "": none */
	char tenant[PRINCIPAL_PATH_MAX]; /* path of where its records stand; "": the whole fleet */
	int32_t tenant_key;              /* of that */
	const role_row *role; /* of the credential itself; NULL: it has none, or one this program does not know */
	int64_t generation;   /* of a token: 1 and one for each that stands above it; 0: no token */
	bool has_hash;
	uint8_t hash[TOKEN_HASH];
	cidr cidrs[CIDRS_MAX];
	uint32_t n_cidrs;
	grants grants;
	strs groups;
	strs stands_on;        /* subjects and credentials: a change of one may change this */
	uint64_t rights;       /* held anywhere */
	uint64_t fleet_rights; /* held everywhere: such rights see every row */
	int32_t *keys;         /* sorted: the tenants at and below its grants; none where fleet_rights are all it has */
	uint64_t *key_rights;  /* by key */
	bool *key_is_gone;     /* by key: it was deleted, and only its past is left to be seen */
	uint32_t n_keys, n_gone;
	bool knows_gone;       /* those that are gone were read as well */
	int64_t expires_at_us; /* UTC: of the credential */
	int64_t until_us;      /* UTC: when the first of its grants ends */
	int64_t read_us;       /* monotonic: when it was read */
	void *texts;           /* what the strs above point into */
	struct principal_scopes *scopes;
} principal;

/* A claim of one layer: the bindings of a subject and its groups, and explicit grants beside them: what a session or an
 * exchange begins with. */
claim claim_begin(arena *a, str credential, str subject, strs groups, grants explicit_grants, int64_t expires_at_us);
/* A subject and its groups as one list, in a. */
strs claim_names(arena *a, str subject, strs groups);

/* Every subject of a claim once, in a: whose bindings are to be read. */
strs claim_subjects(arena *a, const claim *c);

/* The principal of a claim, with one reference for the caller; `held`: the bindings of claim_subjects that have not
 * ended at now_us. It copies all texts. The keys below its grants are still to be told (principal_keys_set). LIMIT:
 * more than GRANTS_MAX bindings stand behind it. */
err principal_make(const claim *c, const bound *held, uint32_t n_held, int64_t now_us, principal **ret) MUST_CHECK;

/* Zeroed, with one reference for the caller. */
principal *principal_new(void);
principal *principal_ref(principal *p);
void principal_unref(principal *p); /* NULL-safe */
/* One of the caller's own, which may learn keys. */
principal *principal_copy(const principal *p);

/* The nodes below which the tenants are to be read: all of its grants but those that fleet_rights cover. */
i64s principal_tops(arena *a, const principal *p);
/* A tenant at or below the node `top`, standing or gone. */
typedef struct tenant_below {
	int32_t key, top;
	bool is_gone;
} tenant_below;

/* The tenants below; a key may come more than once. */
void principal_keys_set(principal *p, const tenant_below *below, uint32_t n);
/* A tenant made since, by its path: nothing happens when it lies below no grant. */
void principal_learn(principal *p, int32_t key, str path);

/* What it holds at a tenant, by key; fleet_rights hold at every key. */
uint64_t principal_rights_at(const principal *p, int64_t tenant_key);
bool principal_holds(const principal *p, right r, int64_t tenant_key);
bool principal_holds_for_fleet(const principal *p, right r);
/* Whether anything at all is held there. */
bool principal_sees(const principal *p, int64_t tenant_key);
/* The rows it may touch with that right; SELF: where it holds anything. Of tenants that are gone those alone that tell
 * of the past: audit records and billed use. Valid as long as p. */
db_scope principal_scope(const principal *p, right r);
/* Who counts as one caller: all credentials of a person or a service; else the credential. Names of pipelines are given
 * by their tenants, so those of two tenants are two. */
uint64_t principal_caller(const principal *p);
/* Whether both hold the same at the same nodes. */
bool principal_is_same(const principal *a, const principal *b);
/* Whether a subject or credential is among what it stands on. */
bool principal_stands_on(const principal *p, str what);

typedef struct principals principals;

principals *principals_new(void);
void principals_free(principals *s); /* NULL-safe */
/* A reference for the caller, or NULL when it is not remembered. The caller compares the hash. */
principal *principals_find(principals *s, str credential, int64_t mono_us, int64_t now_us);
/* Remembers p in place of an older one; takes a reference of its own. */
void principals_put(principals *s, principal *p);
void principals_clear(principals *s);
