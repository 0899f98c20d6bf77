"""Record: a pipeline run as an MLflow run, with its report card, its variants and what searches tried, pass or fail."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.register.candidate import Origin, run_tags
from components.register.run import ensure_run, shown, training_parameters, variant_parameters
from components.train.folder import load_candidates
from serinus.adapters.mlflow_client import OUTCOME_TAG, connect, ensure_experiment, translated
from serinus.adapters.mlflow_runs import Children, Content, log_content
from serinus.training.config import TrainingConfig
from serinus.training.values import DataCard, GateDecision, Metrics, SearchCandidate

GATE_TAG = "serinus.dev/gate."  # + the gate's name: its verdict
CHOSEN_TAG = "serinus.dev/chosen"
NOTE_TAG = "mlflow.note.content"  # shown as Markdown above a run


@dataclass(frozen=True)
class Recording:
    """What a pipeline run has shown. `metrics` are those of each variant.

    `models` holds a folder for each variant, with `search.json` where it was searched for; `evaluation` is kept as it is.
    """

    origin: Origin
    card: DataCard
    metrics: dict[str, Metrics]
    decision: GateDecision
    report_html: str
    report_markdown: str
    models: Path
    evaluation: Path | None = None


def record(registry_uri: str, config: TrainingConfig, recording: Recording) -> str:
    """The id of the MLflow run of this pipeline run, which is used again where it is there, and completed.

    Raises RegistryUnavailable, and TrainingFailed where the run key is that of another training file.
    """
    with translated(registry_uri):
        client = connect(registry_uri)
        experiment = ensure_experiment(client, config.model, registry_uri)
        content = _content(config, recording)
        run = ensure_run(client, experiment, config, recording.origin, content.tags)
        log_content(client, run.info.run_id, content)
        _log_files(client, run.info.run_id, config, recording)
        _log_children(Children(client, experiment, recording.origin.run_key), run.info.run_id, config, recording)
        client.set_terminated(run.info.run_id)
        return str(run.info.run_id)


def _content(config: TrainingConfig, recording: Recording) -> Content:
    decision = recording.decision
    metrics = dict(decision.metrics)
    metrics |= {f"champion.{name}": value for name, value in (decision.champion_metrics or {}).items()}
    metrics |= {f"gate.{c.name}.{name}": value for c in decision.checks for name, value in c.numbers.items()}
    tags = run_tags(recording.origin, recording.card, decision)
    tags |= {OUTCOME_TAG: decision.outcome, NOTE_TAG: recording.report_markdown}
    tags |= {GATE_TAG + check.name: check.verdict for check in decision.checks}
    return Content(metrics, training_parameters(config), tags)


def _log_files(client: Any, run_id: str, config: TrainingConfig, recording: Recording) -> None:
    texts = {
        "report-card.html": recording.report_html,
        "report-card.md": recording.report_markdown,
        "decision.json": recording.decision.model_dump_json(by_alias=True, indent=2),
        "data-card.json": recording.card.model_dump_json(by_alias=True, indent=2),
        "training.json": shown(config).model_dump_json(by_alias=True, indent=2),
    }
    with tempfile.TemporaryDirectory() as draft:
        for name, text in texts.items():
            Path(draft, name).write_text(text, encoding="utf-8")
        client.log_artifacts(run_id, draft)
    if recording.evaluation is not None:
        client.log_artifacts(run_id, str(recording.evaluation), "evaluation")


def _log_children(children: Children, run_id: str, config: TrainingConfig, recording: Recording) -> None:
    for name, metrics in recording.metrics.items():
        tried = load_candidates(recording.models / name)
        content = Content(metrics, variant_parameters(config.variant(name)), _chosen(tried))
        variant = children.log(name, name, run_id, content)
        for key, candidate in _keyed(tried):
            children.log(f"{name}/{key}", f"{name} {candidate.rank}", variant, _of_candidate(candidate))
    children.tidy()


def _chosen(candidates: tuple[SearchCandidate, ...]) -> dict[str, str]:
    """The parameters that the search chose, as a tag: a parameter could never be another's when the run is done again."""
    chosen = [json.dumps(candidate.parameters) for candidate in candidates if candidate.chosen]
    return {CHOSEN_TAG: chosen[0]} if chosen else {}


def _keyed(candidates: tuple[SearchCandidate, ...]) -> Iterator[tuple[str, SearchCandidate]]:
    """Each candidate with a key of its parameters, because a rank is another's when the search is run again."""
    drawn: dict[str, int] = {}
    for candidate in candidates:
        digest = Content(params=candidate.parameters).digest
        drawn[digest] = drawn.get(digest, 0) + 1
        yield f"{digest}.{drawn[digest]}", candidate


def _of_candidate(candidate: SearchCandidate) -> Content:
    metrics = {candidate.metric: candidate.score, "deviation": candidate.deviation, "rank": candidate.rank}
    return Content(metrics, candidate.parameters, {CHOSEN_TAG: str(candidate.chosen).lower()})
