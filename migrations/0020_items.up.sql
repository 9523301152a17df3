-- Bindings and budgets are kept by managers too.
ALTER TABLE managed DROP CONSTRAINT managed_kind_known;
ALTER TABLE managed ADD CONSTRAINT managed_kind_known CHECK (kind IN ('tenant', 'quota', 'binding', 'budget'));
