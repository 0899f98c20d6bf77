"""What is registered, and where it comes from."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from serinus.adapters.mlflow_client import (
    DATA_DIGEST_TAG,
    GIT_SHA_TAG,
    IMAGES_TAG,
    JOB_TAG,
    MESSAGE_TAG,
    PARENT_TAG,
    REASON_TAG,
    RUN_KEY_TAG,
    SNAPSHOT_TAG,
    TRAINING_TAG,
    VARIANT_TAG,
)
from serinus.core.errors import SpecInvalid
from serinus.training.values import DataCard, GateDecision, SliceMetrics


@dataclass(frozen=True)
class Candidate:
    """All that goes into one registered version. `model_file` is what train wrote, `predictions` are on the held-out rows."""

    model_file: Path
    train: pd.DataFrame
    predictions: "pd.Series[float]"
    card: DataCard
    decision: GateDecision
    slices: tuple[SliceMetrics, ...] = ()


@dataclass(frozen=True)
class Origin:
    """Where a version comes from. `run_key` names the pipeline run: the same one never registers twice.

    `images`: JSON of image digests by step. `snapshot_uri`: where the rows are kept.
    """

    run_key: str
    git_sha: str
    training_digest: str
    job_id: str = ""
    images: str = ""
    snapshot_uri: str = ""


def origin_of(
    training: str, *, run_key: str, job_id: str, git_sha: str, images: str = "", snapshot_uri: str = ""
) -> Origin:
    """The origin of what `training`, a TrainingConfig as JSON, makes.

    Without `run_key`, the job's id. Raises SpecInvalid for images that are no JSON object, and for a run without any name.
    """
    if not (run_key or job_id):
        raise SpecInvalid(
            "this pipeline run has neither a run key nor a job id; give it one, so that it registers once"
        )
    return Origin(
        run_key=run_key or job_id,
        git_sha=git_sha,
        training_digest="sha256:" + hashlib.sha256(training.encode()).hexdigest(),
        job_id=job_id,
        images=_checked_images(images),
        snapshot_uri=snapshot_uri,
    )


def run_tags(origin: Origin, card: DataCard, decision: GateDecision) -> dict[str, str]:
    """The tags of a pipeline run; what is not known is left out."""
    tags = {
        RUN_KEY_TAG: origin.run_key,
        JOB_TAG: origin.job_id,
        GIT_SHA_TAG: origin.git_sha,
        IMAGES_TAG: origin.images,
        TRAINING_TAG: origin.training_digest,
        DATA_DIGEST_TAG: card.digest,
        SNAPSHOT_TAG: origin.snapshot_uri,
        VARIANT_TAG: decision.variant,
        PARENT_TAG: decision.champion_version or "",
        REASON_TAG: decision.reason,
        MESSAGE_TAG: decision.message,
    }
    return {name: value for name, value in tags.items() if value}


def _checked_images(text: str) -> str:
    if not text:
        return ""
    try:
        images = json.loads(text)
    except ValueError:
        images = None
    if not isinstance(images, dict) or not all(isinstance(digest, str) for digest in images.values()):
        raise SpecInvalid(
            f'images are {text[:100]!r}, which is not a JSON object of digests by step; pass one like {{"train": "sha256:..."}}'
        )
    return json.dumps(images, sort_keys=True)
