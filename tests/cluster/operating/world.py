"""A namespace with an operator, models that behave as they are told, and the official client to look at it all."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.node.images import Image, write_images
from tests.cluster.looking import Look, eventually
from tests.cluster.operating.clients import Clients, clients
from tests.cluster.operating.namespace import DEPLOYMENTS, NAME, ROUTES, SERVICES, Json, Namespace
from tests.cluster.operating.process import DOMAIN, Operator
from tests.cluster.standard.world import STUB_IMAGE, install_definition, stub_runtime

ERRORS = {"name": "errors", "type": "Errors", "maxIncrease": 0.05}
QUICK = {
    "interval": "1s",
    "readyDeadline": "60s",
    "signals": [ERRORS],
    "steps": [{"weight": 20, "hold": "3s", "minRequests": 20}, {"weight": 50, "hold": "3s", "minRequests": 20}],
}

__all__ = ["DEPLOYMENTS", "NAME", "ROUTES", "SERVICES", "Json", "World"]


class World(Namespace):
    """One namespace, with operators of its own."""

    def __init__(self, cluster: Cluster, look: Look, namespace: str, folder: Path) -> None:
        super().__init__(cluster, look, namespace, folder)
        self.operators: list[Operator] = []
        install_definition(look)
        stub = Image(("python", "-m", "tests.cluster.standard.stub_server"))
        write_images(cluster.layout.images, {STUB_IMAGE: stub})
        self.create(("serving.kserve.io", "v1alpha1", "servingruntimes"), stub_runtime())

    def replace_runtime(self, runtime: Json) -> None:
        """Exchange the namespace's runtime."""
        where = ("serving.kserve.io", "v1alpha1", "servingruntimes")
        self.delete(where, "serinus")
        self.create(where, runtime)

    # ---- operators

    def operator(self, name: str = "one", **options: Any) -> Operator:
        """Start a replica; for the options see there."""
        started = Operator(self.cluster, self.namespace, self.folder, name, **options)
        self.operators.append(started)
        return started

    def end(self) -> None:
        for operator in self.operators:
            if operator.process.poll() is None:
                operator.thaw()
                operator.kill()

    # ---- what people do

    def model(self, version: str, **behaviour: Any) -> str:
        """A model whose server behaves so; returns its address."""
        where = self.model_folder(version)
        where.mkdir(exist_ok=True)
        (where / "behaviour.json").write_text(json.dumps(behaviour))
        return f"file://{where}"

    def model_folder(self, version: str) -> Path:
        """Where the model of that version is."""
        return self.folder / f"{self.namespace}-model-{version}"

    def ask_for(self, version: str, name: str = NAME, serving: Json | None = None, **rollout: Any) -> None:
        """Create the deployment, or change what it asks for; the model is a well-behaved one unless it was made before."""
        where = self.model_folder(version)
        uri = f"file://{where}" if where.exists() else self.model(version)
        spec = {"model": {"name": name, "uri": uri}, "serving": serving or {}, "rollout": {**QUICK, **rollout}}
        self.ask(name, spec)

    @contextmanager
    def clients(self, name: str = NAME, per_second: float = 60.0) -> Iterator[Clients]:
        """Clients that send while the block lasts."""
        host = f"{name}.{self.namespace}.{DOMAIN}"
        with clients(f"{self.cluster.gateway_url}/v2/models/{name}/infer", host, per_second) as sending:
            yield sending

    # ---- what there is

    def serves(self, version: str, name: str = NAME) -> bool:
        """Whether that version is stable and the phase says so."""
        status = self.status(name)
        uri = status.get("stable", {}).get("artifact", {}).get("uri", "")
        return status.get("phase") == "Stable" and str(uri).endswith(f"-model-{version}")

    def until_serves(self, version: str, name: str = NAME, seconds: float = 90) -> Json:
        eventually(lambda: self.serves(version, name), f"{name} {version} serves", seconds)
        return self.status(name)

    def weights(self, name: str = NAME) -> dict[str, int]:
        """The route's weights by the version of the model."""
        services = {f"{one['metadata']['name']}-predictor": one for one in self.all(SERVICES)}
        found = {}
        for backend in self.get(ROUTES, name)["spec"]["rules"][-1]["backendRefs"]:
            uri = services[backend["name"]]["spec"]["predictor"]["model"]["storageUri"]
            found[uri.rpartition("-")[2]] = backend["weight"]
        return found

    def revision(self, version: str) -> str:
        """The id of the revision of that version."""
        for one in self.all(SERVICES):
            if one["spec"]["predictor"]["model"]["storageUri"].endswith(f"-model-{version}"):
                return str(one["metadata"]["labels"]["serinus.dev/revision"])
        raise AssertionError(f"no revision of {version} runs")
