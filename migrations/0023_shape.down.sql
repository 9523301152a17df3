UPDATE device_class SET share_modes = '{}' WHERE share_modes LIKE '{"rules":%';
ALTER TABLE placement DROP COLUMN charge_modes;
ALTER TABLE device DROP COLUMN cut, DROP COLUMN geometry, DROP COLUMN share_mode, DROP COLUMN numa;
ALTER TABLE node DROP COLUMN links, DROP COLUMN taints;
