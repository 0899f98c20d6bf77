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
COLLECTOR_MISSING: Final = "CollectorMissing"
QUALITY_UNAVAILABLE: Final = "QualityUnavailable"
PREDICTOR_COUNTERS_MISSING: Final = "PredictorCountersMissing"
PROMETHEUS_MISSING: Final = "PrometheusMissing"
QUERY_INVALID: Final = "QueryInvalid"
STEP_PASSED: Final = "StepPassed"
PAUSE_STEP: Final = "PauseStep"
PAUSED_BY_USER: Final = "PausedByUser"
SIGNAL_FAILED: Final = "SignalFailed"
CANDIDATE_DRIFTED: Final = "CandidateDrifted"
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

# Watching what serves (serinus.core.drift has the reasons of single verdicts)
WATCH_BEGUN: Final = "WatchBegun"
WINDOW_NOT_FULL: Final = "WindowNotFull"
DRIFT_SUSPECTED: Final = "DriftSuspected"
TRAINING_SERVING_SKEW: Final = "TrainingServingSkew"
DRIFT_ENDED: Final = "DriftEnded"

# Retraining
RETRAINING_IDLE: Final = "RetrainingIdle"
RETRAINING_ASKED: Final = "RetrainingAsked"
RETRAINING_QUEUED: Final = "RetrainingQueued"
RETRAINING_STARTED: Final = "RetrainingStarted"
RETRAINING_SUCCEEDED: Final = "RetrainingSucceeded"
NOT_BETTER: Final = "NotBetter"
RETRAINING_FAILED: Final = "RetrainingFailed"
RETRAINING_CANCELLED: Final = "RetrainingCancelled"
RUN_TIMED_OUT: Final = "RunTimedOut"
RUN_NOT_FOUND: Final = "RunNotFound"
RUN_NOT_STARTED: Final = "RunNotStarted"
RUNNER_UNAVAILABLE: Final = "RunnerUnavailable"
RETRAINING_UNAVAILABLE: Final = "RetrainingUnavailable"
TRAINING_INVALID: Final = "TrainingInvalid"
COOLDOWN: Final = "Cooldown"
BACK_OFF: Final = "BackOff"
BUDGET_USED_UP: Final = "BudgetUsedUp"
ROLLOUT_UNDER_WAY: Final = "RolloutUnderWay"
VERSION_AWAITED: Final = "VersionAwaited"
NEEDS_PERSON: Final = "NeedsPerson"
