"""What Prometheus is told of how good a model still is: drift of its rows, and its retraining."""

from typing import Final

from serinus.core.retraining.state import RetrainingState
from serinus.core.state import RolloutState
from serinus.core.watching.looks import watched
from serinus.kubernetes.families import Family, Row, flag, moment

DISTRIBUTION: Final = ("kind", "name")
NUMBERS: Final = {"drift_psi": "psi", "drift_tvd": "tvd", "drift_psi_bound": "bound"}

WATCHING_FAMILIES: Final = (
    Family("drifted", "1 while what serves has drifted from its training, 0 while it surely has not."),
    Family("drift_window_rows", "Rows in the window that was looked at last."),
    Family("drift_psi", "PSI of the three worst features and of the prediction at the latest look.", DISTRIBUTION),
    Family("drift_tvd", "Total variation distance of the same, 0 to 1.", DISTRIBUTION),
    Family("drift_psi_bound", "PSI that chance explains for so many rows.", DISTRIBUTION),
    Family("stable_trained_timestamp_seconds", "When the training of what serves began, where that is known."),
    Family("retraining_reason", "1 for the reason that says how retraining stands.", ("reason",)),
    Family("retraining_running", "1 while a retraining run is asked for and has not ended."),
    Family(
        "retraining_wanted", "1 for each trigger that asks for a run, or asked for the one under way.", ("trigger",)
    ),
    Family("retraining_runs_without_better", "Retraining runs in a row that brought no better model."),
    Family("retraining_last_run_timestamp_seconds", "When the latest retraining run ended."),
)


def drift_rows(state: RolloutState) -> dict[str, tuple[Row, ...]]:
    """Of the revision that serves; nothing while it is not watched."""
    drift = watched(state)
    if drift is None:
        return {}
    measured = [("feature", one) for one in drift.worst] + [("prediction", one) for one in (drift.prediction,) if one]
    found = {
        family: tuple(((kind, one.name), one.numbers[number]) for kind, one in measured if number in one.numbers)
        for family, number in NUMBERS.items()
    }
    known = drift.status != "Unknown"
    return {"drifted": flag(drift.status == "True") if known else (), "drift_window_rows": (((), drift.rows),), **found}


def retraining_rows(memory: RetrainingState | None) -> dict[str, tuple[Row, ...]]:
    """How retraining stands; nothing for a deployment that is not retrained."""
    if memory is None:
        return {}
    causes = {one.trigger for one in (*memory.wanted, *(memory.run.causes if memory.run else ()))}
    known = memory.trained_at if memory.trained_at != memory.serving_since else None
    return {
        "stable_trained_timestamp_seconds": moment(known),
        "retraining_reason": (((memory.reason,), 1.0),) if memory.reason else (),
        "retraining_running": flag(memory.run is not None),
        "retraining_wanted": tuple(((trigger,), 1.0) for trigger in sorted(causes)),
        "retraining_runs_without_better": (((), memory.without_better),),
        "retraining_last_run_timestamp_seconds": moment(memory.last.ended_at if memory.last else None),
    }
