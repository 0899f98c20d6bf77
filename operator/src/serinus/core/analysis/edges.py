"""Which histogram edges a latency threshold can be read at."""

from serinus.core.analysis.cursor import EDGE_TOLERANCE
from serinus.core.observation import MetricsSnapshot


def missing_edge(snapshot: MetricsSnapshot, revisions: tuple[str, ...], threshold_seconds: float) -> str:
    """A sentence if some revision's histogram has no edge at the threshold, otherwise the empty string."""
    for sample in snapshot.samples:
        if sample.revision not in revisions or not any(sample.codes.values()):
            continue
        edges = sorted(sample.latency_buckets)
        if any(abs(edge - threshold_seconds) <= EDGE_TOLERANCE * threshold_seconds for edge in edges):
            continue
        below = [f"{edge:g} s" for edge in edges if edge < threshold_seconds][-1:]
        above = [f"{edge:g} s" for edge in edges if edge > threshold_seconds and edge != float("inf")][:1]
        nearest = f"the nearest are {' and '.join(below + above)}" if below or above else "it has none"
        return (
            f"the latency histogram of {sample.instance} has no edge at {threshold_seconds:g} s ({nearest}); "
            "set the signal's threshold to an edge, or add the edge to the histogram (on one machine: start `serinus run` again)"
        )
    return ""
