DROP FUNCTION decision_numbers(int4[], int8, int8, int8, text, text, text, text, timestamptz, timestamptz);
DROP FUNCTION decision_is(text, text, timestamptz, text, text, text, text, text, timestamptz, timestamptz);
DROP FUNCTION decision_kind(text);
DROP TABLE decision_noted, decision_block;
