"""One turn for a deployment: what goes well is told once, what does not is told where people look."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest

from serinus.adapters.kubernetes_objects import HTTP_ROUTE, INFERENCE_SERVICE, MODEL_DEPLOYMENT, POD, Kind
from serinus.core.errors import MetricsUnavailable, NotSupportedYet, ServingUnavailable, SpecInvalid, StateConflict
from serinus.core.observation import MetricsSnapshot, Problem, ServingObservation
from serinus.core.plan import ServingPlan
from serinus.core.spec import ServingMode
from serinus.kubernetes.actions import ACTION_ANNOTATION
from serinus.kubernetes.api import ApiRefused
from serinus.kubernetes.cache import ObjectCache
from serinus.kubernetes.controller import LASTING_SECONDS, Controller
from serinus.kubernetes.discovery import KNATIVE_SERVICE, Discovery
from serinus.kubernetes.events import EventRecorder
from serinus.kubernetes.journal import ClusterJournal
from serinus.kubernetes.objects import ClusterObjects
from serinus.kubernetes.registry import ClusterRegistry
from serinus.kubernetes.serving import ServingRouter
from serinus.kubernetes.specs import Specs
from serinus.kubernetes.status_store import StatusStore
from serinus.kubernetes.telemetry import Telemetry
from serinus.lint.unsupported import EACH, Row
from serinus.ports import Key, Ports
from serinus.reconcile import Reconciler
from tests.adapters.fakes.serving import FakeServing
from tests.fakes.clock import FakeClock
from tests.kubernetes.fake_api import FakeApiServer, Fault, OpenFence
from tests.kubernetes.samples import KEY, deployment


class NoMetrics:
    async def read(self, key: Key) -> MetricsSnapshot:
        raise MetricsUnavailable("nobody counts here")


@dataclass
class Failing:
    """A backend that fails as it is told."""

    inner: FakeServing
    error: Exception | None = None
    problem: Problem | None = None
    plans: list[ServingPlan] = field(default_factory=list)
    forgotten: list[Key] = field(default_factory=list)

    async def observe(self, key: Key) -> ServingObservation:
        if self.error is not None:
            raise self.error
        return replace(await self.inner.observe(key), problem=self.problem)

    async def apply(self, key: Key, plan: ServingPlan) -> None:
        self.plans.append(plan)
        await self.inner.apply(key, plan)

    def forget(self, key: Key) -> None:
        self.forgotten.append(key)


class World:
    """The operator without its watches: `see` is what they would tell."""

    def __init__(self, modes: Mapping[ServingMode, Any] | None = None) -> None:
        self.server, self.cache, self.clock, self.telemetry = FakeApiServer(), ObjectCache(), FakeClock(), Telemetry()
        self.backend = Failing(FakeServing())
        self._modes = modes if modes is not None else {ServingMode.STANDARD: self.backend}
        self.default = ServingMode.STANDARD
        self.start()

    def start(self) -> None:
        """The operator is started (again): it remembers nothing but what is stored."""
        api = self.server.api()
        self.discovery = Discovery(api)
        objects = ClusterObjects(api, self.cache, self.discovery)
        self.router = ServingRouter(objects, self._modes, self.default)
        self.events = EventRecorder(api, self.cache, self.clock, "pod", self.telemetry.event_dropped)
        self.store = StatusStore(objects, self.clock, timedelta(minutes=1))
        journal = ClusterJournal(self.events, self.telemetry)
        ports = Ports(self.store, self.router, NoMetrics(), ClusterRegistry(None, OpenFence()), journal, self.clock)
        self.controller = Controller(
            objects,
            self.store,
            Reconciler(ports),
            serving=self.router,
            events=self.events,
            telemetry=self.telemetry,
            clock=self.clock,
            waited=lambda _: 0.0,
        )
        asyncio.run(self.discovery.refresh())

    def see(self, manifest: dict[str, Any]) -> None:
        stored = self.server.get(MODEL_DEPLOYMENT, "ml", "flight") or {}
        kept = {"status": stored["status"]} if "status" in stored else {}
        self.cache.put(MODEL_DEPLOYMENT, self.server.put(MODEL_DEPLOYMENT, {**kept, **manifest}))

    def turn(self) -> float | None:
        self.clock.advance(1)
        return asyncio.run(self.controller.turn(KEY))

    def fail(self) -> Exception:
        with pytest.raises(Exception) as caught:  # noqa: PT011
            self.turn()
        return caught.value

    def status(self) -> dict[str, Any]:
        stored = self.server.get(MODEL_DEPLOYMENT, "ml", "flight")
        assert stored is not None
        status: dict[str, Any] = stored.get("status", {})
        return status

    def degraded(self) -> tuple[str, str, str]:
        found = next(one for one in self.status()["conditions"] if one["type"] == "Degraded")
        return found["status"], found["reason"], found["message"]

    def told(self) -> list[tuple[str, str]]:
        asyncio.run(self.events.flush())
        found = [one for (base, _, _), one in self.server.objects.items() if base.endswith("/events")]
        return [(one["reason"], one["type"]) for one in found]

    def troubles(self) -> list[tuple[str, str]]:
        lines = self.telemetry.text().decode().splitlines()
        labels = (line.partition("{")[2].partition("}")[0] for line in lines if line.startswith("serinus_trouble{"))
        return [(phase, reason) for _, _, phase, reason in (one.split(",") for one in labels)]

    def until_stable(self) -> None:
        for _ in range(10):
            self.turn()
            if self.status().get("phase") == "Stable":
                return
        raise AssertionError(self.status())


def test_a_first_revision_comes_up_and_then_nothing_is_written_any_more() -> None:
    world = World()
    world.see(deployment())
    world.until_stable()
    world.turn()
    assert (world.status()["mode"], world.status()["observedGeneration"]) == ("Standard", 1)
    before = dict(world.server.requests)
    for _ in range(20):
        world.clock.advance(30)
        after = world.turn()
    assert after == 300.0
    assert dict(world.server.requests) == before
    assert world.told() == [("WaitingForReadiness", "Normal"), ("FirstRevisionReady", "Normal")]


def test_a_decision_is_looked_at_again_at_once() -> None:
    world = World()
    world.see(deployment())
    assert world.turn() == 0.0


def test_an_invalid_spec_is_a_condition_and_an_event_and_no_loop() -> None:
    world = World()
    world.see(deployment(spec={"model": {"name": "flight"}}))
    for _ in range(5):
        assert world.turn() == LASTING_SECONDS
    status, reason, message = world.degraded()
    assert (status, reason, world.status()["phase"]) == ("True", "SpecInvalid", "Failed")
    assert "spec.model" in message
    assert world.told() == [("SpecInvalid", "Warning")]
    assert world.server.requests["PATCH"] == 1
    assert world.troubles() == [('phase=""', 'reason="SpecInvalid"')]
    world.see(deployment())
    world.until_stable()
    assert (world.degraded()[0], world.troubles()) == ("False", [])


def test_a_spec_that_becomes_invalid_leaves_what_serves_as_it_is() -> None:
    world = World()
    world.see(deployment())
    world.until_stable()
    before, plans = world.backend.plans[-1], len(world.backend.plans)
    world.see(deployment(spec={"model": {"name": "flight"}, "serving": {"minReplicas": 2}}))
    for _ in range(3):
        world.turn()
    assert (world.status()["phase"], world.degraded()[1]) == ("Stable", "SpecInvalid")
    assert world.backend.plans[-1] == before, "as it was while it was valid"
    assert len(world.backend.plans) > plans, "and kept so"
    assert [one for one in world.told() if one[0] == "SpecInvalid"] == [("SpecInvalid", "Warning")]
    assert world.troubles() == [('phase="Stable"', 'reason="SpecInvalid"')]
    world.see(deployment())
    world.turn()
    assert world.degraded()[:2] == ("False", "AsAsked")


def test_what_is_not_supported_yet_is_a_condition() -> None:
    world = World()
    world.backend.error = NotSupportedYet("Shadow comes later")
    world.see(deployment())
    assert world.turn() == LASTING_SECONDS
    assert world.degraded() == ("True", "NotSupportedYet", "Shadow comes later")


def test_trouble_that_may_pass_is_tried_again_and_told_only_when_it_lasts() -> None:
    world = World()
    world.see(deployment())
    world.until_stable()
    told = world.told()
    world.backend.error = ServingUnavailable("the gateway is away; look at it")
    for _ in range(2):
        assert isinstance(world.fail(), ServingUnavailable)
    assert world.degraded()[0] == "False"
    for _ in range(5):
        world.fail()
    assert world.degraded() == ("True", "ServingUnavailable", "the gateway is away; look at it")
    assert world.told() == [*told, ("ServingUnavailable", "Warning")]
    world.backend.error = None
    world.turn()
    assert world.degraded()[0] == "False"


def test_what_only_a_condition_tells_is_an_event_when_it_begins_and_when_it_ends() -> None:
    world = World()
    world.see(deployment())
    world.until_stable()
    world.turn()
    told = world.told()
    world.backend.problem = Problem("RouteRefused", "the listener allows no such host")
    for _ in range(3):
        world.turn()
    assert world.degraded() == ("True", "RouteRefused", "the listener allows no such host")
    assert world.told() == [*told, ("RouteRefused", "Warning")]
    world.backend.problem = None
    for _ in range(3):
        world.turn()
    assert world.told() == [*told, ("RouteRefused", "Warning"), ("AsAsked", "Normal")]


def test_content_that_the_api_server_refuses_is_told_at_once() -> None:
    world = World()
    world.see(deployment())
    world.backend.error = ApiRefused("create InferenceService ml: spec.x is required", 422)
    assert world.turn() == LASTING_SECONDS
    assert world.degraded() == ("True", "ApiRefused", "create InferenceService ml: spec.x is required")


def test_a_conflict_is_no_trouble_until_it_lasts() -> None:
    world = World()
    world.see(deployment())
    world.backend.error = StateConflict("another was faster")
    for _ in range(9):
        assert isinstance(world.fail(), StateConflict)
    assert world.status() == {}
    assert isinstance(world.fail(), StateConflict)
    assert world.degraded() == ("True", "StateConflict", "another was faster")
    world.backend.error = None
    world.turn()
    assert world.degraded()[0] == "False"


def test_a_defect_is_logged_with_its_trace_and_told(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.see(deployment())
    world.backend.error = ZeroDivisionError("a defect")
    for _ in range(4):
        world.fail()
    assert world.degraded() == ("True", "ZeroDivisionError", "a defect")
    assert [record.exc_info is not None for record in caplog.records if record.levelname == "ERROR"] == [True]


def test_an_api_server_that_takes_no_status_either_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serinus.kubernetes.api.PAUSES_SECONDS", ())
    world = World()
    world.see(deployment(spec={"model": {"name": "flight"}}))
    world.server.faults = [Fault(500, times=2)]
    assert world.turn() == LASTING_SECONDS
    assert world.status() == {}


def test_a_request_that_is_not_understood_is_answered_once_and_stops_nothing() -> None:
    world = World()
    world.see(deployment(annotations={ACTION_ANNOTATION: "promote!"}))
    world.until_stable()
    assert world.told().count(("ActionInvalid", "Warning")) == 1
    world.see(deployment(annotations={ACTION_ANNOTATION: "[]"}))
    world.turn()
    assert world.told().count(("ActionInvalid", "Warning")) == 2


def test_a_request_is_handed_on() -> None:
    world = World()
    world.see(deployment())
    world.until_stable()
    world.see(deployment(annotations={ACTION_ANNOTATION: '{"verb": "promote", "nonce": "n1", "by": "ann"}'}))
    world.turn()
    assert world.status()["handledNonce"] == "n1"
    assert "promote was refused: the phase is Stable" in world.status()["actionMessage"]


def test_a_deployment_that_is_gone_leaves_nothing_behind() -> None:
    world = World()
    world.see(deployment())
    world.until_stable()
    assert b'serinus_candidate_weight{deployment="flight",namespace="ml"} 0.0' in world.telemetry.text()
    stored = world.server.get(MODEL_DEPLOYMENT, "ml", "flight")
    assert stored is not None
    world.cache.forget(MODEL_DEPLOYMENT, "ml", "flight", stored["metadata"]["uid"])
    assert world.turn() is None
    assert b"flight" not in world.telemetry.text()
    assert world.store._known == {}
    assert world.backend.forgotten == [KEY]


def test_a_deployment_that_is_being_deleted_is_left_alone() -> None:
    world = World()
    world.see(deployment(deletionTimestamp="2026-01-05T12:00:00Z"))
    assert world.turn() is None
    assert world.server.requests["PUT"] == 0
    assert world.backend.plans == []


# ---- modes


def asking(mode: str) -> dict[str, Any]:
    return deployment(spec={"model": {"name": "flight", "uri": "s3://models/1"}, "serving": {"mode": mode}})


def without(world: World, *kinds: Any) -> None:
    world.server.kinds -= set(kinds)
    asyncio.run(world.discovery.refresh())


def test_a_cluster_without_kserve_is_a_sentence_and_goes_on_once_it_is_there() -> None:
    world = World()
    without(world, INFERENCE_SERVICE)
    world.see(deployment())
    world.fail()
    assert world.degraded()[1] == "ServingModeUnavailable"
    assert "install KServe" in world.degraded()[2]
    world.server.kinds.add(INFERENCE_SERVICE)
    asyncio.run(world.discovery.refresh())
    world.until_stable()
    assert world.degraded()[0] == "False"


@pytest.mark.parametrize(
    ("mode", "missing", "why"),
    [
        ("Standard", HTTP_ROUTE, "the cluster lacks the Gateway API"),
        ("Knative", KNATIVE_SERVICE, "mode Knative is not supported in this release"),
    ],
)
def test_a_mode_that_cannot_be_had_is_a_sentence(mode: str, missing: Any, why: str) -> None:
    world = World()
    without(world, missing)
    world.see(asking(mode))
    world.fail()
    assert f"mode {mode} was asked for, but" in world.degraded()[2]


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (INFERENCE_SERVICE, "inferenceservices.serving.kserve.io"),
        (POD, "pods"),
        (HTTP_ROUTE, "httproutes.gateway.networking.k8s.io"),
    ],
)
def test_what_the_operator_may_not_list_is_a_sentence_and_no_failure_of_a_revision(kind: Kind, what: str) -> None:
    world = World()
    world.discovery.forbidden = frozenset({kind})
    world.see(asking("Standard"))
    world.fail()
    assert world.degraded()[1] == "ServingModeUnavailable"
    assert f"the operator may not list {what}" in world.degraded()[2]
    world.discovery.forbidden = frozenset()
    world.until_stable()


def both() -> tuple[World, Failing, Failing]:
    standard, knative = Failing(FakeServing()), Failing(FakeServing())
    return World({ServingMode.STANDARD: standard, ServingMode.KNATIVE: knative}), standard, knative


def test_auto_takes_what_the_cluster_can_do() -> None:
    world, standard, knative = both()
    without(world, HTTP_ROUTE)
    world.see(deployment())
    world.until_stable()
    assert (world.status()["mode"], bool(standard.plans), bool(knative.plans)) == ("Knative", False, True)


def test_auto_keeps_to_the_mode_it_has_chosen() -> None:
    world, standard, _ = both()
    without(world, HTTP_ROUTE)
    world.see(deployment())
    world.until_stable()
    world.server.kinds.add(HTTP_ROUTE)
    asyncio.run(world.discovery.refresh())
    world.turn()
    assert (world.status()["mode"], standard.plans) == ("Knative", [])


def test_a_deployment_keeps_its_mode_while_it_serves() -> None:
    world, _, knative = both()
    world.see(asking("Standard"))
    world.until_stable()
    world.see(asking("Knative"))
    world.fail()
    assert world.degraded()[1] == "ServingModeUnavailable"
    assert "is served in mode Standard, and spec.serving.mode asks for Knative" in world.degraded()[2]
    assert not knative.plans
    world.see(asking("Standard"))
    world.turn()
    assert world.degraded()[0] == "False"


def test_auto_waits_for_the_mode_it_has_chosen_rather_than_leave_its_objects_behind() -> None:
    world, standard, knative = both()
    world.see(deployment())
    world.until_stable()
    without(world, HTTP_ROUTE)
    world.fail()
    assert "is served in mode Standard, but the cluster lacks the Gateway API" in world.degraded()[2]
    assert (world.status()["mode"], bool(standard.plans), knative.plans) == ("Standard", True, [])


@pytest.fixture
def no_drift_signals_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that reads what it does not do yet."""
    row = Row(("rollout", "signals", EACH, "type"), lambda value, _: value == "Drift", "yet", "remove the signal")
    monkeypatch.setattr(import_module("serinus.lint.unsupported"), "NOWHERE_YET", (row,))


