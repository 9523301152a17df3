/* js: JSON between bytes and plain C structs, by one table per type.
 *
 * A struct stays a plain C struct; beside it stands a table with one row per member: name, kind (taken from the
 * member's own C type by _Generic, so the two cannot drift), use, range and a sentence of documentation. Four walks
 * read the table: js_read (strict parse and validation), js_write, js_schema (JSON Schema 2020-12 for OpenAPI 3.1) and,
 * in db/, rows to JSON.
 *
 *     typedef struct quota_axes {
 *             uint64_t given;                      // bit i: field i was in the body
 *             int64_t  device_milli, memory_mib, compute_milli;
 *     } quota_axes;
 *     #define F(...) JS_FIELD(quota_axes, __VA_ARGS__)
 *     static const js_field quota_axes_fields[] = {
 *             F(device_milli, JS_OPTIONAL, "Thousandths of whole devices.", JS_RANGE(0, 1000000000)),
 *             ...
 *     };
 *     #undef F
 *     JS_TYPE_GIVEN(quota_axes, "Amounts on the three axes.");
 *
 * Strict: unknown fields, duplicate keys, wrong types, fractions, exponents, numbers beyond 2^53-1, bad UTF-8, lone
 * surrogates, depth over JS_DEPTH_MAX and trailing bytes are errors, each with its code (api/errors.def) and a JSON
 * Pointer to the place. U+0000 is refused in every text, since no column can hold it.
 *
 * A row whose min and max are both 0 has the range of its kind: I64 any integer of JS_INT_BITS bits, TEXT up to
 * JS_TEXT_BYTES bytes, lists and maps up to JS_ITEMS_COUNT items, RAW up to JS_RAW_BYTES bytes. Texts inside a TEXTS
 * have the default length, and the row's form.
 */
#pragma once
#include <stddef.h>
#include "base/arena.h"
#include "base/buf.h"

enum {
	JS_DEPTH_MAX = 24,
	JS_INT_BITS = 53,
	JS_TEXT_BYTES = 4096,
	JS_ITEMS_COUNT = 1000,
	JS_RAW_BYTES = 64 << 10,
	JS_KEY_BYTES = 256,          /* of a map, whatever its form */
	JS_FIELDS_MAX = 64,          /* rows of a type: one bit each */
	JS_READ_BYTES_MAX = 8 << 20, /* of the lists and maps of one body in memory: empty items are cheap to send */
	JS_READ_LARGE_BYTES_MAX = 32 << 20, /* the same of js_read_large */
};
#define JS_INT_MAX 9007199254740991LL

typedef struct js_type js_type;
typedef struct js_field js_field;

/* Kinds with a C type of their own. */
typedef struct js_list {
	void *v; /* array of the row's `of` struct */
	uint32_t n;
} js_list;
typedef struct js_map {
	void *v; /* array of entries: a struct whose FIRST member is `str key`, then the rows of `of` */
	uint32_t n;
} js_map;
typedef struct js_raw {
	str json; /* free-form: a valid JSON value as bytes */
} js_raw;
typedef struct js_time {
	int64_t us; /* RFC 3339 text outside; 0: absent */
} js_time;

typedef enum js_kind {
	JS_BOOL,
	JS_I64,
	JS_TEXT,
	JS_TEXTS,
	JS_I64S,
	JS_TIME,
	JS_RAW,
	JS_OBJECT,
	JS_LIST,
	JS_MAP
} js_kind;

#define JS_KIND(member)                                                                                                \
	_Generic((member), bool                                                                                        \
		 : JS_BOOL, int64_t                                                                                    \
		 : JS_I64, str                                                                                         \
		 : JS_TEXT, strs                                                                                       \
		 : JS_TEXTS, i64s                                                                                      \
		 : JS_I64S, js_time                                                                                    \
		 : JS_TIME, js_raw                                                                                     \
		 : JS_RAW, js_list                                                                                     \
		 : JS_LIST, js_map                                                                                     \
		 : JS_MAP, default                                                                                     \
		 : JS_OBJECT)

typedef enum js_use {
	JS_REQUIRED,  /* must be in a body */
	JS_OPTIONAL,  /* may be left out: keeps `initial` (numbers, bools) or stays absent/empty */
	JS_READ_ONLY, /* set by the server; in a body: READ_ONLY_FIELD */
	JS_SECRET,    /* READ_ONLY and written only where it is set: shown once */
} js_use;

/* What a text (or each of TEXTS, or each key of a MAP) must look like, beyond its length. */
typedef enum js_text_form {
	JS_ANY_TEXT,   /* map keys: CLASS_NAME */
	JS_NAME,       /* str_is_name */
	JS_CLASS_NAME, /* str_is_class_name */
	JS_TENANT_REF, /* names joined by '/', at most 8, or a tnt_ id */
	JS_ID,         /* prefix and ULID; `values` may name the prefixes taken */
	JS_ENUM,       /* one of `values` */
	JS_LABEL_KEY,  /* Kubernetes' form: [dns.prefix/]Name_1.x */
	JS_FREE_TEXT,  /* any text but an empty one; for map keys that are free */
} js_text_form;

