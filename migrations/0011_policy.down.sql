DROP TABLE policy_applied, policy;
