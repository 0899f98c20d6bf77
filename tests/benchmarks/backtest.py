"""What each policy would have done, on flights and, where SERINUS_DATA names their folder, on two more histories.

    SERINUS_DATA=<folder> python -m tests.benchmarks.backtest                   # the tables of docs/backtests.md
    python -m tests.benchmarks.backtest --speed                                 # the replay against scoring alone

The second times a replay of the flights with a daily look under `never`, from rows in memory and with its one fit kept,
against scoring the same rows once with the same version.
"""

import argparse
import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from threadpoolctl import threadpool_limits

from serinus.backtest.backtest import Question, run_backtest, span_of
from serinus.backtest.fits import Fits
from serinus.backtest.history import read_history, source_of
from serinus.backtest.page import hindsight_of
from serinus.backtest.policies import config_for, deployment_for, parse_policies
from serinus.backtest.replay import FIRST_RUN, Replay
from serinus.backtest.result import BacktestResult
from serinus.backtest.versions import Answers
from serinus.cli.backtesting import COLUMNS, counts_of
from serinus.lint import read_deployment
from serinus.training.load import load_config
from tests.benchmarks.histories import HERE, makers

LABELS = {"flights": timedelta(hours=12), "elec2": timedelta(hours=1), "employment": timedelta(hours=24)}
SHORT = {"flights": "last-30-days", "elec2": "last-30-days", "employment": "last-180-days"}
POLICIES = "never,scheduled:{short},scheduled:whole-past,drift,quality,gated"


def question_of(name: str, folder: Path, policies: str) -> Question:
    """The files of one history, and its rows in `folder`."""
    data = folder / f"{name}.parquet"
    if not data.is_file():
        makers()[name]().to_parquet(data, index=False)
    return Question(
        deployment=read_deployment(HERE / f"{name}.modeldeployment.yaml"),
        config=load_config(HERE / f"{name}.training.yaml"),
        policies=policies,
        cache=folder / "fits",
        data=data,
        label_delay=LABELS[name],
    )


def table(head: list[str], rows: list[list[str]]) -> None:
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def report(name: str, found: BacktestResult) -> None:
    """The tables of one history, as Markdown."""
    names = list(found.policies[0].metrics)
    print(f"\n## {name}: {found.rows:,} rows, replayed {found.start:%Y-%m-%d} to {found.end:%Y-%m-%d}")
    measured = [[one.policy, *(f"{one.metrics[n]:.4f}" for n in names), *counts_of(one)] for one in found.policies]
    table(["policy", *names, *(title.lower() for title in COLUMNS)], measured)
    for metric in ("logLoss", "auc"):
        months = []
        for number, period in enumerate(found.policies[0].periods):
            values = [one.periods[number].metrics.get(metric) for one in found.policies]
            months.append([period.name, *("-" if value is None else f"{value:.3f}" for value in values)])
        table([metric, *(one.policy for one in found.policies)], months)
    for one in found.policies:
        causes = [cause for run in one.runs for cause in run.causes]
        counted = ", ".join(f"{cause} {causes.count(cause)}" for cause in dict.fromkeys(causes))
        print(f"\n{one.policy}: causes {counted or 'none'}")
        for version in one.versions:
            print(
                f"  {version.version} {version.trained_at:%m-%d %H:%M} {version.variant} {version.requests:,} "
                f"{version.outcome} {version.reason}; in hindsight {hindsight_of(version)}"
            )


def speed(folder: Path) -> None:
    """Seconds of a replay without the fits, and of scoring the same rows alone."""
    question = question_of("flights", folder, "never")
    (policy,) = parse_policies("never", question.config)
    history = read_history(question.config, source_of(question.config, question.data), question.label_delay)
    fits, config = Fits(history, question.cache), config_for(policy, question.config)
    span = span_of(history, question)
    fits.at(span.start, config)
    deployment = deployment_for(policy, question.deployment, config, question.label_delay)
    best: dict[str, float] = {}
    for _ in range(3):
        replay = Replay("never", history, deployment, config, span, fits, Answers(history))
        _ = history.frame, history.label_times
        began = time.perf_counter()
        replay.run()
        best["replay"] = min(best.get("replay", 1e9), time.perf_counter() - began)
        version = replay.registry.versions[replay.pipeline.runs[FIRST_RUN].version]
        rows = history.frame.iloc[history.before(span.start) :]
        began = time.perf_counter()
        with threadpool_limits(limits=1):
            version.answers(rows, config)
        best["scoring"] = min(best.get("scoring", 1e9), time.perf_counter() - began)
    print(
        f"{len(rows):,} requests, {replay.looks} looks: replay {best['replay']:.2f} s, scoring alone {best['scoring']:.2f} s, "
        f"ratio {best['replay'] / best['scoring']:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history", choices=list(makers()), action="append", help="only these")
    parser.add_argument("--policies", default=POLICIES)
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir(), "serinus-backtest"), help="keeps rows and fits"
    )
    parser.add_argument("--speed", action="store_true")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.speed:
        speed(asked.folder)
        return
    for name in asked.history or makers():
        policies = asked.policies.format(short=SHORT[name])
        began = time.monotonic()
        found = run_backtest(question_of(name, asked.folder, policies), progress=lambda line: print(line, flush=True))
        report(name, found)
        print(f"\n{time.monotonic() - began:.0f} s on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
