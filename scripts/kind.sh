#!/bin/sh
# A Kubernetes cluster on this machine, for people who have Docker: kind, cert-manager, Traefik as the gateway, KServe in
# Standard mode, Serinus and an example. `--dry-run` only lists the steps; `--delete` removes the cluster.
set -eu
cd "$(dirname "$0")/.."

CLUSTER=serinus
CERT_MANAGER=v1.17.0
GATEWAY_API=v1.5.1
KSERVE=v0.20.0
TRAEFIK_CHART=41.3.0
VERSION=$(sed -n 's/^appVersion: //p' charts/serinus/Chart.yaml)
TIMEOUT=5m

dry=
case "${1-}" in
  '') ;;
  --dry-run) dry=1 ;;
  --delete) exec kind delete cluster --name "$CLUSTER" ;;
  *) echo "usage: $0 [--dry-run|--delete]" >&2; exit 2 ;;
esac

say() { printf '\n%s\n' "$*"; }
run() {
  printf '  %s\n' "$*"
  [ -n "$dry" ] || "$@"
}
chart() { # NAMESPACE RELEASE CHART ARGUMENTS...
  namespace=$1 release=$2 source=$3
  shift 3
  run helm upgrade --install "$release" "$source" --namespace "$namespace" --create-namespace --wait --timeout "$TIMEOUT" "$@"
}
image() { # NAME
  run docker build --file images/Containerfile --build-arg "IMAGE=$1" --tag "ghcr.io/serinus/$1:$VERSION" .
  run kind load docker-image --name "$CLUSTER" "ghcr.io/serinus/$1:$VERSION"
}
need() {
  for program in docker kind kubectl helm; do
    command -v "$program" >/dev/null || { echo "$program is not installed; see https://kind.sigs.k8s.io" >&2; exit 1; }
  done
  docker info >/dev/null 2>&1 || { echo "Docker does not answer; start it and try again" >&2; exit 1; }
}

[ -n "$dry" ] || need

say "A cluster of one node; kubectl's context becomes kind-$CLUSTER"
if [ -n "$dry" ] || ! kind get clusters | grep -qx "$CLUSTER"; then
  run kind create cluster --config kind-config.yaml --wait "$TIMEOUT"
fi
run kubectl config use-context "kind-$CLUSTER"

say "cert-manager $CERT_MANAGER, which KServe's webhooks need"
chart cert-manager cert-manager oci://quay.io/jetstack/charts/cert-manager --version "$CERT_MANAGER" --set crds.enabled=true

say "The Gateway API $GATEWAY_API and Traefik as its gateway, on http://localhost:8080"
run kubectl apply --server-side --filename \
  "https://github.com/kubernetes-sigs/gateway-api/releases/download/$GATEWAY_API/standard-install.yaml"
run kubectl apply --filename manifests/kind/namespaces.yaml
chart traefik traefik oci://ghcr.io/traefik/helm/traefik --version "$TRAEFIK_CHART" --skip-crds --values manifests/kind/traefik.yaml

say "KServe $KSERVE in Standard mode, with its runtimes"
chart kserve kserve-crd oci://ghcr.io/kserve/charts/kserve-crd --version "$KSERVE"
chart kserve kserve-resources oci://ghcr.io/kserve/charts/kserve-resources --version "$KSERVE" --values manifests/kind/kserve.yaml
chart kserve kserve-runtime-configs oci://ghcr.io/kserve/charts/kserve-runtime-configs --version "$KSERVE" \
  --set kserve.servingruntime.enabled=true

say "Serinus $VERSION, built from this checkout"
image operator
image predictor
chart serinus-system serinus charts/serinus --values manifests/kind/serinus.yaml

say "The example: a first version is brought up and serves"
run kubectl apply --filename manifests/examples/iris.yaml
run kubectl --namespace models wait modeldeployment/iris --for=condition=Ready --timeout "$TIMEOUT"

say "Ready. A request, and what serves:"
cat <<'END'
  curl -s http://iris.models.localhost:8080/v1/models/iris:predict -H 'Content-Type: application/json' \
    -d '{"instances": [[6.8, 2.8, 4.8, 1.4]]}'
  kubectl -n models get mdep
The next version is judged on requests. Send some in one terminal, for as long as it takes:
  while sleep 0.05; do curl -s -o /dev/null -w '%{http_code}\n' http://iris.models.localhost:8080/v1/models/iris:predict \
    -H 'Content-Type: application/json' -d '{"instances": [[6.8, 2.8, 4.8, 1.4]]}'; done
and change the model and look in another:
  kubectl -n models patch mdep iris --type merge \
    -p '{"spec":{"model":{"uri":"gs://kfserving-examples/models/sklearn/1.0/model-2"}}}'
  kubectl -n models get mdep iris --watch
Remove everything: scripts/kind.sh --delete
END
