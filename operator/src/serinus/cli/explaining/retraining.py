"""How retraining stands, as people read it."""

from serinus.core.state import RolloutState

RUNS_TOLD = 3


def retraining_lines(state: RolloutState) -> tuple[str, ...]:
    """What it does or waits for, what asks for a run, the link to the one under way, and how the latest ended."""
    memory = state.retraining
    if memory is None:
        return ()
    run = memory.run
    looks = [watch.problem for watch in (memory.quality, memory.labelled) if watch is not None and watch.problem]
    ended = [
        f"{one.ended_at:%Y-%m-%d %H:%M} UTC {one.outcome}: {one.message} (asked for by {', '.join(one.causes)})"
        for one in reversed(memory.runs[-RUNS_TOLD:])
    ]
    return (
        f"{memory.reason}: {memory.message}",
        *([f"its log: {run.link}"] if run and run.link else []),
        *(f"labels cannot be asked about: {problem}" for problem in looks),
        *(line for line in ended if run or memory.hold or memory.wanted or line != ended[0]),
    )
