"""Reasons of the policies; those of verdicts are in analysis/reasons.py.

The same word appears in status, journal, log and MLflow run.
"""

from typing import Final

# Bringing up and standing
WAITING_FOR_READINESS: Final = "WaitingForReadiness"
FIRST_REVISION_READY: Final = "FirstRevisionReady"
SERVING: Final = "Serving"
TARGET_UNRESOLVED: Final = "TargetUnresolved"
SPEC_INVALID: Final = "SpecInvalid"
STATUS_REBUILT: Final = "StatusRebuilt"
STABLE_NOT_READY: Final = "StableNotReady"
AS_ASKED: Final = "AsAsked"

# A rollout on its way
ROLLOUT_STARTED: Final = "RolloutStarted"
CANDIDATE_READY: Final = "CandidateReady"
WEIGHT_SHIFTING: Final = "WeightShifting"
WEIGHT_ACCEPTED: Final = "WeightAccepted"
HOLDING: Final = "Holding"
WAITING_FOR_REQUESTS: Final = "WaitingForRequests"
WAITING_FOR_EVIDENCE: Final = "WaitingForEvidence"
METRICS_UNAVAILABLE: Final = "MetricsUnavailable"
STEP_PASSED: Final = "StepPassed"
PAUSE_STEP: Final = "PauseStep"
PAUSED_BY_USER: Final = "PausedByUser"
SIGNAL_FAILED: Final = "SignalFailed"
INCONCLUSIVE: Final = "Inconclusive"
RESUMED: Final = "Resumed"
APPROVAL_REQUIRED: Final = "ApprovalRequired"
SHADOW_PASSED: Final = "ShadowPassed"

# Promotion
ALL_SIGNALS_PASSED: Final = "AllSignalsPassed"
PROMOTED_BY_USER: Final = "PromotedByUser"
PROCEEDED_INCONCLUSIVE: Final = "ProceededInconclusive"
KNOWN_GOOD: Final = "KnownGood"
IMMEDIATE: Final = "Immediate"
PROMOTED: Final = "Promoted"

# Going back
CANDIDATE_FAILED: Final = "CandidateFailed"
CANDIDATE_NOT_READY: Final = "CandidateNotReady"
ABORTED_BY_USER: Final = "AbortedByUser"
TARGET_REVERTED: Final = "TargetReverted"
SUPERSEDED: Final = "Superseded"
DEADLINE_EXCEEDED: Final = "DeadlineExceeded"
RETRIED: Final = "Retried"
ROLLED_BACK_BY_USER: Final = "RolledBackByUser"

# Nothing can serve
REVISION_FAILED: Final = "RevisionFailed"
NOT_READY_IN_TIME: Final = "NotReadyInTime"
ROUTE_NOT_ACCEPTED: Final = "RouteNotAccepted"

# People and outside systems
SERVING_MODE_UNAVAILABLE: Final = "ServingModeUnavailable"
ROUTE_REFUSED: Final = "RouteRefused"
CHANGE_REFUSED: Final = "ChangeRefused"
MIRRORING_UNAVAILABLE: Final = "MirroringUnavailable"
ALIAS_CONFLICT: Final = "AliasConflict"
