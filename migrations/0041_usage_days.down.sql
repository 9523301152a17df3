DROP FUNCTION usage_days(timestamptz, timestamptz);
DROP TABLE usage_left, usage_piece, usage_day, usage_rolled;
DROP INDEX segment_by_opening;
ALTER TABLE segment DROP COLUMN opened_at;
