DELETE FROM managed WHERE kind IN ('binding', 'budget');
ALTER TABLE managed DROP CONSTRAINT managed_kind_known;
ALTER TABLE managed ADD CONSTRAINT managed_kind_known CHECK (kind IN ('tenant', 'quota'));
