DROP FUNCTION usage_add(int4, timestamptz[], text[], int8[], int8[], int8[], int8[], int8[]);
DROP INDEX usage_window_by_source;
ALTER TABLE usage_window DROP COLUMN source;
