"""One model on one page: what serves, what is on its way, and whether it is good."""

from scripts.dashboards import queries as of
from scripts.dashboards.page import Page, Row, choice, link, spans
from scripts.dashboards.panel import (
    BAD_FROM_1,
    BLUE,
    GREEN,
    GREY,
    RED,
    YELLOW,
    Ask,
    Json,
    Panel,
    bands,
    bars,
    lines,
    number,
    word,
)

DAY = 86_400
PSI = ((None, GREEN), (0.1, YELLOW), (0.2, RED))
TVD = ((None, GREEN), (0.1, YELLOW), (0.2, RED))
LOG = {"custom": {"scaleDistribution": {"type": "log", "log": 10}}, "more": {"min": None}}


def dashed(pattern: str) -> Json:
    """Series of this name are what the others are measured against."""
    looks = [
        {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 8]}},
        {"id": "custom.fillOpacity", "value": 0},
        {"id": "color", "value": {"mode": "fixed", "fixedColor": GREY}},
    ]
    return {"matcher": {"id": "byRegexp", "options": pattern}, "properties": looks}


def evidence(kind: str, title: str, about: str) -> Panel:
    """What was seen of each signal as odds, and what is needed."""
    seen = Ask(of.own("serinus_signal", "signal", f'number="{kind}Evidence"'), "{{signal}}")
    needed = Ask(of.own("serinus_signal", "signal", f'number="{kind}Needed"'), "needed: {{signal}}")
    return lines(title, about, seen, needed, overrides=(dashed("/^needed/"),), width=8, **LOG)


NOW = Row(
    "Now",
    (
        word("Phase", "Where it stands; docs/rollouts.md says what each phase means.",
             Ask(f"{of.own('serinus_deployment_phase', 'phase')} == 1", "{{phase}}")),
        word("Stable version", "Version and revision that answer.", of.version_of("stable")),
        word("Candidate version", "Version and revision on the way; empty without a rollout.", of.version_of("candidate")),
        number("Age of the model", "Since its training began, if Serinus retrained it; else since its promotion.",
               Ask(of.age()), "s",
               ((None, GREEN), (30 * DAY, YELLOW), (90 * DAY, RED))),
        number("Drifted", "1 while the rows of the window have drifted from the training reference.",
               Ask(of.own("serinus_drifted")), "bool_yes_no", BAD_FROM_1),
        word("Trouble", "Why it is not as it was asked for, or cannot be judged; empty where all is well.",
             Ask(of.own("serinus_trouble", "reason"), "{{reason}}")),
    ),
)  # fmt: skip

ROLLOUT = Row(
    "Rollout",
    (
        bands("Phase", "The phases over time.", Ask(f"{of.own('serinus_deployment_phase', 'phase')} == 1", "{{phase}}")),
        lines("Weight of the candidate", "Share of the requests that it answers, and share that is copied to it.",
              Ask(of.own("serinus_candidate_weight"), "weight"), Ask(of.own("serinus_candidate_mirror"), "copied"),
              unit="percent", more={"max": 100}, custom={"lineInterpolation": "stepAfter"}),
        evidence("harm", "Evidence of harm",
                 "As odds to 1. A signal fails when its evidence reaches the dashed line; valid at every look."),
        evidence("safety", "Evidence that it is not worse",
                 "As odds to 1. A signal passes when its evidence reaches the dashed line."),
        bands("Verdicts", "Each signal's verdict over time.",
              Ask(f"{of.own('serinus_signal_verdict', 'signal, verdict')} == 1", "{{signal}}: {{verdict}}"), width=8),
    ),
)  # fmt: skip

TRAFFIC = Row(
    "Requests",
    (
        lines("Requests", "By revision, as the predictors count them.",
              Ask(f"{of.served('serinus:requests:increase5m')} / 300", "{{revision}}"), unit="reqps", width=8),
        lines("Errors", "Share of 5xx and of 4xx other than 401, 403 and 429.",
              Ask(of.served("serinus:error_ratio:5m"), "{{revision}}"), unit="percentunit", width=8),
        lines("Latency", "From a request's head to the end of its answer; estimated from a histogram's buckets.",
              *(Ask(of.served(f"serinus:request_seconds:{name}_5m"), f"{name} {{{{revision}}}}")
                for name in ("p50", "p95", "p99")),
              unit="s", width=8),
    ),
)  # fmt: skip

