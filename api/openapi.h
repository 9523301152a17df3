/* openapi: the contract as an OpenAPI 3.1 document, printed from the route table and the types. */
#pragma once
#include "base/buf.h"

void openapi_print(buf *out);
