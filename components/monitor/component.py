"""Monitor as a KFP component."""

from kfp import dsl

from components.step_image import component


@component
def monitor(  # noqa: PLR0917  # KFP calls by name
    training: str,
    log: str,
    registry_uri: str,
    model_version: str,
    window: str,
    as_of: str,
    reference_window: str,
    psi: float,
    min_rows: int,
    report: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
    details: dsl.Output[dsl.Artifact],
) -> str:
    """Report on the window of the prediction log; returns the report in a sentence. `details` is all of it as JSON."""
    from pathlib import Path

    from components.monitor.page import render
    from components.monitor.step import Question, duration, moment
    from components.monitor.step import monitor as run
    from components.monitor.values import headline
    from serinus.core.drift import DriftLimits
    from serinus.training.config import TrainingConfig
    from serinus.training.steps import step

    with step("monitor") as told:
        question = Question(
            log=log,
            registry_uri=registry_uri,
            end=moment(as_of),
            window=duration("window", window),
            version=model_version,
            reference_window=duration("referenceWindow", reference_window) if reference_window else None,
            limits=DriftLimits(psi=psi, min_samples=min_rows),
        )
        found = run(TrainingConfig.model_validate_json(training), question)
        page = render(found)  # all is made before anything is written
        Path(report.path).write_text(page, encoding="utf-8")
        Path(details.path).write_text(found.model_dump_json(by_alias=True, indent=2), encoding="utf-8")
        for name, value in headline(found).items():
            metrics.log_metric(name, value)
        told.say(found.message)
    return found.message
