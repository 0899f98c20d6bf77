"""What happened between two looks."""

from serinus.core.analysis.counts import Counts, Pair
from serinus.core.analysis.cursor import Increment
from serinus.core.model import Frozen
from serinus.core.observation import RevisionStatus


class Interval(Frozen):
    """The time between two looks, which lasted `seconds`.

    `unavailable` counts it as a single trial for each revision: bad if it restarted or was unready, no trial where it
    was not meant to be serving. `weight` is the candidate's over all of it, None where it was not one; `mirrored` makes
    it the share of stable's requests that is copied to the candidate.
    """

    seconds: float = 0.0
    increment: Increment = Increment()
    unavailable: Pair = Pair()
    weight: int | None = None
    mirrored: bool = False


class Restarts(Frozen):
    """Restarts as last seen; None before the first look, or while the revision is not meant to be serving."""

    candidate: int | None = None
    stable: int | None = None


def trial(status: RevisionStatus | None, restarts: int | None) -> Counts:
    """One trial of availability: nothing is known of a revision that was not there at both ends of the interval."""
    if status is None or restarts is None:
        return Counts()
    return Counts(bad=int(not status.ready or status.restarts > restarts), total=1)
