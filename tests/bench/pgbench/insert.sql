\set n random(1, 9000000000000000000)
INSERT INTO yardstick.inbox (kind, object_id, tenant_key, actor, request_id, body)
	VALUES ('place', 'plc_' || lpad(:n::text, 26, '0'), 2, 'tok_00000000000000000000000000', 'req_' || lpad(:n::text, 26, '0'), :body);
