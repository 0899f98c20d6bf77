"""The model card: what is known, and plainly what nobody has said."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from components.register.candidate import Candidate
from components.register.model_card import MAX_DESCRIPTION_LENGTH, SECTIONS, description, model_card
from serinus.training.config import ModelCard, TrainingConfig
from serinus.training.gates import Fairness
from serinus.training.values import ColumnCard, GateCheck, SliceMetrics
from tests.components.mlflow_world import make_candidate, make_origin

AT = datetime(2024, 2, 1, 12, 30, tzinfo=UTC)
UNSAID = "Not stated; add modelCard.{} to the training file."


@pytest.fixture
def candidate(trips: pd.DataFrame, config: TrainingConfig, tmp_path: Path) -> Candidate:
    return make_candidate(trips, config, tmp_path)


def sections(candidate: Candidate, config: TrainingConfig) -> dict[str, str]:
    """The card's texts by their titles."""
    head, *parts = model_card(candidate, config, make_origin(config), AT).split("\n## ")
    assert head.strip() == "# trips"
    return dict(part.split("\n\n", 1) for part in parts)


def with_card(config: TrainingConfig, **said: str) -> TrainingConfig:
    return config.model_copy(update={"model_card": ModelCard(**said)})


def test_a_card_has_every_section_in_its_order(candidate: Candidate, config: TrainingConfig) -> None:
    assert tuple(sections(candidate, config)) == SECTIONS


def test_what_nobody_has_said_is_called_that(candidate: Candidate, config: TrainingConfig) -> None:
    said = sections(candidate, config)
    assert said["Intended use"].strip() == UNSAID.format("intendedUse")
    assert said["Ethical considerations"].strip() == UNSAID.format("ethicalConsiderations")
    assert said["Caveats and recommendations"].strip() == UNSAID.format("limitations")
    assert "add modelCard.owners" in said["Model details"]
    assert "add gates.slices or gates.fairness" in said["Factors"]


def test_what_the_team_has_said_stands_in_its_section(candidate: Candidate, config: TrainingConfig) -> None:
    said = sections(
        candidate,
        with_card(
            config,
            intended_use="* Telling guests\n* Planning",
            limitations="Not for cargo.",
            owners="team-a",
            ethical_considerations="None.",
        ),
    )
    assert said["Intended use"].strip() == "* Telling guests\n* Planning"
    assert said["Caveats and recommendations"].strip() == "Not for cargo."
    assert said["Ethical considerations"].strip() == "None."
    assert "| Owners | team-a |" in said["Model details"]


def test_a_card_says_its_data_and_numbers(candidate: Candidate, config: TrainingConfig) -> None:
    champion = candidate.decision.model_copy(update={"champion_version": "3", "champion_metrics": {"logLoss": 0.75}})
    part = SliceMetrics(column="carrier", value="AA", rows=41, metrics={"logLoss": 0.25})
    said = sections(replace(candidate, decision=champion, slices=(part,)), config)
    assert "| Champion at that time | 3 |" in said["Model details"]
    assert "| Made | 2024-02-01 12:30 UTC |" in said["Model details"]
    assert "280 of 400 rows from trips.csv" in said["Training data"]
    assert candidate.card.digest in said["Training data"]
    assert "120 held-out rows of the training data (30%, the latest)" in said["Evaluation data"]
    assert f"| logLoss | {candidate.decision.metrics['logLoss']:.4g} | 0.75 |" in said["Quantitative analyses"]
    assert "| carrier | AA | 41 | 0.25 |" in said["Quantitative analyses"]
    assert "| size | Pass | 0.1 MiB |" in said["Quantitative analyses"]


def test_fairness_and_what_was_only_told_are_not_hidden(candidate: Candidate, config: TrainingConfig) -> None:
    gap = GateCheck(name="fairness", verdict="Fail", reason="X", message="gap of carrier is 0.3", blocking=False)
    fairness = Fairness(columns=("carrier",), max_demographic_parity_difference=0.1, blocking=False)
    judged = config.model_copy(update={"gates": config.gates.model_copy(update={"fairness": fairness})})
    decided = candidate.decision.model_copy(update={"checks": (gap,)})
    said = sections(replace(candidate, decision=decided), judged)
    assert "groups of carrier" in said["Factors"]
    assert "| fairness | Fail | gap of carrier is 0.3 |" in said["Ethical considerations"]
    assert "Gates that did not pass, and do not block" in said["Caveats and recommendations"]


def test_names_and_messages_never_become_markup(candidate: Candidate, config: TrainingConfig) -> None:
    hostile = "a|b <script>\n## [x](javascript:1) `c`"
    column = ColumnCard(name="wind", type="float64", missing=0, distinct=3, meaning=hostile)
    decided = candidate.decision.model_copy(update={"message": hostile})
    guarded = replace(candidate, decision=decided, card=candidate.card.model_copy(update={"columns": (column,)}))
    escaped = r"a\|b \<script\> \#\# \[x\](javascript:1) \`c\`"
    assert f"| {escaped} |" in sections(guarded, config)["Training data"]
    assert escaped in description(guarded, config, "card.md")


def test_the_teams_text_keeps_to_its_section_and_brings_no_html(candidate: Candidate, config: TrainingConfig) -> None:
    said = sections(candidate, with_card(config, intended_use="# Use\n<img src=x>\n## Metrics\n**bold**"))
    assert tuple(said) == SECTIONS
    assert said["Intended use"].strip() == "\\# Use\n\\<img src=x>\n\\## Metrics\n**bold**"


@pytest.mark.parametrize("words", [1, 4000])
def test_a_description_is_no_longer_than_mlflow_keeps(words: int, candidate: Candidate, config: TrainingConfig) -> None:
    text = description(candidate, with_card(config, intended_use="plan " * words), "serinus/model-card.md")
    assert text.startswith("linear is the first version of trips")
    assert len(text) <= MAX_DESCRIPTION_LENGTH
    assert text.endswith("serinus/model-card.md among the model's files.")


@pytest.mark.parametrize(
    "fields", [{"intendedUse": "x", "limitations": "y", "owners": "z", "ethicalConsiderations": "w"}, {}]
)
def test_the_model_card_of_a_training_file_is_read(fields: dict[str, Any]) -> None:
    assert ModelCard.model_validate(fields).model_dump(by_alias=True, exclude_defaults=True) == fields
