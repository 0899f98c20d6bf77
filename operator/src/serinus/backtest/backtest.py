"""A backtest: read the history once, replay every policy over it, and measure."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from components.ingest.readers import address_of
from serinus.backtest.falls import fall_trigger
from serinus.backtest.fits import Fits
from serinus.backtest.history import History, read_history, source_of
from serinus.backtest.measures import measured
from serinus.backtest.pipeline import MACHINE_GATES
from serinus.backtest.policies import Policy, config_for, deployment_for, parse_policies
from serinus.backtest.replay import Replay, Span
from serinus.backtest.result import BacktestResult, PolicyResult
from serinus.backtest.versions import Answers
from serinus.core.errors import DataInvalid
from serinus.core.spec import ModelDeployment, QuerySignal
from serinus.training.config import TrainingConfig
from serinus.training.windows import ALL, length_of


@dataclass(frozen=True)
class Question:
    """What is to be replayed. `data` None: the rows of the training file's own source. `cache` keeps the fits."""

    deployment: ModelDeployment
    config: TrainingConfig
    policies: str
    cache: Path
    data: Path | None = None
    start: datetime | None = None
    end: datetime | None = None
    look: timedelta = timedelta(days=1)
    label_delay: timedelta = timedelta()
    seed: int = 0
    most_fits: int | None = None


def run_backtest(question: Question, progress: Callable[[str], None]) -> BacktestResult:
    """Replay every policy. `progress` gets a sentence for each.

    Raises SpecInvalid for what is wrong in the question, DataInvalid for rows that cannot be replayed, TooManyFits.
    """
    began = time.monotonic()
    policies = parse_policies(question.policies, question.config)
    for policy in policies:
        deployment_for(policy, question.deployment, question.config, question.label_delay)
    source = source_of(question.config, question.data)
    history = read_history(question.config, source, question.label_delay)
    span = span_of(history, question)
    progress(f"{len(history):,} rows of {address_of(source)}; replaying {span.start:%Y-%m-%d} to {span.end:%Y-%m-%d}")
    results = tuple(_replayed(policies, history, span, question, progress))
    return BacktestResult(
        model=question.config.model,
        source=address_of(source),
        data_digest=history.digest,
        rows=len(history),
        start=span.start,
        end=span.end,
        look_seconds=span.look.total_seconds(),
        label_delay_seconds=question.label_delay.total_seconds(),
        seed=question.seed,
        metric=question.config.metric,
        notes=tuple(notes_on(question, history)),
        policies=results,
        seconds=time.monotonic() - began,
    )


def span_of(history: History, question: Question) -> Span:
    """What is replayed: from `start`, else from the training file's asOf, else from where the shortest window is full."""
    config, end = question.config, min(question.end or history.last, history.last)
    start = question.start or config.as_of or _window_after(history)
    if not start < end:
        raise DataInvalid(
            f"nothing is left to replay: it would begin at {start:%Y-%m-%d %H:%M} and end at {end:%Y-%m-%d %H:%M}, with rows "
            f"from {history.first:%Y-%m-%d %H:%M} to {history.last:%Y-%m-%d %H:%M}; set --start and --end within them, "
            "or give a longer history"
        )
    if start <= history.first:
        raise DataInvalid(
            f"at {start:%Y-%m-%d %H:%M} no row is known to train the first version on, the earliest is of "
            f"{history.first:%Y-%m-%d %H:%M}; begin later by --start"
        )
    if end - start < question.look:
        raise DataInvalid(
            f"from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} is shorter than one look ({question.look}); look more "
            "often by --look, or replay a longer time"
        )
    return Span(start, end, question.look)


def _window_after(history: History) -> datetime:
    """The end of the shortest window that begins with the first row; of the first tenth, where all windows are `all`."""
    shortest = history.config.shortest_window
    span = (history.last - history.first) / 10 if shortest == ALL else length_of(shortest)
    return history.first + min(span, history.last - history.first) + history.label_delay


def _replayed(
    policies: tuple[Policy, ...],
    history: History,
    span: Span,
    question: Question,
    progress: Callable[[str], None],
) -> Iterator[PolicyResult]:
    fits, answers = Fits(history, question.cache, question.most_fits), Answers(history)
    trigger = fall_trigger(question.deployment, question.config.task)
    for policy in policies:
        began, made = time.monotonic(), fits.made
        replay = Replay(
            name=policy.name,
            history=history,
            deployment=deployment_for(policy, question.deployment, question.config, question.label_delay),
            config=config_for(policy, question.config),
            span=span,
            fits=fits,
            answers=answers,
            seed=question.seed,
        )
        replay.run()
        result = measured(replay, trigger)
        progress(
            f"{policy.name}: {result.retrains} trainings, {result.promotions} promotions, {replay.looks:,} looks in "
            f"{time.monotonic() - began:.1f} s ({fits.made - made} fits were new)"
        )
        yield result


def notes_on(question: Question, history: History) -> Iterator[str]:
    """What the replay does otherwise than the world would."""
    asked = [name for name in MACHINE_GATES if getattr(question.config.gates, name) is not None]
    if asked:
        yield f"gates that judge the machine are not asked: {', '.join(asked)}"
    if any(isinstance(signal, QuerySignal) for signal in question.deployment.spec.rollout.signals):
        yield "there is no Prometheus in a replay, so Query signals stay unanswered"
    unlabelled = int((history.truth != history.truth).sum())
    if unlabelled:
        yield f"{unlabelled:,} of {len(history):,} rows never get a label; they are served and counted, and not judged"
