"""PromQL that panels share. `$namespace`, `$deployment` and so on are the dashboard's variables.

Metrics of the operator bear namespace and deployment; those of predictors and of the collector, and the recording rules of the
chart, bear both in one label, as in deployment="ml/flights". An operator that was deposed tells of no deployment, but its last
words are there for a while beside its successor's: hence `max by`.
"""

from scripts.dashboards.panel import Ask

OWN = 'namespace="$namespace", deployment="$deployment"'
SERVED = 'deployment="$namespace/$deployment"'
PODS = 'namespace="$namespace", pod=~"$deployment-([0-9a-f]{10}-predictor|predictor-[0-9]{5})-.+"'

CONTAINERS = 'container!="", container!="POD"'


def own(metric: str, by: str = "", where: str = "") -> str:
    """A metric of the operator about this deployment."""
    chosen = f"{OWN}, {where}" if where else OWN
    return f"max by ({by}) ({metric}{{{chosen}}})" if by else f"max({metric}{{{chosen}}})"


def served(metric: str, where: str = "") -> str:
    """A metric, or a recording rule, about this deployment's revisions."""
    return f"{metric}{{{SERVED}, {where}}}" if where else f"{metric}{{{SERVED}}}"


def age() -> str:
    """Seconds since the training of what serves began; where that is not known, since it was promoted."""
    return f"time() - ({own('serinus_stable_trained_timestamp_seconds')} or {own('serinus_stable_since_timestamp_seconds')})"


def each_age() -> str:
    """The same of every deployment of the chosen namespaces."""
    return f"time() - ({each('serinus_stable_trained_timestamp_seconds')} or {each('serinus_stable_since_timestamp_seconds')})"


def each(metric: str, by: str = "", where: str = "") -> str:
    """A metric of the operator about every deployment of the chosen namespaces."""
    chosen = f'namespace=~"$namespace", {where}' if where else 'namespace=~"$namespace"'
    return f"max by (namespace, deployment{', ' + by if by else ''}) ({metric}{{{chosen}}})"


def of_stable(promql: str) -> str:
    """Only the series of the revision that serves."""
    return f"{promql} * on (revision) group_left () {own('serinus_revision_info', 'revision', _role('stable'))}"


def version_of(role: str) -> Ask:
    """The version that is stable, or the candidate."""
    return Ask(own("serinus_revision_info", "version, revision", _role(role)), "{{version}} ({{revision}})")


def mean_loss(span: str) -> str:
    """The mean loss of each revision's answers whose labels came within a time."""
    losses = f"sum by (revision, loss) (increase({served('serinus_loss_sum_total')}[{span}]))"
    rows = f"sum by (revision) (increase({served('serinus_labelled_total')}[{span}]))"
    return f"{losses} / on (revision) group_left () ({rows} > 0)"


def labelled_share(span: str) -> str:
    """Labels that came within a time, by the predictions that came within it."""
    labelled = f"sum(increase({served('serinus_labelled_total')}[{span}]))"
    stored = f"sum(increase({served('serinus_collector_predictions_total', _stored())}[{span}]) > 0)"
    return f"{labelled} / {stored}"


def lag(quantile: float, span: str) -> str:
    """How long labels take."""
    buckets = f"sum by (le) (increase({served('serinus_label_lag_seconds_bucket')}[{span}]))"
    return f"histogram_quantile({quantile}, {buckets})"


def compared_loss() -> str:
    """The mean loss of candidate and stable on the same rows."""
    rows = served("serinus_compared_rows", 'labelled="true"')
    return f"{served('serinus_compared_loss')} / on (revision, stable) group_left () ({rows} > 0)"


def retraining_runs(span: str) -> str:
    """Runs that ended within a time."""
    return f"sum by (trigger, outcome) (increase(serinus_retraining_runs_finished_total{{{OWN}}}[{span}]))"


def cpu() -> str:
    """Cores in use by pod; the sandbox of a pod is no container."""
    return f"sum by (pod) (rate(container_cpu_usage_seconds_total{{{PODS}, {CONTAINERS}}}[5m]))"


def memory() -> str:
    """Bytes in use by pod, as the kubelet counts them before it evicts."""
    return f"sum by (pod) (container_memory_working_set_bytes{{{PODS}, {CONTAINERS}}})"


def limits(resource: str) -> str:
    """What a pod may use at most."""
    return f'max(sum by (pod) (kube_pod_container_resource_limits{{{PODS}, resource="{resource}"}}))'


def _role(role: str) -> str:
    return f'role="{role}"'


def _stored() -> str:
    return 'outcome="stored"'
