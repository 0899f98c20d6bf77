"""Where Prometheus finds the requests of a revision, for each kind of runtime or gateway: data, which the adapter reads."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class ByPod:
    """Series are told apart by labels. Without `namespace` the label `deployment` holds `namespace/name`."""

    deployment: str
    revision: str
    namespace: str = ""


@dataclass(frozen=True)
class ByBackend:
    """Series are told apart by a label that names the Kubernetes Service of a revision, which takes its requests.

    `pattern` is a regular expression of RE2 and Python alike, with {namespace} and {service} in it.
    """

    label: str
    pattern: str


@dataclass(frozen=True)
class Template:
    """Names of metrics and labels.

    `requests` counts requests by the label `code`; `latency` is the bucket series of a classic histogram whose edges are
    `unit_seconds` each. Either may be missing; `blind` says what cannot be judged then. `matchers` are added to both.
    """

    name: str
    found: ByPod | ByBackend
    requests: str = ""
    code: str = ""
    latency: str = ""
    unit_seconds: float = 1.0
    matchers: str = ""
    blind: str = ""


# As the chart's PodMonitor copies the labels of a pod to what it counts.
POD: Final = ByPod(deployment="serinus_dev_deployment", revision="serinus_dev_revision", namespace="namespace")

TEMPLATES: Final = {
    one.name: one
    for one in (
        Template(
            name="serinus",
            found=ByPod(deployment="deployment", revision="revision"),
            requests="serinus_requests_total",
            code="code",
            latency="serinus_request_seconds_bucket",
        ),
        Template(
            name="kserve",
            found=POD,
            latency="request_predict_seconds_bucket",
            blind="KServe's model servers count no errors, and no requests by status code: only Latency can be judged",
        ),
        # Since Knative 1.19.
        Template(
            name="knative",
            found=POD,
            requests="kn_serving_invocation_duration_seconds_count",
            code="http_response_status_code",
            latency="kn_serving_invocation_duration_seconds_bucket",
        ),
        # Until Knative 1.18.
        Template(
            name="knative-1.18",
            found=POD,
            requests="revision_app_request_count",
            code="response_code",
            latency="revision_app_request_latencies_bucket",
            unit_seconds=0.001,
        ),
        Template(
            name="traefik",
            found=ByBackend("service", r"httproute-.+-svc-{namespace}-{service}-[0-9]+@kubernetesgateway"),
            requests="traefik_service_requests_total",
            code="code",
            latency="traefik_service_request_duration_seconds_bucket",
        ),
        # At the gateway: what the pod's own sidecar counts, a refused connection is not part of.
        Template(
            name="istio",
            found=ByBackend("destination_service", r"{service}\.{namespace}\.svc\..+"),
            requests="istio_requests_total",
            code="response_code",
            latency="istio_request_duration_milliseconds_bucket",
            unit_seconds=0.001,
            matchers='reporter="source"',
        ),
        # Clusters whose statistics are called by namespace and Service, as Contour does. Envoy Gateway has one cluster for all
        # backends of a rule, and Istio's own names have dots, at which Envoy cuts them: take its own template.
        Template(
            name="envoy",
            found=ByBackend("envoy_cluster_name", r"{namespace}[/_]{service}(?:[/_].+)?"),
            requests="envoy_cluster_upstream_rq",
            code="envoy_response_code",
            latency="envoy_cluster_upstream_rq_time_bucket",
            unit_seconds=0.001,
        ),
    )
}
