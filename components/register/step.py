"""Register: the model with everything needed to judge it later, once per pipeline run, in MLflow."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.register.alias import point_challenger, refuse_foreign_alias
from components.register.candidate import Candidate, Origin, run_tags
from components.register.folder import MODEL_CARD_FILE, write_folder
from components.register.model_card import description, model_card
from components.register.run import ensure_run
from components.register.versions import create_version, drop_others, registered
from serinus.adapters.mlflow_artifacts import path_of
from serinus.adapters.mlflow_client import (
    DIGEST_TAG,
    OUTCOME_TAG,
    RUN_KEY_TAG,
    VERSION_TAG,
    connect,
    ensure_experiment,
    translated,
)
from serinus.adapters.mlflow_runs import FINISHED, Content, log_content
from serinus.artifact import directory_digest, verify_directory
from serinus.core.errors import SerinusError, TrainingFailed
from serinus.training.config import TrainingConfig

REGISTERED = "registered"


def register(candidate: Candidate, config: TrainingConfig, origin: Origin, registry_uri: str) -> str:
    """The version of this pipeline run, with the challenger's alias; made if it is not there, completed if it is.

    Raises RegistryUnavailable, AliasConflict, ArtifactCorrupted, and TrainingFailed for a candidate that a gate refuses.
    """
    _refuse_unless_passed(candidate, config)
    with translated(registry_uri):
        client = connect(registry_uri)
        refuse_foreign_alias(client, config)
        experiment = ensure_experiment(client, config.model, registry_uri)
        tags = run_tags(origin, candidate.card, candidate.decision)
        run = ensure_run(client, experiment, config, origin, tags)
        version = registered(client, config.model, origin.run_key)
        if version is None:
            version = _register(client, run.info, candidate, config, origin, tags)
        drop_others(client, experiment, config.model, origin.run_key)
        _tell_run(client, run, candidate, f"{config.model}/{version}")
        point_challenger(client, config, version)
        return version


def _register(  # noqa: PLR0917
    client: Any, run: Any, candidate: Candidate, config: TrainingConfig, origin: Origin, tags: dict[str, str]
) -> str:
    model_id, digest = _log_model(client, run, candidate, config, origin)
    faster = registered(client, config.model, origin.run_key)
    if faster is not None:  # its attempt has deleted our model, which MLflow would ask for again and again for minutes
        return faster
    return create_version(
        client,
        config.model,
        model_id=model_id,
        run_id=run.run_id,
        tags=tags | {DIGEST_TAG: digest},
        description=description(candidate, config, MODEL_CARD_FILE),
    )


def _refuse_unless_passed(candidate: Candidate, config: TrainingConfig) -> None:
    decision = candidate.decision
    refusing = [check.name for check in decision.checks if check.refuses]
    if refusing or not decision.better:
        raise TrainingFailed(
            f"{decision.variant} is not registered as a version of {config.model}: "
            f"{', '.join(refusing) or decision.reason} refuses it ({decision.message}); register what passed every gate"
        )


def _log_model(client: Any, run: Any, candidate: Candidate, config: TrainingConfig, origin: Origin) -> tuple[str, str]:
    """(model id, digest of its files); what was stored is read again, so that nothing cut short is registered."""
    import mlflow
    from mlflow.entities import LoggedModelOutput

    mlflow.set_tracking_uri(client.tracking_uri)  # where MLflow looks a `models:/` address up
    logged = client.create_logged_model(
        run.experiment_id, name=config.model, source_run_id=run.run_id, tags={RUN_KEY_TAG: origin.run_key}
    )
    with tempfile.TemporaryDirectory() as draft:
        folder = Path(draft, "model")
        card = model_card(candidate, config, origin, datetime.now(UTC))
        with _told_as_ours(candidate):
            write_folder(folder, candidate, config, model_card=card, mlflow_model=_mlflow_model(logged, run.run_id))
        digest = directory_digest(folder)
        client.log_model_artifacts(logged.model_id, str(folder))
    _verify_stored(client, str(logged.artifact_location), digest)
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run.run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return str(logged.model_id), digest


@contextmanager
def _told_as_ours(candidate: Candidate) -> Iterator[None]:
    """What fails here is none of the registry's doing, though it comes from MLflow or the disk."""
    try:
        yield
    except SerinusError:
        raise
    except Exception as error:
        raise TrainingFailed(
            f"the model folder of {candidate.decision.variant} cannot be written ({type(error).__name__}: {error}); "
            "make room where temporary files go, or train it again"
        ) from error


def _mlflow_model(logged: Any, run_id: str) -> Any:
    from mlflow.models import Model

    return Model(
        artifact_path=logged.artifact_location, model_uuid=logged.model_id, run_id=run_id, model_id=logged.model_id
    )


def _verify_stored(client: Any, location: str, digest: str) -> None:
    from mlflow.artifacts import download_artifacts

    with tempfile.TemporaryDirectory() as copy:
        here = path_of(location)
        fetched = here or Path(
            download_artifacts(artifact_uri=location, dst_path=copy, tracking_uri=client.tracking_uri)
        )
        verify_directory(fetched, digest)


def _tell_run(client: Any, run: Any, candidate: Candidate, version: str) -> None:
    """Tag the run with its version; one that the gate has not recorded gets the metrics too, and ends."""
    tags = {OUTCOME_TAG: REGISTERED, VERSION_TAG: version}
    if run.info.status == FINISHED:
        log_content(client, run.info.run_id, Content(tags=tags))
        return
    log_content(client, run.info.run_id, Content(metrics=candidate.decision.metrics, tags=tags))
    client.set_terminated(run.info.run_id)
