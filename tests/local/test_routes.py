import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serinus.adapters.shifting import next_weights
from serinus.core.plan import HeaderMatch
from serinus.local.routes import MatchRoute, MirrorRoute, Route, ServiceName, loaded_when, parse_service
from serinus.local.traefik import loaded_routes, routes_config
from serinus.ports import Key

LABEL = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
SUBDOMAIN = st.lists(LABEL, min_size=1, max_size=3).map(".".join)
REVISION = st.from_regex(r"[0-9a-f]{10}", fullmatch=True)
TOKEN = "0123"
KEY = Key("default", "flight")
WEIGHTS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 100))


@given(LABEL, SUBDOMAIN, REVISION, st.integers(0, 2**45))
def test_a_service_name_is_read_back_from_the_metrics(namespace: str, name: str, revision: str, since: int) -> None:
    service = ServiceName(Key(namespace, name), revision, since)
    assert parse_service(f"{service}@file") == service


@pytest.mark.parametrize("text", ["nothing@file", "prometheus@internal", "", "a.b.c", "a.b.c.d@file"])
def test_a_service_that_is_none_of_ours_is_left_out(text: str) -> None:
    assert parse_service(text) is None


@given(WEIGHTS, WEIGHTS, st.sets(st.sampled_from("abcd")))
def test_no_weight_grows_on_a_revision_that_is_not_ready_while_another_is(
    planned: dict[str, int], current: dict[str, int], ready: set[str]
) -> None:
    weights = next_weights(planned, current, ready)
    assert weights in (planned, current)
    if ready:
        assert all(weight <= current.get(name, 0) for name, weight in weights.items() if name not in ready)


def test_a_dead_stable_does_not_hold_back_a_good_candidate() -> None:
    planned = {"stable": 50, "candidate": 50}
    assert next_weights(planned, {"stable": 90, "candidate": 10}, {"candidate"}) == planned


def test_the_way_back_to_stable_waits_for_nobody_but_stable() -> None:
    planned, current = {"stable": 100}, {"stable": 50, "candidate": 50}
    assert next_weights(planned, current, {"stable"}) == planned
    assert next_weights(planned, current, {"candidate"}) == current
    assert next_weights(planned, current, set()) == planned


def _rule(config: dict[str, Any], router: str) -> str:
    return str(config["http"]["routers"][router]["rule"])


@pytest.mark.parametrize(
    ("path", "matches"),
    [
        ("/v1/models/flight:predict", True),
        ("/v1/models/flight", True),
        ("/v2/models/flight/infer", True),
        ("/v1/models/flight-delay:predict", False),
        ("/v3/models/flight:predict", False),
        ("/x/v1/models/flight:predict", False),
        ("/v2/health/ready", False),
    ],
)
def test_a_route_takes_the_paths_of_its_model_and_no_other(path: str, matches: bool) -> None:
    config = routes_config([Route(KEY, {"s": 100}, {"s": ("http://x",)})], TOKEN)
    pattern = json.loads(_rule(config, "default.flight").removeprefix("PathRegexp(").removesuffix(")"))
    assert bool(re.search(pattern, path)) is matches


def test_a_header_value_cannot_break_out_of_the_rule() -> None:
    match = MatchRoute(HeaderMatch("x-user", '`") || PathPrefix("/'), "s")
    rule = _rule(routes_config([Route(KEY, {"s": 100}, {"s": ()}, match)], TOKEN), "default.flight.match")
    assert rule.endswith(r'Header("x-user", "`\") || PathPrefix(\"/")')


def test_there_is_always_something_for_the_gateway_to_load() -> None:
    assert routes_config([], TOKEN)["http"]["routers"]


def _rawdata(routes: list[Route], status: str = "enabled") -> dict[str, Any]:
    """Traefik's account of routes that it has loaded."""
    http = routes_config(routes, TOKEN)["http"]
    routers = {f"{name}@file": {**router, "status": status} for name, router in http["routers"].items()}
    internal = {"api@internal": {"service": "api@internal", "status": "enabled"}}
    return {
        "routers": routers | internal,
        "services": {f"{name}@file": one for name, one in http.get("services", {}).items()},
    }


def test_what_was_written_is_recognised_in_what_is_loaded() -> None:
    match = MatchRoute(HeaderMatch("a", "b"), "s2")
    routes = [
        Route(KEY, {"s1": 90, "s2": 10}, {"s1": ("http://1",), "s2": ("http://2", "http://3")}, match, sticky=True),
        Route(Key("ml", "other"), {"s3": 0}, {"s3": ()}),
        Route(Key("ml", "third"), {"s4": 100, "s5": 0}, {"s4": (), "s5": ()}, mirror=MirrorRoute("s5", 20)),
    ]
    assert loaded_routes(_rawdata(routes)) == loaded_when(routes)
    assert loaded_routes(_rawdata([])) == loaded_when([])


def test_a_mirror_changes_nothing_about_what_answers() -> None:
    servers: dict[str, tuple[str, ...]] = {"s1": ("http://1",), "s2": ("http://2",)}
    match = MatchRoute(HeaderMatch("a", "b"), "s2")
    plain, mirrored = (
        routes_config([Route(KEY, {"s1": 100, "s2": 0}, servers, match, mirror=mirror)], TOKEN)["http"]
        for mirror in (None, MirrorRoute("s2", 20))
    )
    assert mirrored["services"].items() >= plain["services"].items()
    assert mirrored["routers"]["default.flight.match"] == plain["routers"]["default.flight.match"]
    service = mirrored["services"][mirrored["routers"]["default.flight"]["service"]]["mirroring"]
    assert (service["service"], service["mirrors"]) == ("default.flight", [{"name": "s2", "percent": 20}])


def test_weights_on_a_route_that_the_gateway_refuses_are_not_accepted() -> None:
    routes = [Route(KEY, {"s1": 100}, {"s1": ("http://1",)})]
    assert loaded_routes(_rawdata(routes, status="disabled")).weights == {}
