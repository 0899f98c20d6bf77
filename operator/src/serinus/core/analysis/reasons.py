"""Reasons of verdicts, as they appear in status, events, logs, metrics and MLflow."""

ERRORS_INCREASED = "ErrorsIncreased"
ERRORS_TOO_HIGH = "ErrorsTooHigh"
ERRORS_NOT_INCREASED = "ErrorsNotIncreased"

LATENCY_INCREASED = "LatencyIncreased"
LATENCY_TOO_HIGH = "LatencyTooHigh"
LATENCY_NOT_INCREASED = "LatencyNotIncreased"
LATENCY_EDGE_MISSING = "LatencyEdgeMissing"

CANDIDATE_UNAVAILABLE = "CandidateUnavailable"
TRAFFIC_SHARE_TOO_LOW = "TrafficShareTooLow"
CANDIDATE_AVAILABLE = "CandidateAvailable"

QUALITY_DECREASED = "QualityDecreased"
QUALITY_NOT_DECREASED = "QualityNotDecreased"
LABELS_MISSING = "LabelsMissing"

CANDIDATE_DRIFTED = "CandidateDrifted"
SMALL_DRIFT = "SmallDrift"
NO_DRIFT = "NoDrift"

QUERY_OUT_OF_RANGE = "QueryOutOfRange"
QUERY_IN_RANGE = "QueryInRange"

NO_REQUESTS = "NoRequests"
NOT_ENOUGH_DATA = "NotEnoughData"
