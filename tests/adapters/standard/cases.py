"""What the goldens show: each is the manifest that one of these makes."""

from collections.abc import Callable, Mapping
from typing import Any

from serinus.adapters.http_route import Backend, Routing, http_route
from serinus.adapters.inference_service import inference_service
from serinus.core.plan import HeaderMatch
from serinus.core.spec import Gateway
from tests.adapters.standard.support import KEY, MLSERVER, SERINUS, SKLEARN, owner, served

GATEWAY = Gateway(name="public", namespace="infra")
HOST = "flight-delay.ml.example.org"
FULL_TEMPLATE = {
    "labels": {"team": "delays", "serinus.dev/revision": "mine", "networking.kserve.io/visibility": "exposed"},
    "annotations": {"prometheus.io/scrape": "true", "serving.kserve.io/deploymentMode": "Knative"},
    "predictor": {
        "name": "other",
        "minReplicas": 9,
        "serviceAccountName": "reader",
        "model": {
            "storageUri": "s3://elsewhere",
            "args": ["--max-body-bytes=2097152"],
            "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
            "resources": {"limits": {"memory": "2Gi"}},
        },
    },
    "transformer": {"containers": [{"name": "kserve-container", "image": "org/features:1", "args": ["--workers=1"]}]},
    "canary": [{"trafficPercent": 50}],
}


def _serinus() -> dict[str, Any]:
    asked = owner({"minReplicas": 2, "maxReplicas": 5, "resources": {"requests": {"cpu": "500m"}}})
    return inference_service(KEY, asked, served(asked, replicas=2), SERINUS, (0.25, 0.1))


def _sklearn_orphan() -> dict[str, Any]:
    asked = owner({"runtime": "kserve-sklearnserver", "protocol": "v1"}, deletionPolicy="Orphan")
    return inference_service(KEY, asked, served(asked), SKLEARN, (0.1,))


def _mlserver() -> dict[str, Any]:
    asked = owner({"runtime": "kserve-mlserver", "format": "mlflow"})
    return inference_service(KEY, asked, served(asked), MLSERVER)


def _template() -> dict[str, Any]:
    asked = owner({"template": FULL_TEMPLATE})
    return inference_service(KEY, asked, served(asked), SERINUS)


def _own_container() -> dict[str, Any]:
    container = {"name": "kserve-container", "image": "org/server:3", "env": [{"name": "STORAGE_URI", "value": "x"}]}
    asked = owner({"template": {"predictor": {"model": None, "containers": [container]}}})
    return inference_service(KEY, asked, served(asked), SERINUS)


def _backends(stable: int, candidate: int) -> tuple[Backend, ...]:
    names = {"aaaaaaaaaa": stable, "bbbbbbbbbb": candidate}
    return tuple(Backend(name, f"flight-delay-{name}-predictor", weight) for name, weight in names.items())


def _route_split() -> dict[str, Any]:
    return http_route(KEY, owner(), GATEWAY, HOST, Routing(_backends(90, 10)))


def _route_match() -> dict[str, Any]:
    match = HeaderMatch("X-Tester", "ann")
    routing = Routing(_backends(100, 0), match, "flight-delay-bbbbbbbbbb-predictor")
    return http_route(KEY, owner(), GATEWAY, HOST, routing)


def _route_sticky() -> dict[str, Any]:
    return http_route(KEY, owner(), GATEWAY, HOST, Routing(_backends(50, 50), sticky=True))


def _route_mirror() -> dict[str, Any]:
    routing = Routing(_backends(100, 0)[:1], mirrored="flight-delay-bbbbbbbbbb-predictor")
    return http_route(KEY, owner(), Gateway(name="public"), HOST, routing)


def _route_mirror_share() -> dict[str, Any]:
    routing = Routing(_backends(100, 0), mirrored="flight-delay-bbbbbbbbbb-predictor", percent=20)
    return http_route(KEY, owner(), GATEWAY, HOST, routing)


INFERENCE_SERVICES: Mapping[str, Callable[[], dict[str, Any]]] = {
    "serinus": _serinus,
    "sklearn-orphan": _sklearn_orphan,
    "mlserver": _mlserver,
    "template": _template,
    "own-container": _own_container,
}
ROUTES: Mapping[str, Callable[[], dict[str, Any]]] = {
    "route-split": _route_split,
    "route-match": _route_match,
    "route-sticky": _route_sticky,
    "route-mirror": _route_mirror,
    "route-mirror-share": _route_mirror_share,
}