@pytest.mark.usefixtures("no_drift_signals_yet")
def test_what_of_a_spec_can_be_understood_is_in_force_where_no_valid_one_was_seen() -> None:
    drift, errors = {"name": "drift", "type": "Drift"}, {"name": "errors", "type": "Errors"}
    manifest = asking("Standard")
    manifest["metadata"] |= {"uid": "u", "generation": 1}
    manifest["spec"] |= {"rollout": {"signals": [drift, errors, {**drift, "name": "more"}]}}
    with pytest.raises(SpecInvalid, match="not supported yet"):
        Specs().of(manifest)
    found = Specs().in_force(manifest)
    assert found is not None
    assert found.spec.model.uri == "s3://models/1"
    assert [one.name for one in found.spec.rollout.signals] == ["errors"]
    assert Specs().in_force({**manifest, "spec": {"model": 1}}) is None


def test_auto_takes_the_default_where_the_cluster_can_do_both() -> None:
    world, _, knative = both()
    world.see(deployment())
    world.until_stable()
    assert (world.status()["mode"], knative.plans) == ("Standard", [])


def test_a_spec_that_becomes_invalid_in_mid_rollout_leaves_the_rollout_judged_and_people_heard() -> None:
    world = World()
    world.see(deployment())
    world.until_stable()
    second = {"model": {"name": "flight", "uri": "s3://models/2"}}
    world.see(deployment(spec=second, generation=2))
    until(world, "Progressing")
    broken = {**second, "monitoring": {"window": "1h"}}
    world.see(deployment(spec=broken, generation=3))
    plans = len(world.backend.plans)
    assert world.turn() != LASTING_SECONDS
    assert len(world.backend.plans) > plans, "the rollout goes on"
    assert world.degraded()[1] == "SpecInvalid"
    action = {ACTION_ANNOTATION: '{"verb": "abort", "nonce": "n1", "by": "ann"}'}
    world.see(deployment(spec=broken, generation=3, annotations=action))
    until(world, "RolledBack")
    world.turn()
    assert world.degraded()[1] == "SpecInvalid"


