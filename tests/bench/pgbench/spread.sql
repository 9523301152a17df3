\set quota random(1, 1000)
WITH taken AS (UPDATE yardstick.quota SET used = used + 1 WHERE id = :quota AND used + 1 <= most RETURNING id)
INSERT INTO yardstick.granted (quota_id, body) SELECT id, :body FROM taken;
