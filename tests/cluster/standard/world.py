"""The Standard backend on a real API server, KServe and gateway, applied again and again as the operator does."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from kubernetes import client, utils  # type: ignore[import-untyped]

from serinus.adapters.kserve_standard import StandardServing
from serinus.adapters.kubernetes_objects import HTTP_ROUTE, INFERENCE_SERVICE, POD
from serinus.adapters.standard_view import StandardSettings
from serinus.adapters.system_clock import SystemClock
from serinus.core.errors import ServingUnavailable, StateConflict
from serinus.core.observation import ServingObservation
from serinus.core.plan import ServingPlan
from serinus.core.revision import Revision
from serinus.core.spec import Gateway
from serinus.ports import Key
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.node.images import Image, write_images
from tests.cluster.looking import Look
from tests.cluster.standard.objects import Objects

ROOT = Path(__file__).parents[3]
DEFINITION = ROOT / "manifests" / "crd" / "modeldeployments.yaml"
NAME = "flights"
STUB_IMAGE = "example.test/stub-server"
DOMAIN = "models.example.org"
# Traefik says that it has accepted a route some moments before it works so.
IN_FORCE_SECONDS = 10
SETTINGS = StandardSettings(
    gateway=Gateway(name="kserve-ingress-gateway", namespace="kserve"),
    domain=DOMAIN,
    drain=timedelta(seconds=1),
    patience=timedelta(seconds=3),
)


class StandardWorld:
    """One namespace with one ModelDeployment, and clients of it. Revisions behave as their templates say."""

    def __init__(self, cluster: Cluster, look: Look, namespace: str, folder: Path, name: str = NAME) -> None:
        self.cluster, self.look, self.folder = cluster, look, folder
        self.key = Key(namespace, name)
        self.settings = SETTINGS
        self.notices: list[str] = []
        self.problems: list[str] = []
        self._plan: ServingPlan | None = None
        self.probing = True
        self._seen_weights: dict[str, int] = {}
        self._gateway = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{cluster.facts.ports['gateway']}", trust_env=False
        )

    async def begin(self) -> None:
        install_definition(self.look)
        write_images(
            self.cluster.layout.images, {STUB_IMAGE: Image(("python", "-m", "tests.cluster.standard.stub_server"))}
        )
        self.create("serving.kserve.io", "v1alpha1", "servingruntimes", stub_runtime())
        self.ask_for({})
        await self.restart()

    def ask_for(self, serving: dict[str, Any], **spec: Any) -> None:
        """Create the ModelDeployment, or change its spec."""
        content = {"model": {"name": NAME, "version": "1"}, "serving": serving, **spec}
        body = {
            "apiVersion": "serinus.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": self.key.name},
            "spec": content,
        }
        where = ("serinus.dev", "v1alpha1", self.key.namespace, "modeldeployments")
        try:
            self.look.custom.create_namespaced_custom_object(*where, body)
        except client.ApiException as error:
            if error.status != 409:
                raise
            self.look.custom.patch_namespaced_custom_object(*where, self.key.name, {"spec": content})

    def create(self, group: str, version: str, plural: str, body: dict[str, Any]) -> None:
        self.look.custom.create_namespaced_custom_object(group, version, self.key.namespace, plural, body)

    def replace_runtime(self, runtime: dict[str, Any]) -> None:
        """Exchange the namespace's runtime."""
        where = ("serving.kserve.io", "v1alpha1", self.key.namespace, "servingruntimes")
        self.look.custom.delete_namespaced_custom_object(*where, "serinus")
        self.look.custom.create_namespaced_custom_object(*where, runtime)

    async def restart(self) -> None:
        """The program is started anew: it remembers nothing."""
        self._objects = Objects(str(self.cluster.kubeconfig), self.key.namespace)
        await self._objects.refresh()
        self.objects = self._objects.objects
        self.standard = StandardServing(
            self.objects, SystemClock(), self.settings, lambda _, sentence: self.notices.append(sentence)
        )

    @property
    def writes(self) -> list[tuple[str, str, int]]:
        """Every write so far: verb, kind, HTTP status."""
        return self._objects.writes

    @property
    def host(self) -> str:
        """What clients call."""
        return f"{self.key.name}.{self.key.namespace}.{DOMAIN}"

    # ---- the backend

    @property
    def backend(self) -> "StandardWorld":
        return self

    async def observe(self, key: Key) -> ServingObservation:
        await self._objects.refresh()
        if self._plan is not None:
            await self._apply()
        seen = await self.standard.observe(key)
        if seen.weights != self._seen_weights:
            self._seen_weights = dict(seen.weights)
            await self._in_force({name for name, weight in seen.weights.items() if weight})
        return seen

    async def apply(self, key: Key, plan: ServingPlan) -> None:
        assert key == self.key
        served = tuple(replace(one, revision=self._served(one.revision)) for one in plan.served)
        self._plan = replace(plan, served=served)
        await self._objects.refresh()
        await self._apply()

    async def _apply(self) -> None:
        assert self._plan is not None
        try:
            await self.standard.apply(self.key, self._plan)
        except (StateConflict, ServingUnavailable) as error:
            self.problems.append(str(error))  # the operator tries again

    def _served(self, asked: Revision) -> Revision:
        """The revision as a model in a folder, with the behaviour that its template names.

        `serving` in it are fields of spec.serving, `uri` another place for the model.
        """
        behaviour = dict(asked.template)
        serving, uri = behaviour.pop("serving", {}), behaviour.pop("uri", "")
        never_ready = bool(behaviour.pop("ready_file", ""))
        model = self.folder / asked.id
        model.mkdir(exist_ok=True)
        (model / "behaviour.json").write_text(json.dumps({**behaviour, "never_ready": never_ready}))
        artifact = asked.artifact.model_copy(update={"uri": uri or f"file://{model}"})
        template = {"runtime": "serinus", "protocol": "v2", **serving}
        return asked.model_copy(update={"artifact": artifact, "template": template})

    # ---- the world around it

    async def send(self, headers: Mapping[str, str], cookie: str = "") -> tuple[int, str, str]:
        sent = {**headers, "Host": self.host, **({"Cookie": cookie} if cookie else {})}
        answer = await self._gateway.post(f"/v2/models/{self.key.name}/infer", headers=sent, json={})
        self._gateway.cookies.clear()
        set_cookie = answer.headers.get("set-cookie", "").partition(";")[0]
        return answer.status_code, answer.json()["revision"] if answer.is_success else "", set_cookie or cookie

    async def _in_force(self, revisions: set[str]) -> None:
        """Wait until the gateway works by the route that it has accepted."""
        deadline = time.monotonic() + IN_FORCE_SECONDS
        while self.probing and revisions and time.monotonic() < deadline:
            answers = [await self.send({}) for _ in range(10)]
            if {(status, name) for status, name, _ in answers} == {(200, name) for name in revisions}:
                return

    async def kill(self, name: str) -> None:
        pod = self.pods(name)[0]
        url = f"http://{pod.status.pod_ip}:8080/die"
        ask = f"import urllib.request as u; u.urlopen({url!r}, timeout=5)"
        await asyncio.to_thread(self.cluster.exec, ["python", "-c", f"try:\n {ask}\nexcept OSError: pass"])

    def pods(self, revision: str) -> list[Any]:
        selector = f"serinus.dev/deployment={self.key.name},serinus.dev/revision={revision}"
        found: list[Any] = self.look.core.list_namespaced_pod(self.key.namespace, label_selector=selector).items
        return found

    async def crash(self) -> None:
        await self.restart()

    async def end(self) -> None:
        await self._objects.close()
        await self._gateway.aclose()

    # ---- what tests ask beside

    async def until(self, condition: Any, what: str, seconds: float = 40) -> ServingObservation:
        """Go on until the observation is so."""
        deadline = time.monotonic() + seconds
        while True:
            seen = await self.observe(self.key)
            if condition(seen):
                return seen
            assert time.monotonic() < deadline, (
                f"not within {seconds:.0f} s: {what}; {seen}; {self.notices[-3:]} {self.problems[-3:]}"
            )
            await asyncio.sleep(0.1)

    async def settled(self, plan: ServingPlan, seconds: float = 40) -> ServingObservation:
        """Apply a plan and go on until it is so."""
        await self.apply(self.key, plan)
        served = {one.revision.id for one in plan.served}
        wanted = {name: weight for name, weight in plan.weights if weight}

        def so(seen: ServingObservation) -> bool:
            accepted = {name: weight for name, weight in seen.weights.items() if weight}
            return all(seen.ready(name) for name in served) and seen.revisions.keys() == served and accepted == wanted

        return await self.until(so, f"{wanted} in effect", seconds)

    def raw(self, kind: str, name: str) -> Any:
        """An object as the API server has it; None where there is none."""
        known = {one.kind: one for one in (INFERENCE_SERVICE, HTTP_ROUTE, POD)}[kind]
        where = (known.group, known.version, self.key.namespace, known.plural, name)
        try:
            return self.look.custom.get_namespaced_custom_object(*where)
        except client.ApiException as error:
            if error.status == 404:
                return None
            raise


