"""All models on one page, and how the parts of Serinus itself do."""

from scripts.dashboards.page import Page, Row, choice
from scripts.dashboards.panel import BAD_FROM_1, BLUE, GREEN, GREY, RED, YELLOW, Ask, Json, bars, lines, number, table
from scripts.dashboards.queries import each, each_age

CHOSEN = 'namespace=~"$namespace"'
MODEL_PAGE = (
    "/d/serinus-model?var-datasource=${datasource}&var-namespace=${__data.fields.namespace}"
    "&var-deployment=${__data.fields.deployment}&${__url_time_range}"
)
TO_ITS_PAGE: Json = {"matcher": {"id": "byName", "options": "deployment"}, "properties": [
    {"id": "links", "value": [{"title": "This model", "url": MODEL_PAGE}]}]}  # fmt: skip


def unit(column: str, value: str) -> Json:
    """How a column's numbers are written."""
    return {"matcher": {"id": "byName", "options": column}, "properties": [{"id": "unit", "value": value}]}


def in_phase(phases: str) -> str:
    """How many deployments are in one of some phases."""
    chosen = f'{CHOSEN}, phase=~"{phases}"'
    return f"sum(max by (namespace, deployment, phase) (serinus_deployment_phase{{{chosen}}}))"


def newest(metric: str) -> Ask:
    """The newest value of each deployment, for a table's column."""
    return Ask(metric, instant=True)


def ended(outcome: str, span: str) -> str:
    """Rollouts of each deployment that ended so."""
    counted = f'serinus_rollouts_finished_total{{{CHOSEN}, outcome="{outcome}"}}'
    return f"sum by (namespace, deployment) (increase({counted}[{span}]))"


def reconciles(quantile: float) -> str:
    """Seconds of a reconcile that ended well."""
    buckets = 'sum by (le) (rate(serinus_reconcile_seconds_bucket{result="ok"}[5m]))'
    return f"histogram_quantile({quantile}, {buckets})"


COUNTS = Row(
    "Now",
    (
        number("Models", "ModelDeployments that are known.", Ask(in_phase(".+"))),
        number("Serve nothing", "In phase Failed.", Ask(in_phase("Failed")), steps=BAD_FROM_1),
        number("Rolling out", "A candidate is on its way.",
               Ask(in_phase("Deploying|Progressing|Paused|AwaitingApproval|Promoting|RollingBack"))),
        number("Wait for a person", "Paused, or waiting for an approval.", Ask(in_phase("Paused|AwaitingApproval")),
               steps=((None, GREEN), (1, YELLOW))),
        number("Drifted", "Models whose rows have drifted from their training.",
               Ask(f"sum({each('serinus_drifted')})"), steps=((None, GREEN), (1, YELLOW))),
        number("In trouble", "Not as asked for, or not to be judged.",
               Ask(f"count({each('serinus_trouble')}) or vector(0)"), steps=BAD_FROM_1),
    ),
)  # fmt: skip

MODELS = Row(
    "Models",
    (
        table(
            "Models", "Every ModelDeployment. The name leads to its own page.",
            (
                (newest(f"{each('serinus_deployment_phase', 'phase')} == 1"), ""),
                (newest(each("serinus_revision_info", "version", 'role="stable"')), ""),
                (newest(each("serinus_candidate_weight")), "candidate's weight"),
                (newest(each_age()), "age"),
                (newest(each("serinus_drifted")), "drifted"),
                (newest(ended("RolledBack", "30d")), "rolled back in 30 days"),
                (newest(f"sum by (namespace, deployment) (increase(serinus_retraining_runs_finished_total{{{CHOSEN}}}[30d]))"),
                 "retrained in 30 days"),
                (newest(f"count by (namespace, deployment) ({each('serinus_trouble')})"), "troubles"),
            ),
            height=12,
            overrides=(TO_ITS_PAGE, unit("age", "s"), unit("candidate's weight", "percent"), unit("drifted", "bool_yes_no")),
        ),
    ),
)  # fmt: skip