@pytest.mark.usefixtures("no_drift_signals_yet")
def test_with_an_invalid_spec_people_can_still_go_back() -> None:
    world = World()
    world.see(deployment())
    world.until_stable()
    second = {"model": {"name": "flight", "uri": "s3://models/2"}, "rollout": {"strategy": "Immediate"}}
    world.see(deployment(spec=second, generation=2))
    until(world, "Promoting")
    until(world, "Stable")
    drift = {"rollout": {"signals": [{"name": "drift", "type": "Drift"}]}}
    action = {ACTION_ANNOTATION: '{"verb": "rollback", "nonce": "n1", "by": "ann"}'}
    broken = deployment(spec=second | drift, generation=3, annotations=action)
    world.start()
    world.see(broken)
    until(world, "Promoting")
    until(world, "Stable")
    assert world.status()["stable"]["artifact"]["uri"] == "s3://models/1"
    assert world.degraded()[1] == "SpecInvalid"


@pytest.mark.usefixtures("no_drift_signals_yet")
@pytest.mark.parametrize("is_asked", [False, True])
def test_what_was_never_valid_since_the_start_is_not_brought_about(is_asked: bool) -> None:
    world = World()
    world.see(deployment())
    world.until_stable()
    world.start()
    drift = {"rollout": {"signals": [{"name": "drift", "type": "Drift"}]}}
    wider = {"model": {"name": "flight", "uri": "s3://models/1"}, "serving": {"minReplicas": 5}, **drift}
    plans = len(world.backend.plans)
    action = {ACTION_ANNOTATION: '{"verb": "resume", "nonce": "n1", "by": "ann"}'} if is_asked else {}
    world.see(deployment(spec=wider, generation=2, annotations=action))
    assert world.turn() == LASTING_SECONDS
    assert len(world.backend.plans) == plans
    assert world.degraded()[1] == "SpecInvalid"


