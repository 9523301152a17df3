DROP FUNCTION policy_outside(int4, timestamptz, text);
DROP FUNCTION policy_at(int4, timestamptz);
DROP TABLE placement_condition, policy_past;