HISTORY = Row(
    "What happened",
    (
        lines("Rollouts that ended", "By outcome, within an hour.",
              Ask(f"sum by (outcome) (increase(serinus_rollouts_finished_total{{{CHOSEN}}}[1h]))", "{{outcome}}"), width=8),
        lines("Retraining runs that ended", "By outcome, within an hour.",
              Ask(f"sum by (outcome) (increase(serinus_retraining_runs_finished_total{{{CHOSEN}}}[1h]))", "{{outcome}}"),
              width=8),
        bars("Most drifted", "The worst PSI of the latest look of each model.",
             Ask(f"topk(10, max by (namespace, deployment) ({each('serinus_drift_psi', 'kind, name')}))",
                 "{{namespace}}/{{deployment}}", instant=True),
             steps=((None, GREEN), (0.1, YELLOW), (0.2, RED)), width=8),
    ),
)  # fmt: skip

OPERATOR = Row(
    "Operator",
    (
        number("Replicas at work", "One holds the Lease and works; the others stand by.", Ask("sum(serinus_leader)"),
               steps=((None, RED), (1, GREEN), (2, RED))),
        number("Waiting", "ModelDeployments that wait for a worker.", Ask("max(serinus_queue_depth)"),
               steps=((None, GREEN), (10, YELLOW), (100, RED))),
        number("At work", "ModelDeployments that have a worker.", Ask("max(serinus_queue_at_work)"),
               steps=((None, GREY), (1, BLUE))),
        lines("Time of a reconcile", "Of all that ended well.",
              Ask(reconciles(0.5), "p50"), Ask(reconciles(0.95), "p95"), unit="s", height=4),
        lines("Reconciles", "By result; everything but ok is the name of an error.",
              Ask("sum by (result) (rate(serinus_reconcile_seconds_count[5m]))", "{{result}}"), unit="ops", width=8),
        lines("API server", "Answers by code; 0: none came.",
              Ask("sum by (code) (rate(serinus_api_requests_total[5m]))", "{{code}}"), unit="reqps", width=8),
        lines("Model registry", "Questions by result; everything but ok is the name of an error.",
              Ask("sum by (result) (rate(serinus_registry_questions_total[5m]))", "{{result}}"), unit="reqps", width=8),
    ),
)  # fmt: skip

COLLECTOR = Row(
    "Collector",
    (
        lines("Predictions", "By what became of them.",
              Ask("sum by (outcome) (rate(serinus_collector_predictions_total[5m]))", "{{outcome}}"), unit="ops", width=6),
        lines("Labels", "By what became of them.",
              Ask("sum by (outcome) (rate(serinus_collector_labels_total[5m]))", "{{outcome}}"), unit="ops", width=6),
        lines("Refused", "Requests that were not taken, by why.",
              Ask("sum by (reason) (rate(serinus_collector_refused_total[5m]))", "{{reason}}"), unit="reqps", width=6),
        lines("Waiting", "Events that wait for the database, and rows that wait for the log.",
              Ask("max(serinus_collector_queue_events)", "events"), Ask("max(serinus_collector_rows_waiting)", "rows"),
              width=6),
    ),
)  # fmt: skip

FLEET = Page(
    uid="serinus-fleet",
    title="Serinus: fleet",
    about="Every model: what it serves, how old it is, what happened to it; and how operator and collector do.",
    variables=(
        {
            **choice("namespace", "Namespace", "label_values(serinus_deployment_phase, namespace)"),
            "multi": True,
            "includeAll": True,
            "allValue": ".+",
            "current": {"text": "All", "value": "$__all", "selected": True},
        },
    ),
    links=(),
    rows=(COUNTS, MODELS, HISTORY, OPERATOR, COLLECTOR),
    since="now-24h",
)
