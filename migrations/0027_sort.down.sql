DROP FUNCTION list_key(text[], text[], text[], text);
