"""Which adapters stand behind the operator's ports."""

from lightkube.config.kubeconfig import Cluster, Context, SingleConfig, User

from serinus.adapters.cluster_metrics import ClusterMetrics
from serinus.adapters.cluster_prometheus import ClusterPrometheus
from serinus.adapters.prometheus_api import PrometheusApi
from serinus.kubernetes.compose import compose
from serinus.kubernetes.settings import OperatorSettings

CONFIG = SingleConfig(
    context_name="c", context=Context(cluster="c"), cluster=Cluster(server="http://127.0.0.1:1"), user=User()
)


def closing(*flags: str) -> set[type]:
    """What is connected to something."""
    return {type(one) for one in compose(OperatorSettings(_cli_parse_args=list(flags)), CONFIG).closing}


def test_without_a_prometheus_the_gateway_or_the_pods_are_asked() -> None:
    assert ClusterMetrics in closing()
    assert PrometheusApi not in closing()


def test_with_a_prometheus_requests_are_counted_by_it() -> None:
    assert {ClusterPrometheus, PrometheusApi} <= closing("--prometheus-url", "http://prometheus:9090")


def test_a_prometheus_may_be_there_for_queries_alone() -> None:
    flags = ("--prometheus-url", "http://prometheus:9090", "--prometheus-template", "none")
    assert {ClusterMetrics, PrometheusApi} <= closing(*flags)
