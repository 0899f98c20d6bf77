"""The report card, and the step as KFP calls it: with artifacts on disk and a registry in a file."""

import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from kfp import dsl

from components.gate.case import Case
from components.gate.champion import find_champion
from components.gate.component import gate
from components.gate.report import html_card, markdown_card
from components.register.packaging import write_model_folder
from serinus.adapters.mlflow_client import DIGEST_TAG, OUTCOME_TAG, RUN_KEY_TAG, SNAPSHOT_TAG, connect, registry_of
from serinus.artifact import directory_digest
from serinus.training.config import TrainingConfig
from serinus.training.values import GateCheck, GateDecision
from tests.components.gate_support import asking, trained
from tests.components.mlflow_world import make_card

SCRIPT = "<script>alert(1)</script>"
DECISION = GateDecision(
    better=False,
    variant="linear",
    reason="SliceNotReached",
    message=f"in carrier {SCRIPT} accuracy is low",
    metrics={"coverage": 1.0},
    champion_version="3",
    checks=(
        GateCheck(name="coverage", verdict="Pass", reason="CoverageReached", message="all", numbers={"coverage": 1}),
        GateCheck(name="slices", verdict="Fail", reason="SliceNotReached", message=f"in a|b\n{SCRIPT} *low*"),
        GateCheck(name="size", verdict="Inconclusive", reason="x", message="y", blocking=False),
        GateCheck(name="latency", verdict="NotAsked", reason="RefusedAlready", message="not asked, because"),
    ),
)


class Page(HTMLParser):
    """Collects tags, addresses that a browser would load, and the cells of the table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def test_the_page_tells_every_gate_and_loads_and_runs_nothing() -> None:
    page = Page(html_card(DECISION, model="trips", data_digest="sha256:77"))
    assert "script" not in page.tags
    assert page.loads == []
    assert page.tags.count("tr") == 1 + len(DECISION.checks)
    assert page.cells[:5] == ["coverage", "pass", "CoverageReached", "all", "coverage 1"]
    assert page.cells[8] == f"in a|b\n{SCRIPT} *low*"
    assert page.cells[11] == "inconclusive (does not block)"
    assert page.cells[16] == "not asked"


def test_the_cards_say_what_was_judged() -> None:
    for card in (html_card, markdown_card):
        text = card(DECISION, model="trips", data_digest="sha256:77")
        for said in ("Gates of trips: linear is refused", "version 3", "sha256:77", "SliceNotReached"):
            assert said in text


def test_the_table_in_markdown_keeps_its_columns_whatever_a_message_holds() -> None:
    text = markdown_card(DECISION, model="trips", data_digest="")
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(DECISION.checks)
    assert {line.replace("\\|", "").count("|") for line in table} == {6}
    assert SCRIPT not in text
    assert "in a\\|b &lt;script&gt;alert(1)&lt;/script&gt; \\*low\\*" in table[3]


GOLDEN = {"source": {"type": "csv", "path": "golden.csv"}, "metrics": {"logLoss": 0.7}}


def _made_champion(case: Case, registry: str, folder: Path) -> str:
    """Register the case's model by hand and point the alias at it; returns its version."""
    variant = case.config.variant(case.variant)
    model = case.model / "model.skops"
    write_model_folder(
        folder, model, train=case.train, predictions=case.predictions, config=case.config, variant=variant
    )
    client = connect(registry)
    client.create_registered_model("trips")
    made = client.create_model_version("trips", str(folder), tags={DIGEST_TAG: directory_digest(folder)})
    client.set_registered_model_alias("trips", "champion", made.version)
    return str(made.version)


@pytest.fixture
def registry(tmp_path: Path) -> str:
    return registry_of(tmp_path)


def test_the_step_leaves_a_decision_its_report_card_and_a_run_and_knows_the_champion(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path, registry: str
) -> None:
    (tmp_path / "gathered").mkdir()
    case = trained(asking(config, golden=GOLDEN), trips, tmp_path / "gathered")
    case.rows.to_parquet(tmp_path / "holdout.parquet")
    case.train.to_parquet(tmp_path / "train.parquet")
    pd.DataFrame({"late": case.truth, "linear": case.predictions}).to_parquet(tmp_path / "predictions.parquet")
    for folder in ("golden", "evaluation", "snapshot"):
        (tmp_path / folder).mkdir()
    (tmp_path / "snapshot" / "data-card.json").write_text(make_card(trips).model_dump_json(by_alias=True))
    case.rows[:50].to_parquet(tmp_path / "golden" / "data.parquet")

    def judged(run_key: str) -> GateDecision:
        result = gate.python_func(
            training=case.config.model_dump_json(by_alias=True),
            metrics=json.dumps({"linear": case.metrics}),
            predictions=dsl.Dataset(uri=str(tmp_path / "predictions.parquet")),
            models=dsl.Model(uri=str(tmp_path / "gathered")),
            train_rows=dsl.Dataset(uri=str(tmp_path / "train.parquet")),
            holdout_rows=dsl.Dataset(uri=str(tmp_path / "holdout.parquet")),
            golden=dsl.Dataset(uri=str(tmp_path / "golden")),
            evaluation=dsl.Artifact(uri=str(tmp_path / "evaluation")),
            snapshot=dsl.Dataset(uri=str(tmp_path / "snapshot"), metadata={"address": "s3://lake/snapshots/77"}),
            registry_uri=registry,
            run_key=run_key,
            job_id="job",
            git_sha="",
            images="",
            report=dsl.HTML(uri=str(tmp_path / "card.html")),
            summary=dsl.Markdown(uri=str(tmp_path / "card.md")),
        )
        decision = GateDecision.model_validate_json(result.decision)
        assert result.better == decision.better
        return decision

    first = judged("run-1")
    assert (first.better, first.reason) == (True, "FirstVersion")
    assert [one.name for one in first.checks] == ["coverage", "improvement", "golden"]
    assert "Gates of trips: linear passes" in (tmp_path / "card.md").read_text()
    assert Page((tmp_path / "card.html").read_text()).cells[5] == "improvement"

    version = _made_champion(case, registry, tmp_path / "registered")
    second = judged("run-2")
    assert (second.better, second.reason, second.champion_version) == (False, "NotBetterThanChampion", version)
    assert second.champion_metrics == pytest.approx(case.metrics)
    champion = find_champion(case.config, registry, case.rows, tmp_path / "again")
    assert champion is not None
    assert champion.created is not None
    assert timedelta() <= datetime.now(UTC) - champion.created < timedelta(minutes=10)
    tags = [run.data.tags for run in connect(registry).search_runs(["1"], f"tags.`{SNAPSHOT_TAG}` LIKE 's3:%'")]
    assert {one[RUN_KEY_TAG]: one[OUTCOME_TAG] for one in tags} == {"run-1": "passed", "run-2": "not better"}
