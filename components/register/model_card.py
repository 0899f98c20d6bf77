"""The model card: the sections of Mitchell et al., Model Cards for Model Reporting (2019), from what is known.

What only people can say comes from `modelCard` of the training file; where nobody has said it, the card says so.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from components.register.candidate import Candidate, Origin
from components.register.markdown import as_text, cell, table
from components.register.run import variant_parameters
from serinus.training.config import TrainingConfig
from serinus.training.values import GateCheck

MAX_DESCRIPTION_LENGTH = 5000  # what MLflow's databases keep of a version's description
SECTIONS = (
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
)


def model_card(candidate: Candidate, config: TrainingConfig, origin: Origin, at: datetime) -> str:
    """The card as Markdown; `at` is when the version is made."""
    texts = (
        _details(candidate, config, origin, at),
        _stated(config.model_card.intended_use, "intendedUse"),
        _factors(config),
        _metrics(config),
        _evaluation_data(candidate, config),
        _training_data(candidate, config),
        _analyses(candidate),
        _ethics(candidate, config),
        _caveats(candidate, config),
    )
    sections = (f"## {title}\n\n{text}\n" for title, text in zip(SECTIONS, texts, strict=True))
    return "\n".join([f"# {cell(config.model)}\n", *sections])


def description(candidate: Candidate, config: TrainingConfig, card_file: str) -> str:
    """The card in short, for the version's description."""
    decision = candidate.decision
    numbers = ", ".join(f"{cell(name)} {value:.4g}" for name, value in decision.metrics.items())
    parts = [
        cell(decision.message),
        f"Held-out rows: {numbers}.",
        f"**Intended use.** {_stated(config.model_card.intended_use, 'intendedUse')}",
        f"**Limitations.** {_stated(config.model_card.limitations, 'limitations')}",
    ]
    end = f"\n\nThe whole card is {card_file} among the model's files."
    text, room = "\n\n".join(parts), MAX_DESCRIPTION_LENGTH - len(end)
    return (text if len(text) <= room else text[: room - 4] + " ...") + end


def _details(candidate: Candidate, config: TrainingConfig, origin: Origin, at: datetime) -> str:
    variant = config.variant(candidate.decision.variant)
    rows = {
        "Owners": config.model_card.owners or "not stated; add modelCard.owners to the training file",
        "Made": f"{at:%Y-%m-%d %H:%M} UTC",
        "Variant": variant.name,
        "Task": f"{config.task} of {config.target}",
        **{name: str(value) for name, value in variant_parameters(variant).items()},
        "Champion at that time": candidate.decision.champion_version or "none",
        "Pipeline run": origin.run_key,
        "Training file": origin.training_digest,
        "Git commit": origin.git_sha or "not known",
    }
    return table(("", ""), rows.items())


def _factors(config: TrainingConfig) -> str:
    slices, fairness = config.gates.slices, config.gates.fairness
    said = [
        f"Quality is judged in each value of {_names(slices.columns)}." if slices else "",
        f"Differences are judged between the groups of {_names(fairness.columns)}." if fairness else "",
    ]
    return " ".join(filter(None, said)) or (
        "No groups are told apart; add gates.slices or gates.fairness to the training file."
    )


def _metrics(config: TrainingConfig) -> str:
    gates = config.gates
    return (
        f"Variants are compared by {gates.metric or config.metric}. A version must be better than the champion by "
        f"{gates.min_relative_improvement:.1%}, at a confidence of {gates.confidence:.0%}, and answer "
        f"{gates.min_coverage:.1%} of the held-out rows."
    )


def _evaluation_data(candidate: Candidate, config: TrainingConfig) -> str:
    chosen = "the latest" if config.split.by == "time" else f"drawn with seed {config.split.seed}"
    groups = f", all rows of one {cell(config.split.groups)} on one side" if config.split.groups else ""
    golden = "" if config.gates.golden is None else " Golden rows, never trained on, are judged besides."
    return (
        f"{len(candidate.predictions):,} held-out rows of the training data ({config.split.holdout:.0%}, {chosen}{groups}). "
        f"The model answers {candidate.predictions.notna().mean():.1%} of them.{golden}"
    )


def _training_data(candidate: Candidate, config: TrainingConfig) -> str:
    card, features = candidate.card, set(config.feature_names)
    said = (
        f"{len(candidate.train):,} of {card.rows:,} rows from {cell(card.source)}, from {card.first} to {card.last}. "
        f"Snapshot {card.digest}. Window {config.model_dump(mode='json')['window']}."
    )
    rows = [
        (c.name, c.type, c.missing, c.distinct, c.meaning or "not stated") for c in card.columns if c.name in features
    ]
    return f"{said}\n\n{table(('feature', 'type', 'missing', 'distinct', 'meaning'), rows)}"


def _analyses(candidate: Candidate) -> str:
    decision = candidate.decision
    champion = decision.champion_metrics or {}
    metrics = [
        (name, f"{value:.4g}", f"{champion[name]:.4g}" if name in champion else "")
        for name, value in decision.metrics.items()
    ]
    parts = [table(("metric", "this version", "champion"), metrics)]
    if candidate.slices:
        names = list(dict.fromkeys(name for one in candidate.slices for name in one.metrics))
        slices = [
            (s.column, s.value, s.rows, *(f"{s.metrics[n]:.4g}" if n in s.metrics else "" for n in names))
            for s in candidate.slices
        ]
        parts.append(table(("column", "value", "rows", *names), slices))
    if decision.checks:
        parts.append(_checks(decision.checks))
    return "\n\n".join(parts)


def _checks(checks: Iterable[GateCheck]) -> str:
    return table(("gate", "verdict", "message"), [(check.name, check.verdict, check.message) for check in checks])


def _ethics(candidate: Candidate, config: TrainingConfig) -> str:
    fairness = [check for check in candidate.decision.checks if check.name.startswith("fairness")]
    stated = _stated(config.model_card.ethical_considerations, "ethicalConsiderations")
    return f"{stated}\n\n{_checks(fairness)}" if fairness else stated


def _caveats(candidate: Candidate, config: TrainingConfig) -> str:
    failed = [check for check in candidate.decision.checks if check.verdict in ("Fail", "Inconclusive")]
    stated = _stated(config.model_card.limitations, "limitations")
    return f"{stated}\n\nGates that did not pass, and do not block:\n\n{_checks(failed)}" if failed else stated


def _stated(text: str, field: str) -> str:
    return as_text(text) if text.strip() else f"Not stated; add modelCard.{field} to the training file."


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(cell, columns))
