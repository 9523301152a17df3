#!/bin/sh
# deploy/manifests is what the chart gives with its defaults, and a real API server takes it.
#
# Without helm the rendered files are not compared, without KUBECONFIG no API server is asked; what they hold is checked by
# test_manifests in both cases. REEVE_UPDATE=1 writes them anew.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/deploy}
manifest=$root/deploy/manifests/reeve-agent.yaml
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
done_any=

if command -v helm >/dev/null; then
	# helm asks no cluster here, and would complain of the file's mode.
	helm() { env -u KUBECONFIG helm "$@"; }
	{
		echo '# Rendered from deploy/chart with its defaults: REEVE_UPDATE=1 ./dev test deploy_manifests'
		printf -- '---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: reeve\n'
		helm template reeve "$root/deploy/chart" --namespace reeve --kube-version 1.30.0 --set server.url=https://reeve.example:8443
	} >"$folder/rendered.yaml"
	[ -z "${REEVE_UPDATE:-}" ] || cp "$folder/rendered.yaml" "$manifest"
	diff -u "$manifest" "$folder/rendered.yaml" || {
		echo "deploy/manifests is not what the chart gives: REEVE_UPDATE=1 ./dev test deploy_manifests"
		exit 1
	}
	for set in node.enabled=true scheduler.kind=profile scheduler.kind=nothing webhooks.enabled=false webhooks.allPods=true; do
		helm template reeve "$root/deploy/chart" --namespace reeve --kube-version 1.27.0 --set server.url=https://x:1 --set "$set" >"$folder/other.yaml"
	done
	if helm template reeve "$root/deploy/chart" >"$folder/other.yaml" 2>&1; then
		echo "a release that does not say where the server is was rendered"
		exit 1
	fi
	echo "rendered files are the chart's"
	done_any=1
fi

if [ -n "${KUBECONFIG:-}" ] && command -v kubectl >/dev/null; then
	space=rd$$
	kubectl create namespace "$space" >"$folder/said"
	sed "s/namespace: reeve\$/namespace: $space/; s/namespace: reeve}/namespace: $space}/; /^kind: Namespace\$/,/^---/d" "$manifest" >"$folder/dry.yaml"
	kubectl apply --dry-run=server -f "$folder/dry.yaml" >"$folder/said" 2>&1 || {
		kubectl delete namespace "$space" --wait=false >/dev/null
		cat "$folder/said"
		exit 1
	}
	kubectl delete namespace "$space" --wait=false >/dev/null
	echo "$(grep -c 'server dry run' "$folder/said") objects taken by a real API server, dry"
	done_any=1
fi
[ -n "$done_any" ] || {
	echo "skipped: neither helm nor an API server (KUBECONFIG) is at hand"
	exit 77
}
