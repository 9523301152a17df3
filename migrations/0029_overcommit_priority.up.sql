-- Who may count on compute that is promised twice: work of a priority whose value is above this may not. The default lets all.
ALTER TABLE device_class ADD COLUMN overcommit_priority_max int8 NOT NULL DEFAULT 1000000
	CONSTRAINT device_class_overcommit_priority_range CHECK (overcommit_priority_max BETWEEN -1000000 AND 1000000);
