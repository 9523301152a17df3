-- Where the raises stand that applying a plan asked for: a JSON list of addresses.
ALTER TABLE plan ADD COLUMN requests text NOT NULL DEFAULT '[]';
