"""What the collector is told, by flags and by environment variables."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from serinus.core.quality import Loss
from serinus.core.spec.duration import PositiveDuration

ANY: Final = "*"
CLASS_LOSSES: Final = frozenset[Loss]({"brier", "logLoss"})
DEPLOYMENT: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def _is_deployment(text: str) -> str:
    if not DEPLOYMENT.fullmatch(text):
        raise ValueError(f'"{text[:70]}" is not a ModelDeployment; write namespace/name')
    return text


def _is_deployment_or_any(text: str) -> str:
    return text if text == ANY else _is_deployment(text)


DeploymentName = Annotated[str, AfterValidator(_is_deployment)]
Names = Annotated[tuple[str, ...], NoDecode]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Losses = Annotated[tuple[Loss, ...], Field(min_length=1)]
ByDeployment = Annotated[str, AfterValidator(_is_deployment_or_any)]


class CollectorSettings(BaseSettings):
    """Collect predictions and their labels, until SIGTERM.

    Every flag is an environment variable too: --log-root is SERINUS_COLLECTOR_LOG_ROOT. A flag wins.

    Exit codes: 0 done (stopped by SIGTERM) · 2 wrong usage · 3 it could not go on; the message says why.
    """

    model_config = SettingsConfigDict(
        env_prefix="SERINUS_COLLECTOR_",
        cli_prog_name="python -m serinus.collector",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        frozen=True,
    )

    database: SecretStr = Field(
        default=SecretStr("sqlite:///collector.db"),
        description="SQLAlchemy URL: sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME. One collector each.",
    )
    log_root: str = Field(
        default="prediction-log",
        min_length=1,
        description="Where the prediction log is written: a folder, or an address that fsspec knows (s3://, gs://).",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8090, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    token_file: str = Field(
        default="",
        description="File with the bearer token that questions bear; where empty they are answered on a loopback address only.",
    )
    retention: PositiveDuration = Field(
        default=timedelta(days=90), description="How long rows are kept, in the database and in the log; whole days go."
    )
    sample_rate: Annotated[float, Field(ge=0, le=1)] = Field(
        default=1.0, description="Share of the requests that is kept, chosen by a hash of the request id."
    )
    drop_columns: Names = Field(default=(), description="Features that are not kept, separated by commas.")
    hash_columns: Names = Field(
        default=(), description="Features of which only a keyed hash is kept, separated by commas."
    )
    hash_key: SecretStr = Field(default=SecretStr(""), description="Key of that hash (HMAC-SHA256); keep it secret.")
    queue_events: Annotated[int, Field(ge=100, le=1_000_000)] = Field(
        default=20_000, description="Most events and labels that wait for the database; beyond it the answer is 429."
    )
    body_bytes: Annotated[int, Field(ge=1_000, le=1 << 30)] = Field(
        default=16 << 20, description="Largest request body."
    )
    bodies_bytes: Annotated[int, Field(ge=1_000, le=1 << 34)] = Field(
        default=64 << 20, description="Most bytes of bodies at a time; beyond it the answer is 429."
    )
    orphans_kept: PositiveDuration = Field(
        default=timedelta(hours=24),
        description="How long a label waits for its prediction, and half of a logged request for the other half.",
    )
    label_limit: PositiveDuration = Field(
        default=timedelta(days=30),
        description="A label that comes later than this after its prediction is late: in the log, in no cohort.",
    )
    losses: dict[ByDeployment, Losses] = Field(
        default={ANY: ("brier",)},
        description='Losses to sum up by deployment, as in {"ml/fares": ["squaredError"], "*": ["brier"]}. With brier and '
        "logLoss labels are 0 or 1.",
    )
    classes: dict[ByDeployment, tuple[str, str]] = Field(
        default={},
        description='Names of the classes 0 and 1 where labels or answers are text, as in {"ml/churn": ["stayed", "left"]}.',
    )
    threshold: float = Field(
        default=0.5, description="A probability above or at this counts as class 1 in confusion counts."
    )
    log_seconds: Seconds = Field(default=60.0, description="How often new rows are written to the log.")
    relabel_seconds: Seconds = Field(
        default=900.0, description="How often a file of the log is written anew because labels have come."
    )
    file_rows: Annotated[int, Field(ge=1, le=10_000_000)] = Field(default=100_000, description="Most rows of a file.")
    live_seconds: Seconds = Field(
        default=300.0,
        description="How long both revisions are asked for answers after a comparison was last asked for.",
    )
    max_series: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=500, description="Most revisions that have metrics of their own; of more, the oldest are left out."
    )
    stop_seconds: Seconds = Field(
        default=20.0, description="How long requests under way may take to end after SIGTERM."
    )

    @field_validator("drop_columns", "hash_columns", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _hash_has_a_key(self) -> Self:
        if self.hash_columns and not self.hash_key.get_secret_value():
            raise ValueError("hash_columns needs hash_key: without a key the values of a hash can be guessed; set one")
        return self

    def losses_of(self, deployment: str) -> tuple[Loss, ...]:
        """The losses that are summed up for `deployment`."""
        return self.losses.get(deployment) or self.losses.get(ANY) or ("brier",)

    def classes_of(self, deployment: str) -> tuple[str, str] | None:
        """The names of its classes 0 and 1, if it has any."""
        return self.classes.get(deployment) or self.classes.get(ANY)

    def is_classifier(self, deployment: str) -> bool:
        """Whether its labels are 0 or 1."""
        return bool(CLASS_LOSSES.intersection(self.losses_of(deployment)))


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL; None for other databases."""
    prefix = "sqlite:///"
    return Path(url.removeprefix(prefix)) if url.startswith(prefix) else None
