-- How nodes and devices are built, as their agents report it: what a node is tainted with and how its devices are linked (JSON as it was
-- reported); on which NUMA node a device is, and how it is given out in parts. `cut` is the geometry in force, '' while it is shared by
-- amounts; share_mode and geometry are what was reported, '' where nothing was.
ALTER TABLE node ADD COLUMN taints text NOT NULL DEFAULT '[]', ADD COLUMN links text NOT NULL DEFAULT '{}';
ALTER TABLE device ADD COLUMN numa int4 NOT NULL DEFAULT -1, ADD COLUMN share_mode text NOT NULL DEFAULT '', ADD COLUMN geometry text NOT NULL DEFAULT '',
	ADD COLUMN cut text NOT NULL DEFAULT '';

-- What the instances of a placement are charged to share modes (h100-80g.mig-3g.40gb), beside their models: a JSON list, '' without any.
ALTER TABLE placement ADD COLUMN charge_modes text NOT NULL DEFAULT '';

-- The classes of a fresh installation know their MIG profiles and vNPU templates.
UPDATE device_class SET share_modes = '{"rules":"nvidia-' || name || '"}'
WHERE share_modes = '{}' AND name IN ('h200-141g', 'h100-80g', 'a100-80g', 'a100-40g') AND vendor = 'nvidia';
UPDATE device_class SET share_modes = CASE name WHEN 'ascend310p3' THEN '{"rules":"ascend-310p"}' ELSE '{"rules":"ascend-' || substr(name, 7) || '"}' END
WHERE share_modes = '{}' AND name IN ('ascend910b2', 'ascend910b3', 'ascend310p3') AND vendor = 'huawei';
