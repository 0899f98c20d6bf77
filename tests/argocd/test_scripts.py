"""Argo CD's health check and resource actions, on the status of every phase as the reconciler leaves it."""

import json
from typing import Any

import pytest
import yaml

from scripts import argocd_cm
from serinus.core.observation import Action, Verb
from serinus.core.policies.people import POSSIBLE_IN
from serinus.core.state import Phase
from serinus.core.status import object_of
from serinus.kubernetes.actions import ACTION_ANNOTATION, action_of
from tests.argocd import lua
from tests.argocd.phases import WORLDS
from tests.fakes.world import World, stable_world
from tests.unit.watching.watching_world import DRIFTED, serving_since

GENERATION = 7
HEALTH = {
    Phase.PENDING: "Progressing",
    Phase.STABLE: "Healthy",
    Phase.DEPLOYING: "Progressing",
    Phase.PROGRESSING: "Progressing",
    Phase.PAUSED: "Suspended",
    Phase.AWAITING_APPROVAL: "Suspended",
    Phase.PROMOTING: "Progressing",
    Phase.ROLLING_BACK: "Progressing",
    Phase.ROLLED_BACK: "Degraded",
    Phase.FAILED: "Degraded",
}
AFTER = {
    Verb.PROMOTE: {Phase.PROMOTING},
    Verb.ABORT: {Phase.ROLLING_BACK},
    Verb.RETRY: {Phase.DEPLOYING, Phase.PENDING},
    Verb.PAUSE: {Phase.PAUSED},
    Verb.RESUME: {Phase.PROGRESSING},
    Verb.ROLLBACK: {Phase.DEPLOYING},
}
POSSIBLE = [
    (verb, phase)
    for verb in map(Verb, argocd_cm.VERBS)
    for phase in sorted(POSSIBLE_IN[verb])
    if verb is not Verb.ROLLBACK
]


@pytest.fixture(scope="module")
def customizations() -> dict[str, Any]:
    """What Argo CD reads: the health script, and the actions."""
    data = yaml.safe_load(argocd_cm.COMMITTED.read_text(encoding="utf-8"))["data"]
    health, actions = (data[f"resource.customizations.{what}.{argocd_cm.RESOURCE}"] for what in ("health", "actions"))
    return {"health": health, **yaml.safe_load(actions)}


def live(world: World) -> dict[str, Any]:
    """The object as the API server has it."""
    content = object_of(world.asked, world.state)
    content["metadata"] |= {"generation": GENERATION, "resourceVersion": "4711", "annotations": {"team": "delays"}}
    content["status"]["observedGeneration"] = GENERATION
    return content


def action_script(customizations: dict[str, Any], verb: Verb) -> str:
    scripts: dict[str, str] = {one["name"]: one["action.lua"] for one in customizations["definitions"]}
    return scripts[verb]


def clicked(customizations: dict[str, Any], verb: Verb, world: World) -> Action:
    """The request that the action leaves on the object, as the operator reads it."""
    found = action_of(lua.run(action_script(customizations, verb), live(world)))
    assert found is not None
    return found


def test_the_committed_configuration_is_made_of_the_lua_files() -> None:
    assert argocd_cm.COMMITTED.read_text(encoding="utf-8") == argocd_cm.configmap(), (
        "regenerate it: python scripts/argocd_cm.py"
    )


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_has_its_health_and_says_why(customizations: dict[str, Any], phase: Phase) -> None:
    world = WORLDS[phase]()
    assert world.state.phase is phase
    health = lua.run(customizations["health"], live(world))
    assert health["status"] == HEALTH[phase]
    assert health["message"] == world.state.message


def test_drift_is_no_bad_health(customizations: dict[str, Any]) -> None:
    watching, world = serving_since(), stable_world()
    watching.look_at([DRIFTED] * 3)
    content = live(world)
    drifted = content["status"]["conditions"] = [one.model_dump(mode="json") for one in watching.state.conditions]
    assert ("Drifted", "True") in {(one["type"], one["status"]) for one in drifted}
    assert lua.run(customizations["health"], content)["status"] == "Healthy"


@pytest.mark.parametrize("phase", Phase)
def test_a_spec_that_the_operator_has_not_seen_is_progressing(customizations: dict[str, Any], phase: Phase) -> None:
    content = live(WORLDS[phase]())
    content["metadata"]["generation"] = GENERATION + 1
    assert lua.run(customizations["health"], content)["status"] == "Progressing"


def test_an_object_without_a_status_is_progressing(customizations: dict[str, Any]) -> None:
    content = live(stable_world())
    del content["status"]
    health = lua.run(customizations["health"], content)
    assert health["status"] == "Progressing"
    assert "operator" in health["message"]


def test_a_phase_of_a_later_version_is_unknown(customizations: dict[str, Any]) -> None:
    content = live(stable_world())
    content["status"]["phase"] = "Teleporting"
    assert lua.run(customizations["health"], content)["status"] == "Unknown"


