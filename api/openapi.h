/* openapi: the contract as an OpenAPI 3.1 document, printed from the route table and the types. */
#pragma once
#include "base/buf.h"
#include "json/js.h"

void openapi_print(buf *out);
/* One body's type and all it stands on as a JSON Schema (2020-12) of its own, known under the address `id`. */
void schema_print(const js_type *t, const char *id, buf *out);
