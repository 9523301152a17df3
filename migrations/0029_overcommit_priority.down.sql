ALTER TABLE device_class DROP COLUMN overcommit_priority_max;
