# A made-up identity provider (tests/issuer/local_issuer.c) of a script's own, beside a reeved of server.sh.
#
# Sourced behind server.sh, with $LOCAL_ISSUER set to the program. issuer_start before server_start, whose options are then
# --ci-issuers="$ISSUER_URL" --issuer-ca="$ISSUER_CA". $issuer_folder/pipeline.json holds the claims of the job that asks
# for a token at $ISSUER_URL/mint?audience=...: as GitHub's ACTIONS_ID_TOKEN_REQUEST_URL it answers {"value": TOKEN}.
issuer_start()
{
	issuer_folder=$folder/issuer
	ISSUER_CA=$issuer_folder/cert.pem
	run_as_user mkdir -p "$issuer_folder"
	run_as_user openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost -keyout "$issuer_folder/key.pem" -out "$ISSUER_CA" 2>/dev/null ||
		fail "cannot make a certificate"
	# Built below a folder that the user may not look into, where root cloned into its own.
	cp "$LOCAL_ISSUER" "$folder/local_issuer"
	spawn issuer "$folder/local_issuer" 127.0.0.1:0 "$issuer_folder" "" "$ISSUER_CA" "$issuer_folder/key.pem"
	await "the identity provider to start" test -s "$issuer_folder/url"
	ISSUER_URL=$(cat "$issuer_folder/url")
	export ISSUER_URL ISSUER_CA
}

issuer_pipeline() # the members of the claims: '"sub":"x","repository_id":"1"'
{
	printf '%s\n' "$1" | run_as_user tee "$issuer_folder/pipeline.json" >/dev/null
}
