"""`serinus` and `kubectl serinus` on a real API server: looking, asking, waiting, and what people are told when it fails."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client  # type: ignore[import-untyped]

from serinus.core.state import Phase
from tests.argocd.phases import WORLDS
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.looking import Look, eventually
from tests.cluster.operating.world import World as Operated
from tests.cluster.standard.world import install_definition
from tests.cluster.steering import Done, Steered, kubeconfig_of, kubectl_serinus, serinus
from tests.fakes.world import Behaviour, World, rolling_out, stable_world

ROLES = Path(__file__).parents[2] / "manifests" / "base" / "aggregated-roles.yaml"
LONG = [{"weight": 10, "hold": "1h"}]
Ask = Callable[..., Done]


@pytest.fixture(scope="module", autouse=True)
def definition(look: Look) -> None:
    install_definition(look)


@pytest.fixture
def kubeconfig(cluster: Cluster, tmp_path: Path) -> Path:
    """A copy in a folder without anything else."""
    path = tmp_path / "kubeconfig"
    path.write_text(cluster.kubeconfig.read_text())
    return path


@pytest.fixture
def ask(kubeconfig: Path, namespace: str) -> Ask:
    return lambda *words: serinus(kubeconfig, *words, "-n", namespace)


@pytest.fixture
def steered(look: Look, namespace: str) -> Callable[[World], Steered]:
    return lambda world: Steered(look, namespace, "flights", world)


@pytest.fixture(scope="module", autouse=True)
def roles(look: Look) -> None:
    """serinus-view and serinus-edit, as the chart has them."""
    rights = client.RbacAuthorizationV1Api(look.api)
    for role in yaml.safe_load_all(ROLES.read_text()):
        try:
            rights.create_cluster_role(role)
        except client.ApiException as error:
            if error.status != 409:
                raise


def me(look: Look) -> str:
    """Who the API server takes the kubeconfig's user for, by the official client."""
    review = client.AuthenticationV1Api(look.api).create_self_subject_review({})
    return str(review.status.user_info.username)


def slow(**rollout: Any) -> World:
    return rolling_out("2", **{"steps": LONG, "deadline": "24h", **rollout})


def test_every_phase_is_shown_listed_and_explained(look: Look, namespace: str, ask: Ask, kubeconfig: Path) -> None:
    for phase, world in WORLDS.items():
        Steered(look, namespace, phase.lower(), world())
    rows = [line.split() for line in ask("get").out.splitlines()[1:]]
    assert {row[0]: row[1] for row in rows} == {f"{namespace}/{phase.lower()}": phase for phase in Phase}
    everywhere = serinus(kubeconfig, "get", "-A")
    assert f"{namespace}/stable" in everywhere.out
    for phase in (Phase.AWAITING_APPROVAL, Phase.ROLLED_BACK):
        shown = json.loads(ask("explain", phase.lower(), "-o", "json").out)
        assert (shown["phase"], shown["reason"]) == (phase, WORLDS[phase]().state.reason)
        assert shown["waits"]
    (record,) = json.loads(ask("history", "rolledback", "-o", "json").out)["items"]
    assert (record["outcome"], record["signals"][0]["verdict"]) == ("RolledBack", "Fail")
    printed = yaml.safe_load(ask("get", "paused", "-o", "yaml").out)
    assert (printed["kind"], printed["status"]["phase"]) == ("ModelDeployment", "Paused")
    assert "checkpoint" not in printed["status"]


def test_a_promotion_is_asked_for_waited_for_and_signed(
    steered: Callable[[World], Steered], ask: Ask, look: Look
) -> None:
    deployment = steered(slow())
    before = deployment.read()
    with deployment.running():
        done = ask("promote", "flights", "--wait", "--timeout", "60s")
    assert done.code == 0, done.err
    assert f"promote by {me(look)}" in done.out
    assert done.out.splitlines()[-1].endswith(f"is promoted on request of {me(look)}")
    after = deployment.read()
    assert after["spec"] == before["spec"]
    assert set(after["metadata"].get("annotations", {})) == {"serinus.dev/action"}
    action = json.loads(after["metadata"]["annotations"]["serinus.dev/action"])
    assert (action["verb"], action["by"]) == ("promote", me(look))
    assert action["rolloutId"] == before["status"]["rollout"]["id"]
    assert after["status"]["history"][0]["reason"] == "PromotedByUser"