def install_definition(look: Look) -> None:
    """The ModelDeployment's definition, once for a cluster."""
    extensions = client.ApiextensionsV1Api(look.api)
    try:
        utils.create_from_dict(look.api, yaml.safe_load(DEFINITION.read_text()))
    except utils.FailToCreateError as error:
        if any(one.status != 409 for one in error.api_exceptions):
            raise
    for _ in range(100):
        found = extensions.read_custom_resource_definition("modeldeployments.serinus.dev")
        conditions = {one.type: one.status for one in found.status.conditions or ()}
        if conditions.get("Established") == "True":
            return
        time.sleep(0.1)
    raise AssertionError("the ModelDeployment's definition is not established")


def stub_runtime() -> dict[str, Any]:
    """A runtime of Serinus's name in the namespace, which goes before the cluster's."""
    return _runtime(f"{STUB_IMAGE}:1", [])


def predictor_runtime() -> dict[str, Any]:
    """The same with the real predictor."""
    return _runtime("ghcr.io/serinus/predictor:test", ["--host=0.0.0.0"])


def _runtime(image: str, args: list[str]) -> dict[str, Any]:
    ready = {"httpGet": {"path": "/v2/health/ready", "port": 8080}, "periodSeconds": 1}
    container = {
        "name": "kserve-container",
        "image": image,
        "args": ["--model-dir=/mnt/models", *args],
        "ports": [{"containerPort": 8080}],
        "readinessProbe": ready,
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": "serinus", "annotations": {"serving.kserve.io/server-type": "serinus"}},
        "spec": {
            "supportedModelFormats": [{"name": "serinus", "version": "1", "autoSelect": True}],
            "protocolVersions": ["v1", "v2"],
            "containers": [container],
        },
    }
