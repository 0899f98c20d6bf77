"""`serinus report`: what the prediction log says of the last window, against the reference and the labels that came."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serinus.cli.exits import errors_as_exit_codes
from serinus.cli.options import DEFAULT_STATE_DIR, Registry, StateDir

if TYPE_CHECKING:
    from components.monitor.values import Drift, MonitoringReport
    from serinus.training.config import TrainingConfig

COLUMNS = ("FEATURE", "VERDICT", "PSI", "CHANCE", "MOVED", "MISSING")


def report(
    file: Annotated[Path, typer.Option("-f", "--file", help="Training file.")],
    *,
    log: Annotated[
        str, typer.Option("--log", help="Prediction log; by default the source of the training file, if that is one.")
    ] = "",
    model_version: Annotated[str, typer.Option(help="Version to look at; the one that answered most by default.")] = "",
    window: Annotated[str, typer.Option(help="How much of the log is looked at, as in 24h.")] = "24h",
    as_of: Annotated[datetime | None, typer.Option(help="End of the window (UTC); now by default.")] = None,
    reference_window: Annotated[
        str, typer.Option(help="Compare with so much of the log before the window, not with the training data.")
    ] = "",
    psi: Annotated[float, typer.Option(min=0.001, help="Population stability index that is an alarm.")] = 0.2,
    min_rows: Annotated[int, typer.Option(min=1, help="Fewest rows that drift is judged on.")] = 500,
    out: Annotated[Path | None, typer.Option(help="The HTML file; reports/ in the state folder by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
    state_dir: StateDir = DEFAULT_STATE_DIR,
    registry: Registry = "",
) -> None:
    """Report drift, quality and volume over the last window of the prediction log, as a table and as HTML with plots.

    Drift is a finding, not an error: exit code 0.
    """
    with errors_as_exit_codes():
        from components.monitor.page import render
        from components.monitor.step import Question, duration, monitor
        from serinus.adapters.mlflow_client import registry_of
        from serinus.core.drift import DriftLimits
        from serinus.local.files import atomic_write_text
        from serinus.training.load import load_config

        config = load_config(file)
        question = Question(
            log=log or _source(config),
            registry_uri=registry or config.registry.uri or registry_of(state_dir),
            end=as_of.replace(tzinfo=UTC) if as_of else datetime.now(UTC),
            window=duration("--window", window),
            version=model_version,
            reference_window=duration("--reference-window", reference_window) if reference_window else None,
            limits=DriftLimits(psi=psi, min_samples=min_rows),
        )
        found = monitor(config, question)
        page = out or state_dir / "reports" / f"{config.model}-{question.end:%Y%m%d-%H%M}.html"
        atomic_write_text(page, render(found))
    typer.echo(found.model_dump_json(by_alias=True, indent=2) if as_json else _table(found))
    typer.echo(f"report: {page}", err=as_json)


def _source(config: "TrainingConfig") -> str:
    """The log that the training file reads its rows from."""
    from serinus.core.errors import SpecInvalid
    from serinus.training.sources import PredictionLogSource

    if isinstance(config.source, PredictionLogSource):
        return config.source.path
    raise SpecInvalid(
        "the training file does not read a prediction log, so it does not say where one is; name it: --log"
    )


def _table(found: "MonitoringReport") -> str:
    """A line per distribution, the worst first, then what was found and what could not be said."""
    from components.monitor.sentences import worst

    everything = (found.prediction, *found.drift)
    lines = [COLUMNS, *map(_row, worst(everything, len(everything)))]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    table = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join([*table, "", *(f"note: {note}" for note in found.notes), found.message])


def _row(one: "Drift") -> tuple[str, ...]:
    from serinus.core.analysis.messages import percent

    numbers = one.numbers
    missing = "-" if one.missing_in_window is None else percent(one.missing_in_window)
    return (one.name, one.reason, f"{numbers['psi']:.3g}", f"{numbers['bound']:.2g}", percent(numbers["tvd"]), missing)