def test_a_status_that_was_emptied_does_not_move_what_serves_to_the_other_mode() -> None:
    world, _, knative = both()
    world.see(deployment())
    world.until_stable()
    world.server.put(MODEL_DEPLOYMENT, deployment())
    assert not world.status()
    world.default = ServingMode.KNATIVE
    world.start()
    world.see(deployment())
    world.turn()
    assert (world.status()["mode"], knative.plans) == ("Standard", [])


@pytest.mark.parametrize("verb", ["", "pause"])
def test_metrics_that_are_away_are_trouble_wherever_a_candidate_is_judged(verb: str) -> None:
    world = World()
    world.see(deployment())
    world.until_stable()
    second = {"model": {"name": "flight", "uri": "s3://models/2"}}
    action = {ACTION_ANNOTATION: json.dumps({"verb": verb, "nonce": "n1", "by": "ann"})} if verb else {}
    world.see(deployment(spec=second, generation=2))
    until(world, "Progressing")
    world.see(deployment(spec=second, generation=2, annotations=action))
    world.turn()
    assert world.troubles() == [(f'phase="{"Paused" if verb else "Progressing"}"', 'reason="MetricsUnavailable"')]


def until(world: World, phase: str) -> None:
    for _ in range(10):
        world.turn()
        if world.status().get("phase") == phase:
            return
    raise AssertionError(world.status())
