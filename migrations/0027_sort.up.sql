-- Lists in an order that is asked for (db/stmt.h, "sort: fields").

-- One text that stands in order where the rows do: each wanted field's value, a falling one in the complement of its bytes; what has no
-- value comes last, or, falling, first; behind all, what tells rows apart.
CREATE FUNCTION list_key(wanted text[], names text[], vals text[], unique_text text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
	SELECT coalesce(string_agg(CASE WHEN w.name LIKE '-%' THEN translate(h.hex, '0123456789abcdef', 'fedcba9876543210') || '~' ELSE h.hex || ' ' END, '' ORDER BY w.place), '')
	FROM unnest(wanted) WITH ORDINALITY AS w(name, place)
	CROSS JOIN LATERAL (SELECT coalesce('0' || left(vals[array_position(names, ltrim(w.name, '-'))], CASE WHEN octet_length(vals[array_position(names, ltrim(w.name, '-'))]) > 512 THEN 100 ELSE 512 END), '1') AS told) v
	CROSS JOIN LATERAL (SELECT encode(convert_to(v.told, 'UTF8'), 'hex') AS hex) h
) || unique_text;
