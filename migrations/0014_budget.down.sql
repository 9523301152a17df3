DROP FUNCTION gpu_milli_hours_committed, gpu_milli_hours_spent;
DROP TABLE budget_mark, budget;
