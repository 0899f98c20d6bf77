"""Prometheus' text format as core values, and the counters that Traefik keeps for each of its services."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from serinus.core.errors import MetricsUnavailable

TRAEFIK_REQUESTS = "traefik_service_requests_total"
TRAEFIK_LATENCY_BUCKET = "traefik_service_request_duration_seconds_bucket"


@dataclass(frozen=True)
class ServiceCounters:
    """Cumulative counters of one gateway service: requests by HTTP code, and by upper latency edge in seconds."""

    codes: Mapping[int, int] = field(default_factory=dict)
    latency_buckets: Mapping[float, int] = field(default_factory=dict)


def samples(text: str, names: Iterable[str]) -> list[Sample]:
    """The samples called one of `names` in a scrape. Raises MetricsUnavailable if they cannot be parsed."""
    wanted = tuple(names)
    # Parsing costs far more than looking: most of a scrape is about other things.
    lines = "".join(f"{line}\n" for line in text.splitlines() if line.startswith(wanted))
    try:
        families = list(text_string_to_metric_families(lines))
    except ValueError as error:
        raise MetricsUnavailable(
            f"the scraped metrics cannot be parsed ({error}); is it a Prometheus endpoint?"
        ) from error
    return [sample for family in families for sample in family.samples if sample.name in wanted]


def traefik_services(text: str) -> dict[str, ServiceCounters]:
    """Counters by service name (with its `@provider`), added up over methods and protocols.

    The bucket of all requests (infinity) is kept: a histogram agrees with itself at every moment, but not always with
    the counter beside it.
    """
    codes: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    buckets: dict[str, dict[float, int]] = defaultdict(lambda: defaultdict(int))
    for sample in samples(text, (TRAEFIK_REQUESTS, TRAEFIK_LATENCY_BUCKET)):
        service = sample.labels["service"]
        if sample.name == TRAEFIK_REQUESTS:
            codes[service][int(sample.labels["code"])] += int(sample.value)
        else:
            buckets[service][float(sample.labels["le"])] += int(sample.value)
    return {service: ServiceCounters(dict(codes[service]), dict(buckets[service])) for service in codes}
