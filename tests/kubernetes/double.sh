# An agent before the double of an API server (double/). Sourced behind tests/support/script/server.sh.
# shellcheck shell=sh disable=SC2154 # of server.sh

api() { curl -sS -m 20 --fail-with-body -X "$1" ${3:+-H 'Content-Type: application/json' --data-binary "$3"} "http://$api_address$2"; }
control() { curl -sS -m 20 --data-binary "$2" "http://$api_address/double/$1" >"$folder/said"; }

double_start() # PROGRAM
{
	cp "$1" "$folder/api_double"
	spawn api "$folder/api_double" "$folder/api.address"
	await "the API server's double" test -s "$folder/api.address"
	api_address=$(cat "$folder/api.address")
	printf '{"apiVersion":"v1","kind":"Config","current-context":"t","clusters":[{"name":"t","cluster":{"server":"http://%s"}}],"users":[{"name":"t","user":{}}],"contexts":[{"name":"t","context":{"cluster":"t","user":"t"}}]}\n' \
		"$api_address" >"$folder/kubeconfig"
	chmod a+r "$folder/kubeconfig"
	api POST /api/v1/namespaces '{"metadata":{"name":"kube-system"}}' >"$folder/said"
}

namespace_make() # NAME TENANT
{
	api POST /api/v1/namespaces "{\"metadata\":{\"name\":\"$1\",\"annotations\":{\"reeve.io/tenant\":\"$2\"}}}" >"$folder/said"
}

# A certificate for the agent's door; then it is asked by HTTPS.
door_make()
{
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$folder/door.key" -out "$folder/door.pem" -subj /CN=localhost \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -days 2 2>/dev/null
	chmod a+r "$folder/door.key" "$folder/door.pem"
}

# Again on the address it had before, when there was one.
double_agent_start() # [OPTION...]
{
	listened=$(grep -c 'site\.listening' "$folder/agent.log" 2>/dev/null || true)
	listened=${listened:-0}
	spawn agent "$REEVE_BIN/reeve-agent" --server "$REEVE_URL" --ca "$REEVE_CA" --kubeconfig "$folder/kubeconfig" \
		--join-token-file "$folder/token" --state-dir "$folder/agent" --lease-s 1 --listen "${agent_address:-127.0.0.1:0}" \
		--tls-cert "$folder/door.pem" --tls-key "$folder/door.key" "$@"
	agent_pid=$spawn_pid
	await "the agent to listen" double_agent_listens
	agent_address=$(sed -n 's/.*site\.listening.* address="\{0,1\}\([^" ]*\).*/\1/p' "$folder/agent.log" | tail -n 1)
	await "the agent to act" curl -fsS --cacert "$folder/door.pem" "https://$agent_address/leaderz"
	control extender "https://$agent_address/extender $folder/door.pem"
}

double_agent_listens() { [ "$(grep -c 'site\.listening' "$folder/agent.log")" -gt "$listened" ]; }

pod_make() # NAME, in the namespace d
{
	api POST /api/v1/namespaces/d/pods "{\"metadata\":{\"name\":\"$1\"},\"spec\":{\"containers\":[{\"name\":\"main\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\"}}}]},\"status\":{\"phase\":\"Pending\"}}" >"$folder/said"
}