struct js_field {
	const char *name;
	uint8_t name_n; /* its length */
	js_kind kind;
	uint16_t at;   /* offsetof */
	uint16_t size; /* sizeof the member */
	js_use use;
	const char *doc;
	/* OBJECT, LIST, MAP: the element's table. RAW: it is read as a map of these and kept as bytes; NULL: any value
	 */
	const js_type *of;
	/* I64: value; TEXT: bytes; lists and maps: items. Both 0: defaults by kind (JS_RANGE etc. set them) */
	int64_t min, max;
	int64_t initial; /* OPTIONAL I64 and BOOL when left out */
	js_text_form form;
	/* ENUM: NULL-terminated. A closed set on input, an open one for clients on output. */
	const char *const *values;
	/* null is taken. In a type with a `nulled` mask (merge patch, RFC 7396) it sets the bits of both masks; else
	 * the field stays as if it had been left out. */
	bool nullable;
	bool asked_only; /* in bodies only: what is asked for, and never shown */
	bool may_miss;   /* a number or bool that is not always there to show */
	bool always;     /* written even when absent (null), empty or not given */
};

enum { JS_NO_MASK = 0xffff };

struct js_type {
	const char *name; /* schema name in OpenAPI: "quota_axes" */
	const char *doc;
	const js_field *fields;
	uint16_t n;
	uint16_t size;      /* sizeof the struct; entries of a map include their key */
	uint16_t given_at;  /* offset of `uint64_t given`, or JS_NO_MASK */
	uint16_t nulled_at; /* offset of `uint64_t nulled`, or JS_NO_MASK */
	bool is_bare; /* has one row and is that row's value, not an object: entries of a map of texts or numbers */
};

#define JS_FIELD_AS(T, m, name_, use_, doc_, ...)                                                                      \
	{                                                                                                              \
		.name = name_, .name_n = sizeof(name_) - 1, .kind = JS_KIND(((T *)0)->m), .at = offsetof(T, m),        \
		.size = sizeof(((T *)0)->m), .use = use_, .doc = doc_, ##__VA_ARGS__                                   \
	}
#define JS_FIELD(T, m, use_, doc_, ...) JS_FIELD_AS(T, m, #m, use_, doc_, ##__VA_ARGS__)
#define JS_RANGE(lo, hi)                .min = (lo), .max = (hi)
#define JS_LEN(lo, hi)                  .min = (lo), .max = (hi)
#define JS_ITEMS(lo, hi)                .min = (lo), .max = (hi)
#define JS_OF(type_)                    .of = &type_##_type
#define JS_INITIAL(v)                   .initial = (v)
#define JS_VALUES(list)                 .form = JS_ENUM, .values = (list)

#define JS_TYPE_ANY(T, doc_, given_, nulled_, bare_)                                                                   \
	const js_type T##_type = {                                                                                     \
		#T, doc_, T##_fields, sizeof(T##_fields) / sizeof(*T##_fields), sizeof(T), given_, nulled_, bare_}
#define JS_TYPE_MASKED(T, doc_, given_, nulled_) JS_TYPE_ANY(T, doc_, given_, nulled_, false)
#define JS_TYPE(T, doc_)                         JS_TYPE_MASKED(T, doc_, JS_NO_MASK, JS_NO_MASK)
#define JS_TYPE_GIVEN(T, doc_)                   JS_TYPE_MASKED(T, doc_, offsetof(T, given), JS_NO_MASK)
#define JS_TYPE_PATCH(T, doc_)                   JS_TYPE_MASKED(T, doc_, offsetof(T, given), offsetof(T, nulled))
/* A map's entry that is one value: struct { str key; str value; } with one row for `value` serves {"team": "nlp"}. */
#define JS_TYPE_BARE(T, doc_)                    JS_TYPE_ANY(T, doc_, JS_NO_MASK, JS_NO_MASK, true)
#define JS_DECLARE(T)                            extern const js_type T##_type

/* Whether the field called `name` was in the body. The type must have a `given` mask. Asserts on an unknown name. */
bool js_given(const js_type *t, const void *value, const char *name);
/* From now on it was: for who fills in what a body left open. */
void js_give(const js_type *t, void *value, const char *name);
bool js_nulled(const js_type *t, const void *value, const char *name);

/* An entry of a map whose type has a `nulled` mask may be null as a whole (a merge patch that takes the entry away):
 * then both its masks have every bit set. */
bool js_is_nulled_whole(const js_type *t, const void *value);

/* Reads one document into *out (zeroed first). Spans point into `body` where the text has no escapes, else into a.
 * After an error *out holds what was read so far and is of no use. */
err js_read(const js_type *t, str body, arena *a, void *out, fault *f) MUST_CHECK;
/* The same for documents that few may send and that name thousands of things: their lists take up to
 * JS_READ_LARGE_BYTES_MAX. */
err js_read_large(const js_type *t, str body, arena *a, void *out, fault *f) MUST_CHECK;

/* The same for a bare array of t: out->v in a; at most max_items. */
err js_read_list(const js_type *t, str body, arena *a, int64_t max_items, js_list *out, fault *f) MUST_CHECK;

/* For clients: reads what a server wrote, which may be newer. Unknown fields are skipped, READ_ONLY and SECRET rows
 * taken, null stands for absent everywhere, nothing is required, ranges and sets of values are open (integers stay
 * within JS_INT_BITS, all lists together within JS_READ_BYTES_MAX); forms other than ENUM hold. */
err js_read_output(const js_type *t, str body, arena *a, void *out, fault *f) MUST_CHECK;

/* Start-up check of a table and those it names: unique names, sizes, ranges, and every byte of the struct but padding,
 * masks and map keys in some row. (A missing member that is no larger than the padding it hides in is not seen.) Types
 * of map entries are checked through the map's row. Returns NULL, or a sentence on what is wrong (static storage, until
 * the next call). */
const char *js_type_check(const js_type *t);
