DROP FUNCTION chain_before;
DROP TABLE audit_tile, audit_checkpoint;
