"""A candidate that passed the gate, and an MLflow client that breaks where a test wants it to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from components.evaluate.step import predict_answerable, score
from components.register.candidate import Candidate, Origin, origin_of
from components.train.step import load_model, save_model, train
from serinus.training.config import TrainingConfig
from serinus.training.values import FIRST_VERSION, ColumnCard, DataCard, GateCheck, GateDecision, SearchCandidate


def make_candidate(trips: pd.DataFrame, config: TrainingConfig, folder: Path, **decided: Any) -> Candidate:
    """The linear variant, fitted on the first rows and judged on the last; `decided` is what the gate said otherwise."""
    rows, held_out = trips[:280], trips[280:]
    save_model(train(rows, config, config.variant("linear")), str(folder / "model.skops"))
    model = load_model(str(folder / "model.skops"))
    predictions = predict_answerable(model, held_out, config, "linear")
    decision = GateDecision(
        better=True,
        variant="linear",
        reason=FIRST_VERSION,
        message="linear is the first version of trips",
        metrics=score(held_out[config.target], predictions, config),
        checks=(
            GateCheck(name="size", verdict="Pass", reason="SmallEnough", message="0.1 MiB", numbers={"mebibytes": 0.1}),
        ),
    )
    return Candidate(
        model_file=folder / "model.skops",
        train=rows,
        predictions=predictions,
        card=make_card(trips),
        decision=decision.model_copy(update=decided),
    )


def make_card(trips: pd.DataFrame) -> DataCard:
    columns = tuple(
        ColumnCard(name=name, type=str(trips[name].dtype), missing=0, distinct=3, meaning="a | b") for name in trips
    )
    return DataCard(
        source="trips.csv",
        rows=400,
        rows_in_window=400,
        first="2024-01-01T00:00:00",
        last="2024-01-10T23:24:00",
        digest="sha256:" + "d" * 64,
        columns=columns,
    )


def make_origin(config: TrainingConfig, key: str = "run-1") -> Origin:
    return origin_of(
        config.model_dump_json(by_alias=True),
        run_key=key,
        job_id="job-7",
        git_sha="c0ffee",
        images='{"train": "sha256:1"}',
        snapshot_uri="s3://rows/d",
    )


class Faulty:
    """An MlflowClient whose call number `at` fails: before it reaches MLflow, or `after` it was done there."""

    def __init__(self, client: Any, at: int = -1, *, after: bool = False) -> None:
        self._client, self._at, self._after = client, at, after
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._counted(name, found) if callable(found) else found

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*positional: Any, **named: Any) -> Any:
            self.calls.append(name)
            breaks = len(self.calls) - 1 == self._at
            if breaks and not self._after:
                raise ConnectionError(f"cut off before {name}")
            result = call(*positional, **named)
            if breaks:
                raise ConnectionError(f"cut off after {name}")
            return result

        return counted


class Interrupted(Faulty):
    """An MlflowClient that lets `other` happen just before its call number `at`; `said` is what that returned."""

    def __init__(self, client: Any, at: int, other: Callable[[], str]) -> None:
        super().__init__(client)
        self._when, self._other, self.said = at, other, ""

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        counted = super()._counted(name, call)

        def interrupted(*positional: Any, **named: Any) -> Any:
            if len(self.calls) == self._when and not self.said:
                self.said = self._other()
            return counted(*positional, **named)

        return interrupted


def make_search(folder: Path, tried: int, *, same: bool = False) -> None:
    """The file that a search of `tried` candidates leaves in its variant's folder."""
    candidates = [
        SearchCandidate(
            parameters={"max_leaf_nodes": 2 if same else 2 + number},
            metric="logLoss",
            score=0.5 + number,
            deviation=0.1,
            rank=number + 1,
            chosen=not number,
        )
        for number in range(tried)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "search.json").write_bytes(TypeAdapter(list[SearchCandidate]).dump_json(candidates, by_alias=True))
