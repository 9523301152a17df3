#include "api/types/namespace.h"

#include <stdlib.h>

#include "api/types/query.h"
#include "json/form.h"

#define F(...) JS_FIELD(namespace_tenant, __VA_ARGS__)
static const js_field namespace_tenant_fields[] = {
	F(cluster, JS_READ_ONLY, "Name of the cluster."),
	F(namespace, JS_READ_ONLY,
		"Named by the URL: a name, or the labels that all such namespaces have, as stage=prod,team=nlp.",
		JS_LEN(1, SELECTOR_BYTES_MAX)),
	F(tenant, JS_REQUIRED, "Whose its pods are, by path or id.", .form = JS_TENANT_REF),
	F(revision, JS_READ_ONLY, "Rises with each change; the ETag."),
	F(reason, JS_OPTIONAL, "Why; kept in the audit record.", JS_LEN(0, 500)),
};
#undef F
JS_TYPE(namespace_tenant, "Whose the pods of a namespace are.");

static const char *const namespace_sorts[] = {SORT("namespace"), SORT("tenant"), NULL};

#define F(...) JS_FIELD(namespace_query, __VA_ARGS__)
static const js_field namespace_query_fields[] = {
	F(tenant, JS_OPTIONAL, "Only those of this tenant, by path or id; one that is not in sight is not_found.",
		.form = JS_TENANT_REF),
	SORT_FIELD(namespace_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(namespace_query, "Which namespaces.");

bool namespace_is_selector(str key)
{
	return str_find(key, '=', 0) >= 0;
}

static bool is_label(str key, str value)
{
	const js_form_row *label = js_form_row_of(JS_LABEL_KEY);

	return value.p && label->fits(key, NULL) &&
	       (!value.n || (str_find(value, '/', 0) < 0 && label->fits(value, NULL)));
}

static str key_of(str term)
{
	return str_split(&term, '=');
}

static int terms_cmp(const void *a, const void *b)
{
	return str_cmp(key_of(*(const str *)a), key_of(*(const str *)b));
}

static err terms_read(str text, str terms[SELECTOR_TERMS_MAX], uint32_t *ret_n, fault *f)
{
	uint32_t n = 0;

	for (str rest = text; rest.p;) {
		str term = str_trim(str_split(&rest, ',')), value = term, key = str_split(&value, '=');
		if (n == SELECTOR_TERMS_MAX)
			return fault_set(f, ERR_BAD_PARAMETER, "namespace", "a selector has at most %d labels", n);
		if (!is_label(key, value))
			return fault_set(f, ERR_BAD_PARAMETER, "namespace", "this is no label: '" STR_FMT "'",
				STR_ARG(str_cut(term, 0, 64)));
		terms[n++] = term;
	}
	qsort(terms, n, sizeof(*terms), terms_cmp);
	for (uint32_t i = 1; i < n; i++)
		if (str_eq(key_of(terms[i]), key_of(terms[i - 1])))
			return fault_set(f, ERR_BAD_PARAMETER, "namespace",
				"no namespace has the label twice: " STR_FMT,
				STR_ARG(str_cut(key_of(terms[i]), 0, 64)));
	*ret_n = n;
	return ERR_OK;
}

err namespace_key(str text, arena *a, str *ret, fault *f)
{
	str terms[SELECTOR_TERMS_MAX];
	uint32_t n = 0;

	*ret = text;
	if (str_is_name(text))
		return ERR_OK;
	if (!namespace_is_selector(text))
		return fault_set(f, ERR_BAD_PARAMETER, "namespace",
			"this is no name of a namespace, and no labels of some as stage=prod,team=nlp");
	if (text.n > SELECTOR_BYTES_MAX)
		return fault_set(
			f, ERR_BAD_PARAMETER, "namespace", "a selector has at most %d bytes", SELECTOR_BYTES_MAX);
	err e = terms_read(text, terms, &n, f);
	if (e)
		return e;
	*ret = terms[0];
	for (uint32_t i = 1; i < n; i++)
		*ret = str_print(a, STR_FMT "," STR_FMT, STR_ARG(*ret), STR_ARG(terms[i]));
	return ERR_OK;
}
