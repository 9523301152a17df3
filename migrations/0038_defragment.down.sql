DELETE FROM ask WHERE kind = 'defragment';
ALTER TABLE ask DROP CONSTRAINT ask_kind_known;
ALTER TABLE ask ADD CONSTRAINT ask_kind_known CHECK (kind IN ('plan', 'apply', 'export', 'simulate', 'policy_simulate'));
