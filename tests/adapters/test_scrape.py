import pytest

from serinus.adapters.scrape import samples, traefik_services
from serinus.core.errors import MetricsUnavailable

SCRAPE = """\
# HELP traefik_service_requests_total How many HTTP requests processed on a service.
# TYPE traefik_service_requests_total counter
traefik_service_requests_total{code="200",method="POST",protocol="http",service="default.m.a.1@file"} 41
traefik_service_requests_total{code="200",method="GET",protocol="http",service="default.m.a.1@file"} 1
traefik_service_requests_total{code="500",method="POST",protocol="http",service="default.m.a.1@file"} 1e+06
traefik_service_requests_total{code="200",method="POST",protocol="http",service="default.m.b.2@file"} 7
# TYPE traefik_service_request_duration_seconds histogram
traefik_service_request_duration_seconds_bucket{code="200",method="POST",protocol="http",service="default.m.a.1@file",le="0.1"} 40
traefik_service_request_duration_seconds_bucket{code="200",method="POST",protocol="http",service="default.m.a.1@file",le="+Inf"} 41
traefik_service_request_duration_seconds_bucket{code="500",method="POST",protocol="http",service="default.m.a.1@file",le="0.1"} 2
traefik_service_request_duration_seconds_bucket{code="500",method="POST",protocol="http",service="default.m.a.1@file",le="+Inf"} 3
traefik_service_request_duration_seconds_sum{code="200",method="POST",protocol="http",service="default.m.a.1@file"} 0.5
traefik_service_requests_bytes_total{code="200",method="POST",protocol="http",service="default.m.a.1@file"} 99
go_goroutines 12
"""


def test_counters_are_added_up_over_methods_and_kept_apart_by_code_and_service() -> None:
    services = traefik_services(SCRAPE)
    assert services.keys() == {"default.m.a.1@file", "default.m.b.2@file"}
    assert services["default.m.a.1@file"].codes == {200: 42, 500: 1_000_000}
    assert services["default.m.b.2@file"].codes == {200: 7}


def test_latency_buckets_are_added_up_over_codes_with_the_bucket_of_all() -> None:
    services = traefik_services(SCRAPE)
    assert services["default.m.a.1@file"].latency_buckets == {0.1: 42, float("inf"): 44}
    assert services["default.m.b.2@file"].latency_buckets == {}


def test_a_scrape_without_the_counters_has_no_services() -> None:
    assert traefik_services("go_goroutines 12\n") == {}
    assert traefik_services("") == {}


def test_only_the_samples_asked_for_are_parsed() -> None:
    found = samples("up 1\nupper 2\nbroken{ 3\n", ("up",))
    assert [(sample.name, sample.value) for sample in found] == [("up", 1.0)]


def test_text_that_is_no_scrape_is_a_sentence() -> None:
    with pytest.raises(MetricsUnavailable, match="cannot be parsed"):
        samples('up{a="b" 1\n', ("up",))
