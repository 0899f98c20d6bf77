"""What the Standard backend makes of a real KServe, and what it does when people and KServe do things of their own."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from serinus.core.spec.metadata import MAX_NAME
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.looking import Look, eventually
from tests.cluster.standard.world import StandardWorld
from tests.local.harness import plan, revision

pytestmark = pytest.mark.anyio

A, B = revision("aaa"), revision("bbb")
ONE = plan(A, weights={"aaa": 100})
BOTH = plan(A, B, weights={"aaa": 90, "bbb": 10})
ROUTES = ("gateway.networking.k8s.io", "v1")
SERVICES = ("serving.kserve.io", "v1beta1")


def route(world: StandardWorld) -> Any:
    return world.raw("HTTPRoute", world.key.name)


def service(world: StandardWorld, name: str) -> Any:
    return world.raw("InferenceService", f"{world.key.name}-{name}")


def routes(world: StandardWorld) -> list[str]:
    found = world.look.custom.list_namespaced_custom_object(*ROUTES, world.key.namespace, "httproutes")
    return [one["metadata"]["name"] for one in found["items"]]


def weights(world: StandardWorld) -> list[int]:
    return [ref["weight"] for ref in route(world)["spec"]["rules"][0]["backendRefs"]]


def write_model(folder: Path) -> None:
    folder.mkdir()
    (folder / "behaviour.json").write_text("{}")


@asynccontextmanager
async def clients(world: StandardWorld, count: int = 4) -> AsyncIterator[Counter[int]]:
    """Requests without pause; what they were answered."""
    answers: Counter[int] = Counter()
    stopped = False

    async def send_on(client: httpx.AsyncClient) -> None:
        while not stopped:
            try:
                answer = await client.post(f"/v2/models/{world.key.name}/infer", json={}, headers={"Host": world.host})
                answers[answer.status_code] += 1
            except httpx.TransportError:
                answers[0] += 1

    base = f"http://127.0.0.1:{world.cluster.facts.ports['gateway']}"
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=30) as client:
        tasks = [asyncio.create_task(send_on(client)) for _ in range(count)]
        try:
            yield answers
        finally:
            stopped = True
            await asyncio.gather(*tasks)


# ---- what is made


async def test_the_first_write_of_each_object_is_the_only_one(world: StandardWorld) -> None:
    await world.settled(BOTH)
    created = [kind for verb, kind, code in world.writes if verb == "create" and code == 201]
    assert sorted(created) == ["HTTPRoute", "InferenceService", "InferenceService"]
    before = len(world.writes)
    for _ in range(10):
        await world.observe(world.key)
    assert len(world.writes) == before


async def test_a_restarted_program_finds_everything_as_it_should_be(world: StandardWorld) -> None:
    await world.settled(BOTH)
    await world.restart()
    await world.settled(BOTH)
    assert world.writes == []
    assert (await world.observe(world.key)).known.keys() == {"aaa", "bbb"}


async def test_kserve_makes_no_route_of_its_own_for_a_revision(world: StandardWorld) -> None:
    await world.settled(BOTH)
    assert routes(world) == [world.key.name]


async def test_the_longest_name_is_served(
    cluster: Cluster, look: Look, new_namespace: Callable[..., str], tmp_path: Path
) -> None:
    world = StandardWorld(cluster, look, new_namespace(), tmp_path, name="n" * MAX_NAME)
    await world.begin()
    await world.settled(plan(revision("0123456789"), weights={"0123456789": 100}))
    assert (await world.send({}))[0] == 200
    await world.end()


@pytest.mark.parametrize(
    ("runtime", "protocol", "told"),
    [
        ("kserve-sklearnserver", "v1", ("args", "--model_name=flights")),
        ("kserve-huggingfaceserver", "v1", ("args", "--model_name=flights")),
        ("kserve-vllmserver", "v2", ("args", "--served-model-name=flights")),
        ("kserve-mlserver", "v2", ("env", "MLSERVER_MODEL_NAME")),
    ],
)
async def test_stock_runtimes_are_told_the_deployments_name(
    world: StandardWorld, runtime: str, protocol: str, told: tuple[str, str]
) -> None:
    stock = revision("aaa", serving={"runtime": runtime, "protocol": protocol})
    await world.apply(world.key, plan(stock, weights={"aaa": 100}))
    pods = await asyncio.to_thread(eventually, lambda: world.pods("aaa"), "KServe has made a pod")
    container = pods[0].spec.containers[0]
    where, what = told
    if where == "args":
        flag = what.partition("=")[0]
        assert [arg for arg in container.args if arg.startswith(flag)][-1] == what
    else:
        assert {one.name: one.value for one in container.env}[what] == "flights"


async def test_replicas_are_raised_before_the_revision_is_ready(world: StandardWorld) -> None:
    seen = await world.settled(plan(A, weights={"aaa": 100}, replicas=2), seconds=90)
    assert seen.revisions["aaa"].ready_replicas == 2
    assert len(world.pods("aaa")) == 2


# ---- no request fails


async def test_no_request_fails_while_weights_change_and_a_revision_goes(world: StandardWorld) -> None:
    world.settings = replace(world.settings, drain=timedelta(seconds=3))
    await world.restart()
    await world.settled(plan(A, B, weights={"aaa": 100, "bbb": 0}))
    async with clients(world) as answers:
        for weight in (10, 50, 100, 0, 100, 0, 100):
            await world.settled(plan(A, B, weights={"aaa": 100 - weight, "bbb": weight}))
        await world.settled(plan(B, weights={"bbb": 100}))
    assert answers.keys() == {200}
    assert answers[200] > 100


async def test_no_request_fails_while_a_new_latency_threshold_reaches_the_pods(world: StandardWorld) -> None:
    world.settings = replace(world.settings, drain=timedelta(seconds=5))
    await world.restart()
    await world.settled(ONE)
    before = {pod.metadata.name for pod in world.pods("aaa")}
    wanted = plan(A, weights={"aaa": 100}, edges=(0.3,))
    async with clients(world) as answers:
        await world.apply(world.key, wanted)

        def is_renewed(_: Any) -> bool:
            names = {pod.metadata.name for pod in world.pods("aaa")}
            return len(names) == 1 and not names & before

        seen = await world.until(is_renewed, "KServe has renewed the pod", 90)
    assert seen.ready("aaa")
    assert answers.keys() == {200}


# ---- people and KServe


async def test_a_persons_weights_are_put_back_and_said_once(world: StandardWorld) -> None:
    await world.settled(BOTH)
    body = route(world)["spec"]["rules"]
    for ref in body[0]["backendRefs"]:
        ref["weight"] = 50
    body[0]["timeouts"] = {"request": "1s"}
    world.look.custom.patch_namespaced_custom_object(
        *ROUTES, world.key.namespace, "httproutes", world.key.name, {"spec": {"rules": body}}
    )
    await world.until(lambda _: weights(world) == [90, 10], "the weights are put back")
    await world.settled(BOTH)
    assert "timeouts" not in route(world)["spec"]["rules"][0]
    assert world.notices == [f"somebody changed HTTPRoute {world.key.name}; it was put back"]


async def test_a_persons_change_of_a_revision_is_put_back_without_new_pods(world: StandardWorld) -> None:
    await world.settled(ONE)
    before = [pod.metadata.name for pod in world.pods("aaa")]
    where = (*SERVICES, world.key.namespace, "inferenceservices", f"{world.key.name}-aaa")
    world.look.custom.patch_namespaced_custom_object(
        *where, {"spec": {"predictor": {"minReplicas": 3, "maxReplicas": 3}}}
    )
    await world.until(
        lambda _: service(world, "aaa")["spec"]["predictor"]["maxReplicas"] == 1, "the replicas are put back"
    )
    assert before[0] in [pod.metadata.name for pod in world.pods("aaa")]
    assert len(world.notices) == 1


async def test_what_a_person_deletes_comes_back(world: StandardWorld) -> None:
    await world.settled(BOTH)
    world.look.custom.delete_namespaced_custom_object(*ROUTES, world.key.namespace, "httproutes", world.key.name)
    where = (*SERVICES, world.key.namespace, "inferenceservices", f"{world.key.name}-bbb")
    former = service(world, "bbb")["metadata"]["uid"]
    world.look.custom.delete_namespaced_custom_object(*where)
    await world.until(
        lambda _: (service(world, "bbb") or {"metadata": {"uid": former}})["metadata"]["uid"] != former,
        "it is made anew",
    )
    await world.settled(BOTH)
    assert weights(world) == [90, 10]


async def test_a_route_that_kserve_keeps_is_refused_and_taken_over_when_asked(world: StandardWorld) -> None:
    model = {"modelFormat": {"name": "serinus"}, "runtime": "serinus", "storageUri": f"file://{world.folder}/former"}
    write_model(world.folder / "former")
    args = ["--revision=former"]
    body = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": world.key.name},
        "spec": {"predictor": {"model": {**model, "args": args}}},
    }
    world.create("serving.kserve.io", "v1beta1", "inferenceservices", body)
    await asyncio.to_thread(eventually, lambda: world.key.name in routes(world), "KServe has made its route")
    await world.apply(world.key, ONE)
    await world.until(lambda _: any("adopt: true" in said for said in world.problems), "it is refused")
    assert route(world)["metadata"]["ownerReferences"][0]["kind"] == "InferenceService"

    world.ask_for({"adopt": True})
    await world.settled(ONE, 60)
    for _ in range(10):
        await world.observe(world.key)
    owners = [one["kind"] for one in route(world)["metadata"]["ownerReferences"]]
    assert owners == ["InferenceService", "ModelDeployment"]
    assert route(world)["spec"]["hostnames"] == [world.host]
    assert {name for _, name, _ in [await world.send({}) for _ in range(5)]} == {"aaa"}


# ---- the end


@pytest.mark.parametrize("policy", ["Delete", "Orphan"])
async def test_deletion_takes_the_serving_objects_along_unless_they_are_to_stay(
    world: StandardWorld, policy: str
) -> None:
    await world.settled(BOTH)
    world.ask_for({}, deletionPolicy=policy)
    await world.settled(BOTH)
    if policy == "Orphan":
        await world.until(lambda _: "ownerReferences" not in route(world)["metadata"], "nothing is owned any more")
    where = ("serinus.dev", "v1alpha1", world.key.namespace, "modeldeployments", world.key.name)
    world.look.custom.delete_namespaced_custom_object(*where)

    def what_is_left() -> list[bool]:
        return [found is not None for found in (route(world), service(world, "aaa"), service(world, "bbb"))]

    if policy == "Delete":
        await asyncio.to_thread(eventually, lambda: not any(what_is_left()), "everything is gone", 30)
    else:
        await asyncio.sleep(3)  # the garbage collector had its chance
        assert all(what_is_left())
        assert (await world.send({}))[0] == 200