def test_what_cannot_be_done_is_degraded_although_stable_serves(customizations: dict[str, Any]) -> None:
    world = stable_world()
    world.ask_version("99")
    world.tick()
    assert world.state.phase is Phase.STABLE
    health = lua.run(customizations["health"], live(world))
    assert health["status"] == "Degraded"
    assert "99" in health["message"]


def test_a_stable_revision_without_a_ready_replica_is_degraded(customizations: dict[str, Any]) -> None:
    world = stable_world()
    stable = world.state.stable
    assert stable is not None
    world.serving.down.add(stable.id)
    world.tick()
    health = lua.run(customizations["health"], live(world))
    assert health == {"status": "Degraded", "message": f"{stable.label} has no ready replica"}


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_offers_what_the_operator_would_do(customizations: dict[str, Any], phase: Phase) -> None:
    offered = lua.run(customizations["discovery.lua"], live(WORLDS[phase]()))
    wanted = {verb: {"disabled": phase not in POSSIBLE_IN[Verb(verb)]} for verb in argocd_cm.VERBS}
    assert offered == wanted | {"rollback": {"disabled": True}}


def test_an_object_without_a_status_offers_nothing(customizations: dict[str, Any]) -> None:
    content = live(stable_world())
    del content["status"]
    offered = lua.run(customizations["discovery.lua"], content)
    assert all(action["disabled"] for action in offered.values())


@pytest.mark.parametrize(("verb", "phase"), POSSIBLE)
def test_a_click_is_carried_out_once(customizations: dict[str, Any], verb: Verb, phase: Phase) -> None:
    world = WORLDS[phase]()
    world.serving.failed.clear()
    world.action = clicked(customizations, verb, world)
    decided = world.reconcile().next_state
    assert decided.phase in AFTER[verb]
    assert decided.handled_nonce == world.action.nonce
    assert "argocd" in decided.action_message


def test_what_served_before_can_be_gone_back_to(customizations: dict[str, Any]) -> None:
    world = stable_world()
    world.ask_version("2")
    world.until_phase(Phase.PROMOTING)
    world.until_phase(Phase.STABLE)
    assert lua.run(customizations["discovery.lua"], live(world))["rollback"] == {"disabled": False}
    world.action = clicked(customizations, Verb.ROLLBACK, world)
    assert world.reconcile().next_state.phase in AFTER[Verb.ROLLBACK]
    world.until_phase(Phase.ROLLED_BACK)
    assert world.weight_of("1") == 100
    assert lua.run(customizations["health"], live(world))["status"] == "Degraded"


def test_a_late_click_does_not_act_on_another_rollout(customizations: dict[str, Any]) -> None:
    world = WORLDS[Phase.PROGRESSING]()
    late = clicked(customizations, Verb.PROMOTE, world)
    world.ask_version("4")
    world.until_phase(Phase.DEPLOYING)
    world.until_phase(Phase.PROGRESSING)
    world.action = late
    decided = world.reconcile().next_state
    assert decided.phase is Phase.PROGRESSING
    assert "refused" in decided.action_message


@pytest.mark.parametrize("verb", argocd_cm.VERBS)
def test_an_action_changes_nothing_but_its_annotation(customizations: dict[str, Any], verb: str) -> None:
    content = live(WORLDS[Phase.PROGRESSING]())
    changed = lua.run(action_script(customizations, Verb(verb)), content)
    assert changed["metadata"]["annotations"].pop(ACTION_ANNOTATION)
    assert lua.run("return obj", content) == changed


def test_an_object_without_annotations_can_be_acted_on(customizations: dict[str, Any]) -> None:
    content = live(WORLDS[Phase.ROLLED_BACK]())
    del content["metadata"]["annotations"]
    changed = lua.run(action_script(customizations, Verb.RETRY), content)
    latest = content["status"]["history"][-1]["id"]
    assert json.loads(changed["metadata"]["annotations"][ACTION_ANNOTATION])["rolloutId"] == latest


def test_an_object_without_any_rollout_can_be_acted_on(customizations: dict[str, Any]) -> None:
    content = live(WORLDS[Phase.FAILED]())
    content["status"]["history"] = []
    content["status"].pop("rollout", None)
    changed = lua.run(action_script(customizations, Verb.RETRY), content)
    assert json.loads(changed["metadata"]["annotations"][ACTION_ANNOTATION])["rolloutId"] == ""


def test_two_clicks_on_two_versions_of_the_object_are_two_requests(customizations: dict[str, Any]) -> None:
    world = WORLDS[Phase.PROGRESSING]()
    first, second = (live(world) for _ in range(2))
    second["metadata"]["resourceVersion"] = "4712"
    nonces = {
        lua.run(action_script(customizations, Verb.PAUSE), content)["metadata"]["annotations"][ACTION_ANNOTATION]
        for content in (first, second)
    }
    assert len(nonces) == 2