RESOURCES = Row(
    "CPU and memory of the predictors",
    (
        lines("CPU", "Cores in use by pod, and what a pod may use.",
              Ask(of.cpu(), "{{pod}}"), Ask(of.limits("cpu"), "limit"),
              overrides=(dashed("/^limit$/"),)),
        lines("Memory", "Working set by pod, and what a pod may use.",
              Ask(of.memory(), "{{pod}}"), Ask(of.limits("memory"), "limit"),
              unit="bytes", overrides=(dashed("/^limit$/"),)),
    ),
)  # fmt: skip

QUALITY = Row(
    "Quality against labels",
    (
        lines("Mean loss", "Of the answers whose labels came within the chosen time, by revision. Another mix of requests makes "
              "another loss: the signal of a rollout compares both on the same rows.",
              Ask(of.mean_loss("$labels"), "{{loss}} {{revision}}"), width=8, more={"decimals": 4}),
        lines("Loss on the same rows", "Mean loss of candidate and stable on the rows of the comparison asked for last.",
              Ask(of.compared_loss(), "{{of}}"),
              width=8, more={"decimals": 4}),
        lines("Labels", "Labels that came by predictions that came, within the chosen time.",
              Ask(of.labelled_share("$labels"), "labelled"), unit="percentunit", width=4),
        lines("Label lag", "From an answer to its label.",
              Ask(of.lag(0.5, "$labels"), "p50"), Ask(of.lag(0.95, "$labels"), "p95"), unit="s", width=4),
    ),
)  # fmt: skip

DRIFT = Row(
    "Drift",
    (
        bars("PSI by feature", "Population stability index of what serves, against its training reference. "
             "0.2 is the customary alarm. Empty below the fewest rows.",
             Ask(f"sort_desc({of.of_stable(of.served('serinus:feature_psi:$window'))})", "{{feature}}", instant=True),
             steps=PSI, width=6, height=9),
        bars("Moved by feature", "Total variation distance: the share of the rows that lie in other bins.",
             Ask(f"sort_desc({of.of_stable(of.served('serinus:feature_tvd:$window'))})", "{{feature}}", instant=True),
             "percentunit", TVD, width=6, height=9, more={"min": 0, "max": 1}),
        lines("PSI over time", "The features of the operator's latest look that have drifted most, and the prediction.",
              Ask(of.own("serinus_drift_psi", "kind, name"), "{{name}}"), limit=0.2, width=6, height=9),
        lines("PSI of the prediction", "Of each revision against its own held-out rows; dashed: what chance reaches.",
              Ask(of.served("serinus:prediction_psi:$window"), "{{revision}}"),
              Ask(of.served("serinus:prediction_psi_chance:$window"), "chance {{revision}}"),
              overrides=(dashed("/^chance/"),), width=6, height=9),
    ),
)  # fmt: skip

RETRAINING = Row(
    "Retraining",
    (
        number("Since the last run", "Since the latest retraining run ended.",
               Ask(f"time() - {of.own('serinus_retraining_last_run_timestamp_seconds')}"), "s", width=4),
        number("Running", "1 while a run is asked for and has not ended.", Ask(of.own("serinus_retraining_running")), "bool_yes_no",
               ((None, GREY), (1, BLUE))),
        number("Runs without a better model", "In a row; a person is needed at spec.retraining.giveUpAfter.",
               Ask(of.own("serinus_retraining_runs_without_better")), steps=((None, GREEN), (1, YELLOW), (3, RED))),
        word("Stands", "How retraining stands: the reason that status.retraining has too.",
             Ask(of.own("serinus_retraining_reason", "reason"), "{{reason}}"), width=6),
        bars("Runs within 30 days", "By trigger and outcome.",
             Ask(of.retraining_runs("30d"), "{{trigger}}: {{outcome}}", instant=True),
             width=6, height=4, more={"min": 0, "decimals": 0}),
    ),
)  # fmt: skip

MODEL = Page(
    uid="serinus-model",
    title="Serinus: one model",
    about="What serves, what is on its way, what the evidence says, and whether the model is still good.",
    variables=(
        choice("namespace", "Namespace", "label_values(serinus_deployment_phase, namespace)"),
        choice("deployment", "Model", 'label_values(serinus_deployment_phase{namespace="$namespace"}, deployment)'),
        spans("window", "Drift over", ("1h", "24h"), "24h"),
        spans("labels", "Labels over", ("1h", "6h", "24h", "7d"), "24h"),
    ),
    links=(link("Fleet", "/d/serinus-fleet?var-datasource=${datasource}"),),
    rows=(NOW, ROLLOUT, TRAFFIC, RESOURCES, QUALITY, DRIFT, RETRAINING),
)
