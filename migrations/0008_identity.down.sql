DROP TABLE session, identity_used, ci_token, trust;
