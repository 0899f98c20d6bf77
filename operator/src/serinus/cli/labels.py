"""`serinus labels`: tell the collector what was right, from a table."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from serinus.cli.exits import EPILOG, Exit, errors_as_exit_codes, say_error
from serinus.cli.options import DEFAULT_STATE_DIR, StateDir

if TYPE_CHECKING:
    from serinus.cli.labelling.posting import Summary

DEFAULT_COLLECTOR: Final = "http://localhost:8090"
app = typer.Typer(
    name="labels", help="Labels: what was right, told to the collector.", epilog=EPILOG, no_args_is_help=True
)


@app.callback()
def labels() -> None:
    """Labels: what was right, told to the collector."""


@app.command("import", epilog=EPILOG)
def import_(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE.csv|FILE.parquet]", help="Table with the labels.")
    ] = None,
    *,
    deployment: Annotated[str, typer.Option("-d", "--deployment", help="ModelDeployment, as namespace/name.")],
    collector: Annotated[
        str,
        typer.Option(
            envvar="SERINUS_COLLECTOR",
            help=f"Address of the collector; by default that of `serinus run` in the state folder, else {DEFAULT_COLLECTOR}.",
        ),
    ] = "",
    state_dir: StateDir = DEFAULT_STATE_DIR,
    sql: Annotated[
        str,
        typer.Option(
            envvar="SERINUS_LABELS_SQL",
            help="Database instead of a file, as an SQLAlchemy URL; keep passwords in the variable.",
        ),
    ] = "",
    query: Annotated[str, typer.Option(help="What the database is asked.")] = "",
    request_id_column: Annotated[str, typer.Option(help="Column with the id of the request.")] = "requestId",
    label_column: Annotated[str, typer.Option(help="Column with the label; rows without one are left out.")] = "label",
    time_column: Annotated[
        str, typer.Option(help="Column with the time when the label was known, with its zone; now without one.")
    ] = "",
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Labels in one request.")] = 1_000,
    patience: Annotated[int, typer.Option(min=0, help="Seconds to wait for a collector that is busy or away.")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Send the labels of a table to the collector. Doing it again changes nothing: what it has is a duplicate.

    Exit code 1 if any label was refused or contradicts an earlier one.
    """
    if (file is None) == (not sql) or bool(sql) != bool(query):
        say_error("give a file, or --sql with --query")
        raise typer.Exit(Exit.USAGE)
    from serinus.cli.labelling.posting import post
    from serinus.cli.labelling.tables import Columns, read_query, read_table

    columns = Columns(request_id_column, label_column, time_column)
    with errors_as_exit_codes():
        rows = read_table(file, columns) if file else read_query(sql, query, columns)
        summary = post(
            rows,
            collector or _collector_of(state_dir),
            deployment,
            batch=batch,
            patience_seconds=patience,
            progress=_progress,
        )
    _show(summary, as_json)
    raise typer.Exit(Exit.PROBLEMS if summary.problems else Exit.DONE)


def _collector_of(state_dir: Path) -> str:
    from serinus.local.collector import known_url
    from serinus.local.folder import StateFolder

    return known_url(StateFolder(state_dir)) or DEFAULT_COLLECTOR


def _progress(sent: int) -> None:
    """On a terminal only: a log would fill up with it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{sent:,} labels sent")
        sys.stderr.flush()


def _show(summary: "Summary", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"sent": summary.sent, "skipped": summary.skipped, "outcomes": dict(summary.outcomes)}))
    else:
        typer.echo(f"{summary.sent:,} labels sent, {summary.skipped:,} rows without a label left out")
        for outcome, count in sorted(summary.outcomes.items()):
            typer.echo(f"  {outcome:<14} {count:>12,}")
    for sentence in summary.shown:
        say_error(sentence)
    more = summary.problems - len(summary.shown)
    if more > 0:
        say_error(f"... and {more:,} more")
