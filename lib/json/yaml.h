/* yaml: YAML of the plain kind, turned into the JSON it stands for, so that one strict reader reads both.
 *
 * The JSON subset of YAML 1.2's core schema and no more. Refused, each with line and column: anchors, aliases and merge
 * keys (a small text may stand for a huge one), tags, several documents, keys that are no texts, keys named twice,
 * words that other readers take for something else (yes, no, on, off, y, n, ~, Null, True: quote them), numbers that
 * are not plain decimal integers (hexadecimal, octal, leading zeros, underscores, fractions, dates stay refused where a
 * text could be meant; quote them).
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

enum { YAML_BYTES_MAX = 4 << 20, YAML_DEPTH_MAX = 32 };

/* Writes the JSON to out. Errors: MALFORMED_YAML, DUPLICATE_KEY, TOO_DEEP, BAD_UTF8; the pointer leads to the place. */
err yaml_to_json(str text, buf *out, fault *f) MUST_CHECK;
