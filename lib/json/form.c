#include "json/form.h"
#include <assert.h>
#include "base/id.h"

enum { TENANT_DEPTH_MAX = 8, LABEL_NAME_BYTES = 63, LABEL_PREFIX_BYTES = 253, ID_PREFIX = 3 };

#define NAME       "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
#define CLASS_NAME "[a-z0-9]([-.a-z0-9]{0,61}[a-z0-9])?"
#define ULID       "[0-7][0-9A-HJKMNP-TV-Z]{25}"
#define LABEL_NAME "[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?"

static bool form_name(str s, const char *const *values)
{
	(void)values;
	return str_is_name(s);
}

static bool form_class_name(str s, const char *const *values)
{
	(void)values;
	return str_is_class_name(s);
}

static bool form_tenant_ref(str s, const char *const *values)
{
	str rest = s;
	int depth = 0;

	(void)values;
	if (id_is(s, "tnt"))
		return true;
	do {
		if (++depth > TENANT_DEPTH_MAX || !str_is_name(str_split(&rest, '/')))
			return false;
	} while (rest.p);
	return true;
}

static bool form_is_value(str s, const char *const *values)
{
	for (; *values; values++)
		if (str_eq(s, str_from(*values)))
			return true;
	return false;
}

static bool form_id(str s, const char *const *values)
{
	char prefix[ID_PREFIX + 1] = {0};

	if (s.n <= ID_PREFIX)
		return false;
	for (uint32_t i = 0; i < ID_PREFIX; i++) {
		if (s.p[i] < 'a' || s.p[i] > 'z')
			return false;
		prefix[i] = s.p[i];
	}
	return id_is(s, prefix) && (!values || form_is_value(str_from(prefix), values));
}

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_label_name(str s)
{
	if (!s.n || s.n > LABEL_NAME_BYTES || !is_letter_or_digit(s.p[0]) || !is_letter_or_digit(s.p[s.n - 1]))
		return false;
	for (uint32_t i = 0; i < s.n; i++)
		if (!is_letter_or_digit(s.p[i]) && s.p[i] != '-' && s.p[i] != '_' && s.p[i] != '.')
			return false;
	return true;
}

static bool form_label_key(str s, const char *const *values)
{
	int64_t slash = str_find(s, '/', 0);

	(void)values;
	if (slash < 0)
		return is_label_name(s);
	str prefix = str_cut(s, 0, (size_t)slash);
	if (!prefix.n || prefix.n > LABEL_PREFIX_BYTES)
		return false;
	for (str rest = prefix; rest.p;)
		if (!str_is_name(str_split(&rest, '.')))
			return false;
	return is_label_name(str_cut(s, (size_t)slash + 1, s.n));
}

static bool form_free_text(str s, const char *const *values)
{
	(void)values;
	return s.n > 0;
}

static const js_form_row forms[] = {
	[JS_ANY_TEXT] = {"a text", NULL, NULL},
	[JS_NAME] = {"a name of a-z, 0-9 and '-', 1 to 63 long, with a letter or digit at both ends", "^" NAME "$",
		form_name},
	[JS_CLASS_NAME] = {"a name of a-z, 0-9, '-' and '.', 1 to 63 long, with a letter or digit at both ends",
		"^" CLASS_NAME "$", form_class_name},
	[JS_TENANT_REF] = {"a tenant's path (names joined by '/') or its tnt_ id",
		"^(tnt_" ULID "|" NAME "(/" NAME "){0,7})$", form_tenant_ref},
	[JS_ID] = {"an id: three letters, '_' and a ULID", "^[a-z]{3}_" ULID "$", form_id},
	[JS_ENUM] = {"one of the values known", NULL, form_is_value},
	[JS_LABEL_KEY] =
		{"a label's key: an optional DNS prefix with '/', then a name of letters, digits, '-', '_' and '.'",
			"^([-.a-z0-9]{1,253}/)?" LABEL_NAME "$", form_label_key},
	[JS_FREE_TEXT] = {"a text that is not empty", NULL, form_free_text},
};

const js_form_row *js_form_row_of(js_text_form form)
{
	assert((size_t)form < sizeof(forms) / sizeof(*forms));
	return &forms[form];
}

js_text_form js_key_form(const js_field *map)
{
	return map->form == JS_ANY_TEXT ? JS_CLASS_NAME : map->form;
}
