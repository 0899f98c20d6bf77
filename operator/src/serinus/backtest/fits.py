"""Fits: the real steps on the rows of one moment, in this process, each kept on disk so that it is done once."""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from components.evaluate.step import predict_answerable
from components.ingest.rows import rows_of
from components.ingest.snapshot import data_card
from components.ingest.times import TimeColumn
from components.ingest.window import Window
from components.register.packaging import reference_of
from components.split.step import split
from components.split.window import rows_of_variant
from components.train.folder import MODEL_FILE, save_trained
from components.train.step import fit, load_model
from components.validate.step import check_snapshot, refuse_broken
from serinus.backtest.history import History
from serinus.core.errors import SerinusError
from serinus.core.reference import Reference
from serinus.training.config import TrainingConfig
from serinus.training.folders import whole_folder

HOLDOUT, TRAIN, PREDICTIONS, FACTS = "holdout.parquet", "train.parquet", "predictions.parquet", "facts.json"
NOT_OF_A_FIT = {"gates", "registry", "model_card", "source", "descriptions"}


class TooManyFits(SerinusError):
    """The policies ask for more fits than the user allows."""


@dataclass(frozen=True)
class Fitted:
    """All variants as one moment's rows make them, with their answers on the same held-out rows.

    `train` holds the training rows only where a gate looks at them. `seconds` are those of the fits when they were done.
    """

    folder: Path
    holdout: pd.DataFrame
    predictions: pd.DataFrame
    seconds: float
    train: pd.DataFrame

    def model(self, variant: str) -> Any:
        """The variant's model."""
        return load_model(str(self.folder / variant / MODEL_FILE))

    def reference(self, variant: str) -> Reference:
        """The variant's reference."""
        return Reference.model_validate_json((self.folder / variant / "reference.json").read_text(encoding="utf-8"))


@dataclass
class Fits:
    """Makes fits, or finds them in `root`. `most`: how many may be made; None for any number. `made` counts them."""

    history: History
    root: Path
    most: int | None = None
    made: int = 0
    found: int = 0

    def at(self, as_of: datetime, config: TrainingConfig) -> Fitted:
        """The fits of all variants of `config` on what was known at `as_of`.

        Raises DataInvalid and TrainingFailed as the steps do, and TooManyFits.
        """
        config = config.model_copy(update={"as_of": as_of})
        folder = self.root / self._key(config)
        if (folder / FACTS).is_file():
            self.found += 1
        else:
            self._refuse_one_more()
            self.made += 1
            make_fits(self.history, config, folder)
        return _load(folder, config)

    def _key(self, config: TrainingConfig) -> str:
        """What a fit depends on: the rows, when labels come, the training file but for what judges, the libraries."""
        import sklearn

        content = {
            "rows": self.history.digest,
            "labelDelay": self.history.label_delay.total_seconds(),
            "training": config.model_dump(mode="json", by_alias=True, exclude=NOT_OF_A_FIT),
            "golden": config.gates.golden is not None,
            "libraries": [sklearn.__version__, pd.__version__],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]

    def _refuse_one_more(self) -> None:
        if self.most is not None and self.made >= self.most:
            raise TooManyFits(
                f"the policies ask for more than {self.most} new fits (--max-fits); allow more, name fewer policies, "
                "or look less often. Those that were made are kept for the next time"
            )


def make_fits(history: History, config: TrainingConfig, folder: Path) -> None:
    """Ingest, validate, split, train and evaluate as the pipeline does, and keep what comes of it as `folder`."""
    train, holdout, latest = _parts(history, config)
    predictions, seconds = pd.DataFrame(index=holdout.index), {}
    with whole_folder(folder) as draft:
        for variant in config.variants:
            rows, started = rows_of_variant(train, config, variant, latest), time.monotonic()
            trained = fit(rows, config, variant)
            seconds[variant.name] = time.monotonic() - started
            predictions[variant.name] = predict_answerable(trained.model, holdout, config, variant.name)
            save_trained(trained, variant.name, draft / variant.name)
            reference = reference_of(rows, predictions[variant.name], config, variant)
            (draft / variant.name / "reference.json").write_text(reference.model_dump_json(by_alias=True))
        holdout.to_parquet(draft / HOLDOUT, index=False)
        predictions.to_parquet(draft / PREDICTIONS, index=False)
        if config.gates.golden:
            train.to_parquet(draft / TRAIN, index=False)
        (draft / FACTS).write_text(json.dumps({"seconds": seconds}))


def _parts(history: History, config: TrainingConfig) -> tuple[pd.DataFrame, pd.DataFrame, datetime]:
    """(training rows, held-out rows, time of the latest) of what was known at the config's asOf."""
    as_of = config.as_of
    if as_of is None:
        raise AssertionError("a fit of the replay has its moment")
    rows = rows_of(KnownRows(history.labelled_by(as_of), TimeColumn(config.time_column)), config)
    frame, card = rows.table.to_pandas(), data_card(rows, history.source, config)
    refuse_broken(check_snapshot(frame, card, config, now=as_of, last=None), config)
    return *split(frame, config), card.latest


class KnownRows:
    """Implements components.ingest.readers.Reader: rows in memory."""

    text_only = False
    label = None

    def __init__(self, rows: pa.Table, times: TimeColumn) -> None:
        self._rows, self.times = rows, times

    def latest(self) -> pd.Timestamp | None:
        """The latest time: rows are in time order."""
        return pd.Timestamp(self._rows[self.times.name][-1].as_py()) if len(self._rows) else None

    def batches(self, columns: list[str], window: Window | None) -> Iterator[pa.Table]:
        """All of them."""
        yield self._rows.select([name for name in columns if name in self._rows.column_names])


def _load(folder: Path, config: TrainingConfig) -> Fitted:
    holdout = pd.read_parquet(folder / HOLDOUT)
    return Fitted(
        folder=folder,
        holdout=holdout,
        predictions=pd.read_parquet(folder / PREDICTIONS),
        seconds=sum(json.loads((folder / FACTS).read_text())["seconds"].values()),
        train=pd.read_parquet(folder / TRAIN) if config.gates.golden else holdout.iloc[:0],
    )
