-- Questions about what could be moved.
ALTER TABLE ask DROP CONSTRAINT ask_kind_known;
ALTER TABLE ask ADD CONSTRAINT ask_kind_known CHECK (kind IN ('plan', 'apply', 'export', 'simulate', 'policy_simulate', 'defragment'));
