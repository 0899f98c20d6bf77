"""What the replay tells the core equals what the real parts tell: predictor, bins, collector, and the core itself."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from components.register.packaging import write_model_folder
from serinus.backtest.backtest import Question, span_of
from serinus.backtest.fits import Fits
from serinus.backtest.history import History, read_history, source_of
from serinus.backtest.policies import config_for, deployment_for, parse_policies
from serinus.backtest.replay import Replay
from serinus.backtest.versions import Answers, Version
from serinus.core.decision import Decision, Input
from serinus.core.quality import GRID, CompareQuestion, Party, WatchQuestion
from serinus.core.rollout import decide
from serinus.lint import read_deployment
from serinus.predictor.answers import answer_bins
from serinus.predictor.bins import BinCounter
from serinus.predictor.loading import LoadedModel, load_model
from serinus.training.load import load_config
from tests.backtest.support import Place

LABELS = timedelta(hours=5)
MIDDLE = datetime(2024, 1, 25, tzinfo=UTC)


def replay_of(place: Place, policy: str, look: timedelta = timedelta(days=1)) -> Replay:
    config = load_config(place.folder / "training.yaml")
    deployment = read_deployment(place.folder / "modeldeployment.yaml")
    history = read_history(config, source_of(config, None), LABELS)
    question = Question(deployment, config, policy, place.folder / "state", look=look)
    (asked,) = parse_policies(policy, config)
    return Replay(
        name=policy,
        history=history,
        deployment=deployment_for(asked, deployment, config, LABELS),
        config=config_for(asked, config),
        span=span_of(history, question),
        fits=Fits(history, place.folder / "state"),
        answers=Answers(history),
    )


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    replay = replay_of(Place.of(tmp_path_factory.mktemp("replayed")), "never")
    replay.run()
    return replay


@pytest.fixture(scope="module")
def served(replayed: Replay, tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadedModel, Version]:
    """The version as the real predictor loads it from the folder that register would write."""
    version, folder = replayed.registry.versions["1"], tmp_path_factory.mktemp("model") / "model"
    rows = replayed.history.frame.iloc[:200]
    predictions = pd.Series(version.answers(rows, replayed.config))
    config = replayed.config
    write_model_folder(
        folder, version.folder / "model.skops", train=rows, predictions=predictions, config=config,
        variant=config.variant(version.variant),
    )  # fmt: skip
    (folder / "serinus/reference.json").write_text(version.reference.model_dump_json(by_alias=True))
    return load_model(folder), version


def as_json(frame: pd.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    """The rows as a client sends them."""
    plain = frame[names].astype(object)
    return plain.where(plain.notna(), None).to_dict("records")


def test_answers_are_those_of_the_predictor(replayed: Replay, served: tuple[LoadedModel, Version]) -> None:
    loaded, version = served
    rows = replayed.history.frame
    batch = loaded.decoder.rows(as_json(rows, replayed.config.feature_names))
    np.testing.assert_array_equal(loaded.predict(batch), replayed.answers.of(version, 0, len(rows)))


def test_bins_are_those_that_the_predictor_counts(replayed: Replay, served: tuple[LoadedModel, Version]) -> None:
    loaded, _ = served
    (revision,) = replayed.traffic.revisions
    bins = replayed._reconciler.ports.bins
    assert bins is not None
    end = replayed.clock.now()
    for since in (end - timedelta(days=3), replayed.span.start, end - timedelta(days=11, minutes=7), end):
        window = asyncio.run(bins.window(replayed.key, revision, since))
        inside = replayed.history.frame[lambda rows, since=since: (rows["at"] > since) & (rows["at"] <= end)]
        counter = BinCounter(loaded.reference, answer_bins(loaded))
        if len(inside):
            batch = loaded.decoder.rows(as_json(inside, replayed.config.feature_names))
            counter.observe(batch, loaded.predict(batch))
        assert window.features == {name: dict(counts) for name, counts in counter.features()}
        assert window.prediction == dict(counter.predictions())
        assert window.answers == dict(counter.answers())
        assert window.reference["carrier"] == replayed.registry.versions["1"].reference.features[2].counts


def by_hand(history: History, answers: np.ndarray[Any, Any], rows: Any) -> Iterator[float]:
    for row in rows:
        yield (answers[row] - history.truth[row]) ** 2


def test_watched_losses_are_of_the_labels_that_have_come_and_add_up(replayed: Replay) -> None:
    history, quality = replayed.history, replayed._reconciler.ports.quality
    (revision,) = replayed.traffic.revisions
    question = WatchQuestion(since=MIDDLE, cohort_seconds=6 * 3600, revision=revision)
    assert quality is not None
    watched = asyncio.run(quality.watch(replayed.key, question))
    times = history.frame["at"]
    for cohort in watched.cohorts:
        rows = np.flatnonzero((times >= cohort.start) & (times < cohort.end))
        known = [row for row in rows if times[row] + LABELS <= replayed.clock.now()]
        assert (cohort.rows, cohort.labelled) == (len(rows), len(known))
        assert cohort.loss == pytest.approx(sum(by_hand(history, replayed.traffic.served, known)))
    assert sum(one.rows for one in watched.cohorts) == (times >= MIDDLE).sum()
    assert watched.cohorts[-1].labelled < watched.cohorts[-1].rows, "the latest labels have not come"
    everybody = asyncio.run(quality.watch(replayed.key, question.model_copy(update={"revision": ""})))
    assert everybody.cohorts == watched.cohorts
    assert watched.newest_label == (times[times + LABELS <= replayed.clock.now()].max() + LABELS).to_pydatetime()


def test_compared_losses_are_of_the_same_rows_and_keep_their_mean_on_the_grid(replayed: Replay) -> None:
    quality, (revision,) = replayed._reconciler.ports.quality, replayed.traffic.revisions
    first = replayed.registry.versions["1"]
    other = Version(
        number="2", variant=first.variant, model=Flipped(first.model), folder=first.folder, reference=first.reference,
        digest="sha256:flipped", created=first.created, metrics={},
    )  # fmt: skip
    replayed.traffic.know("flipped", other)
    question = CompareQuestion(
        since=MIDDLE,
        cohort_seconds=86400,
        model="trips",
        candidate=Party(revision="flipped"),
        stable=Party(revision=revision),
    )
    assert quality is not None
    found = asyncio.run(quality.compare(replayed.key, question))
    assert found.paired
    assert found == asyncio.run(quality.compare(replayed.key, question)), "asked again, the same is told"
    differences = sum(point * count for one in found.cohorts for point, count in one.differences.items()) / GRID
    exact = sum(one.candidate_loss - one.stable_loss for one in found.cohorts)
    labelled = sum(one.labelled for one in found.cohorts)
    assert abs(differences - exact) < 5 * np.sqrt(labelled) / GRID / 2
    half = asyncio.run(quality.compare(replayed.key, question.model_copy(update={"sample_rate": 0.5})))
    assert sum(one.rows for one in half.cohorts) == pytest.approx(sum(one.rows for one in found.cohorts) / 2, rel=0.1)


class Flipped:
    """A model that answers the opposite."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def predict_proba(self, rows: pd.DataFrame) -> Any:
        return self._model.predict_proba(rows)[:, ::-1]


def test_every_decision_is_what_the_core_decides_on_the_same_observations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Input, Decision]] = []

    def recorded(asked: Input) -> Decision:
        decision = decide(asked)
        seen.append((asked, decision))
        return decision

    monkeypatch.setattr("serinus.reconcile.decide", recorded)
    replay = replay_of(Place.of(tmp_path), "gated")
    replay.run()
    assert len(seen) == replay.looks > 50
    assert all(decide(asked) == decision for asked, decision in seen)
    assert seen[-1][1].next_state.stable == replay.store.state.stable  # type: ignore[union-attr]
    times = [asked.now for asked, _ in seen]
    assert times == sorted(times)
    assert times[0] == replay.span.start
    assert times[-1] <= replay.span.end
