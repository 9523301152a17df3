DROP FUNCTION usage_summarize();