def test_pause_resume_abort_and_retry_are_answered(steered: Callable[[World], Steered], ask: Ask) -> None:
    deployment = steered(slow())
    with deployment.running():
        eventually(lambda: deployment.read()["status"]["rollout"]["weight"] == 10, "it has its weight")
        codes = {verb: ask(verb, "flights").code for verb in ("pause", "resume")}
        assert codes == {"pause": 0, "resume": 0}
        aborted = ask("abort", "flights", "--wait", "--timeout", "60s")
        assert (aborted.code, deployment.read()["status"]["phase"]) == (0, "RolledBack"), aborted.err
        assert "Aborted: flights version 2 was aborted on request of" in aborted.out
        assert "serinus retry flights" in ask("explain", "flights").out
        assert ask("retry", "flights").code == 0
        assert deployment.read()["status"]["rollout"]["attempt"] == 2


def test_a_rollback_is_waited_for_to_its_end(steered: Callable[[World], Steered], ask: Ask) -> None:
    world = stable_world()
    world.ask_version("2")
    world.until(lambda one: one.phase is Phase.STABLE and bool(one.history))
    deployment = steered(world)
    with deployment.running():
        done = ask("rollback", "flights", "--wait", "--timeout", "60s")
    assert done.code == 0, done.err
    status = deployment.read()["status"]
    assert (status["phase"], status["stable"]["artifact"]["version"]) == ("RolledBack", "1")
    assert "Promoted: " in done.out.splitlines()[-1]


def test_a_late_click_and_what_does_not_fit_are_refused(steered: Callable[[World], Steered], ask: Ask) -> None:
    deployment = steered(slow())
    with deployment.running():
        late = ask("promote", "flights", "--rollout", "the-last-one", "--wait")
        assert (late.code, "it was meant for rollout the-last-one" in late.out) == (3, True)
        unfit = ask("retry", "flights")
        assert (unfit.code, "retry was refused" in unfit.out) == (3, True)
    assert deployment.read()["status"]["phase"] == "Progressing"


def test_an_outcome_that_was_not_wanted_is_a_failure_and_so_is_patience_that_ends(
    steered: Callable[[World], Steered], ask: Ask
) -> None:
    world = rolling_out("2", Phase.PAUSED, steps=[{"weight": 10, "hold": "3s"}, {"pause": {}}, {"weight": 50}])
    deployment = steered(world)
    with deployment.running():
        tired = ask("resume", "flights", "--wait", "--timeout", "1s")
        assert (tired.code, "it is not over after 0:00:01, and goes on" in tired.err) == (3, True)
        assert ask("pause", "flights", "--wait").code == 0
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(ask, "resume", "flights", "--wait", "--timeout", "60s")
            eventually(lambda: deployment.read()["status"]["phase"] == "Progressing", "it is resumed")
            world.behaviours = {"2": Behaviour(failing=1.0)}
            bad = waiting.result()
    assert bad.code == 3
    assert "RolledBack" in bad.out.splitlines()[-1]


