"""What a retraining run is started with, from a training file and the compiled pipeline."""

import hashlib
from dataclasses import fields

from serinus.core.pipeline_run import RunRequest, Training


def training_of(request: RunRequest, compiled: bytes) -> Training:
    """The request without its key, with the digest of what it runs and how: another one means that the code has changed."""
    code = hashlib.sha256(compiled + request.training.encode()).hexdigest()
    given = {one.name: getattr(request, one.name) for one in fields(RunRequest) if one.name != "key"}
    return Training(code=f"sha256:{code}", **given)
