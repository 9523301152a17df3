#include <criterion/criterion.h>
#include "json/doc.h"
#include "json/write.h"
#include "json_sample.h"

static json_t *schema_load(const js_type *t, bool is_input)
{
	json_error_t why;
	buf out;

	buf_init(&out, 1 << 20);
	js_writer w = js_writer_on(&out);
	js_schema(&w, t, is_input);
	json_t *schema = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, &why);
	cr_assert(schema, "%s in " STR_FMT, why.text, STR_ARG(buf_str(&out)));
	buf_done(&out);
	return schema;
}

typedef struct part_case {
	bool is_input;
	const char *property;
	const char *schema; /* NULL: not there */
} part_case;

#define NAME_PATTERN  "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
#define CLASS_PATTERN "^[a-z0-9]([-.a-z0-9]{0,61}[a-z0-9])?$"

static const part_case parts[] = {
	{true, "id", NULL},
	{true, "secret", NULL},
	{true, "position", NULL},
	{false, "id",
		"{\"type\":\"string\",\"pattern\":\"^[a-z]{3}_[0-7][0-9A-HJKMNP-TV-Z]{25}$\",\"description\":\"Set by the server.\","
		"\"readOnly\":true}"},
	{false, "position",
		"{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":-9007199254740991,"
		"\"maximum\":9007199254740991,\"description\":\"Place in the queue.\",\"readOnly\":true}"},
	{true, "name", "{\"type\":\"string\",\"pattern\":\"" NAME_PATTERN "\",\"description\":\"Name.\"}"},
	{true, "policy", "{\"type\":\"string\",\"enum\":[\"binpack\",\"spread\"],\"description\":\"Policy.\"}"},
	{false, "policy",
		"{\"type\":\"string\",\"x-extensible-enum\":[\"binpack\",\"spread\"],\"description\":\"Policy.\"}"},
	{true, "queue", "{\"type\":\"boolean\",\"default\":true,\"description\":\"May wait.\"}"},
	{false, "queue", "{\"type\":\"boolean\",\"description\":\"May wait.\"}"},
	{true, "weight",
		"{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":-5,\"maximum\":1000,\"default\":100,"
		"\"description\":\"Weight.\"}"},
	{true, "until", "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\",\"description\":\"Until when.\"}"},
	{true, "groups",
		"{\"type\":\"array\",\"minItems\":1,\"maxItems\":8,\"items\":{\"$ref\":"
		"\"#/components/schemas/sample_group_input\"},\"description\":\"Groups.\"}"},
	{false, "groups",
		"{\"type\":\"array\",\"maxItems\":8,\"items\":{\"$ref\":\"#/components/schemas/sample_group\"},"
		"\"description\":\"Groups.\"}"},
	{true, "clusters",
		"{\"type\":\"array\",\"maxItems\":1000,\"items\":{\"type\":\"string\",\"pattern\":\"" NAME_PATTERN
		"\"},\"description\":\"Clusters taken.\"}"},
	{true, "labels",
		"{\"type\":\"object\",\"maxProperties\":32,\"propertyNames\":{\"maxLength\":256,\"pattern\":"
		"\"^([-.a-z0-9]{1,253}/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$\"},"
		"\"additionalProperties\":{\"type\":\"string\",\"maxLength\":63,\"description\":\"Value.\"},"
		"\"description\":\"Labels.\"}"},
	{true, "models",
		"{\"type\":\"object\",\"maxProperties\":1000,\"propertyNames\":{\"maxLength\":256,\"pattern\":\"" CLASS_PATTERN
		"\"},\"additionalProperties\":{\"anyOf\":[{\"$ref\":"
		"\"#/components/schemas/sample_axes_input\"},{\"type\":\"null\"}]},\"description\":\"By model.\"}"},
	{false, "models",
		"{\"type\":\"object\",\"maxProperties\":1000,\"propertyNames\":{\"maxLength\":256,\"pattern\":\"" CLASS_PATTERN
		"\"},\"additionalProperties\":{\"anyOf\":[{\"$ref\":\"#/components/schemas/sample_axes\"},"
		"{\"type\":\"null\"}]},\"description\":\"By model.\"}"},
	{true, "extra", "{\"description\":\"Free.\"}"},
};

Test(schema, each_property_is_what_the_reader_takes)
{
	json_t *schemas[] = {schema_load(&sample_type, false), schema_load(&sample_type, true)};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		const part_case *c = &parts[i];
		json_t *found = json_object_get(json_object_get(schemas[c->is_input], "properties"), c->property);
		json_t *due = c->schema ? json_loads(c->schema, 0, NULL) : NULL;
		char *text = found ? json_dumps(found, JSON_COMPACT) : NULL;

		cr_expect(!c->schema || due, "row %zu is no JSON", i);
		cr_expect(due ? found && doc_eq(found, due) : !found, "%s: %s", c->property, text ? text : "absent");
		free(text);
		json_decref(due);
	}
	json_decref(schemas[0]);
	json_decref(schemas[1]);
}

static void names_expect(json_t *schema, const char *due)
{
	char *text = json_dumps(json_object_get(schema, "required"), JSON_COMPACT);

	cr_expect_str_eq(text, due);
	free(text);
}

Test(schema, inputs_are_closed_and_name_what_is_required)
{
	json_t *in = schema_load(&sample_type, true), *out = schema_load(&sample_type, false);

	cr_expect(json_is_false(json_object_get(in, "additionalProperties")));
	cr_expect_null(json_object_get(out, "additionalProperties"));
	cr_expect_str_eq(json_string_value(json_object_get(in, "description")), "A sample.");
	names_expect(in, "[\"tenant\",\"name\",\"groups\"]");
	names_expect(out,
		"[\"tenant\",\"name\",\"preemptible\",\"queue\",\"weight\",\"until\",\"groups\",\"clusters\",\"position\"]");
	json_decref(in);
	json_decref(out);
}

static void name_add(const js_type *t, void *arg)
{
	buf_printf(arg, "%s ", t->name);
}

Test(schema, every_named_type_is_met_once_and_bare_ones_never)
{
	buf names;

	buf_init(&names, 4096);
	js_types_each(&sample_type, name_add, &names);
	cr_expect(str_eq(buf_str(&names), S("sample sample_group sample_device sample_host sample_axes ")), STR_FMT,
		STR_ARG(buf_str(&names)));
	buf_done(&names);
}