def test_who_may_look_may_not_act_and_is_told_whom_to_ask(
    cluster: Cluster, look: Look, steered: Callable[[World], Steered], namespace: str, tmp_path: Path
) -> None:
    deployment = steered(slow())
    viewer = kubeconfig_of(cluster, look, namespace, "serinus-view", tmp_path)
    assert serinus(viewer, "get", "flights").code == 0
    refused = serinus(viewer, "abort", "flights")
    assert refused.code == 3
    assert "cannot patch resource" in refused.err
    assert "serinus-edit, to act" in refused.err
    everywhere = serinus(viewer, "get", "-A")
    assert (everywhere.code, "at the cluster scope" in everywhere.err) == (3, True)
    editor = kubeconfig_of(cluster, look, namespace, "serinus-edit", tmp_path)
    with deployment.running():
        done = serinus(editor, "abort", "flights")
    assert done.code == 3, "to act one must see what one acts on"
    assert "cannot get resource" in done.err
    client.RbacAuthorizationV1Api(look.api).create_namespaced_role_binding(namespace, _both(namespace))
    with deployment.running():
        eventually(lambda: serinus(editor, "get", "flights").code == 0, "the right has arrived")
        done = serinus(editor, "abort", "flights")
    assert done.code == 0, done.err
    assert f"abort by system:serviceaccount:{namespace}:serinus-edit" in done.out


def _both(namespace: str) -> dict[str, Any]:
    """serinus-view for whoever has serinus-edit."""
    subject = {"kind": "ServiceAccount", "name": "serinus-edit", "namespace": namespace}
    reference = {"kind": "ClusterRole", "name": "serinus-view", "apiGroup": "rbac.authorization.k8s.io"}
    return {"metadata": {"name": "editors-look"}, "roleRef": reference, "subjects": [subject]}


def test_what_is_not_there_is_said(ask: Ask, kubeconfig: Path, namespace: str) -> None:
    nothing = ask("get")
    assert (nothing.code, nothing.out) == (0, "")
    assert f"no deployments in namespace {namespace} of context" in nothing.err
    missing = ask("explain", "ships")
    assert missing.code == 1
    assert f"there is no ModelDeployment {namespace}/ships" in missing.err
    assert serinus(kubeconfig, "get", "--context", "nowhere").code == 3


def test_an_object_that_no_operator_has_seen_says_so(look: Look, namespace: str, ask: Ask) -> None:
    body = {"apiVersion": "serinus.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "new"}}
    body["spec"] = {"model": {"name": "m", "uri": "s3://models/1"}}
    look.custom.create_namespaced_custom_object("serinus.dev", "v1alpha1", namespace, "modeldeployments", body)
    shown = ask("explain", "new")
    assert shown.code == 0
    assert "NotReconciled: no operator has looked at it yet" in shown.out
    assert "You can" not in shown.out


def test_it_is_a_plugin_of_kubectl(kubeconfig: Path, namespace: str, steered: Callable[[World], Steered]) -> None:
    deployment = steered(slow())
    shown = kubectl_serinus(kubeconfig, "explain", "flights", "-n", namespace)
    assert shown.code == 0, shown.err
    assert f"kubectl serinus abort flights -n {namespace}" in shown.out
    with deployment.running():
        assert kubectl_serinus(kubeconfig, "pause", "flights", "-n", namespace).code == 0
    assert kubectl_serinus(kubeconfig, "get", "ships", "-n", namespace).code == 1


def test_people_steer_the_real_operator(cluster: Cluster, look: Look, namespace: str, ask: Ask, tmp_path: Path) -> None:
    operated = Operated(cluster, look, namespace, tmp_path)
    try:
        operated.operator().until_works()
        operated.ask_for("1")
        operated.until_serves("1")
        with operated.clients():
            operated.ask_for("2", steps=[{"weight": 20, "hold": "10m", "minRequests": 1}])
            operated.until_phase("Progressing")
            assert ask("pause", "flights").code == 0
            assert "a person to decide" in ask("explain", "flights").out
            assert ask("resume", "flights").code == 0
            promoted = ask("promote", "flights", "--wait", "--timeout", "60s")
            assert promoted.code == 0, promoted.err
            rolled_back = ask("rollback", "flights", "--wait", "--timeout", "60s")
            assert rolled_back.code == 0, rolled_back.err
        records = json.loads(ask("history", "flights", "-o", "json").out)["items"]
        assert [one["reason"] for one in records] == ["KnownGood", "PromotedByUser"]
        assert records[1]["message"].endswith(f"on request of {me(look)}")
        assert operated.status()["rejected"][0]["reason"] == "RolledBackByUser"
    finally:
        operated.end()
