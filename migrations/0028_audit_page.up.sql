-- How a record ended, as a filter of the audit log asks: done, refused, the code of a refusal, or nothing in particular.
CREATE FUNCTION audit_ended(outcome text, asked text) RETURNS bool LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN asked IS NULL OR outcome = asked OR outcome = 'refused:' || asked OR (asked = 'refused' AND starts_with(outcome, 'refused:'));
