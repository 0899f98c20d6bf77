"""Sequential analysis of a rollout: counters in, verdicts out, valid at every look."""

from serinus.core.analysis.evidence import Evidence, Look, begin, look
from serinus.core.analysis.judge import judge
from serinus.core.analysis.verdict import SignalVerdict, Verdict

__all__ = ["Evidence", "Look", "SignalVerdict", "Verdict", "begin", "judge", "look"]
