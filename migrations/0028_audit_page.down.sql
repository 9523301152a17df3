DROP FUNCTION audit_ended(text, text);
