"""A namespace with ModelDeployments: what people do to them, and what there is of them."""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

from kubernetes import client  # type: ignore[import-untyped]

from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.looking import Look, eventually

Json = dict[str, Any]

NAME = "flights"
DEPLOYMENTS = ("serinus.dev", "v1alpha1", "modeldeployments")
SERVICES = ("serving.kserve.io", "v1beta1", "inferenceservices")
ROUTES = ("gateway.networking.k8s.io", "v1", "httproutes")


class Namespace:
    """Seen by the official client. `folder` holds models and logs."""

    def __init__(self, cluster: Cluster, look: Look, namespace: str, folder: Path) -> None:
        self.cluster, self.look, self.namespace, self.folder = cluster, look, namespace, folder

    # ---- what people do

    def ask(self, name: str, spec: Json) -> None:
        """Create the deployment, or change what it asks for."""
        header = {"apiVersion": "serinus.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": name}}
        try:
            self.create(DEPLOYMENTS, {**header, "spec": spec})
        except client.ApiException as error:
            if error.status != 409:
                raise
            self.patch(DEPLOYMENTS, name, {"spec": spec})

    def request(self, verb: str, nonce: str, rollout_id: str = "", name: str = NAME) -> None:
        """Ask for an action, as the command line does."""
        text = json.dumps({"verb": verb, "nonce": nonce, "rolloutId": rollout_id, "by": "ann"})
        self.annotate(text, name)

    def annotate(self, text: str, name: str = NAME) -> None:
        self.patch(DEPLOYMENTS, name, {"metadata": {"annotations": {"serinus.dev/action": text}}})

    def create(self, kind: tuple[str, str, str], body: Json) -> Json:
        made: Json = self.look.custom.create_namespaced_custom_object(kind[0], kind[1], self.namespace, kind[2], body)
        return made

    def patch(self, kind: tuple[str, str, str], name: str, body: Json) -> Json:
        where = (kind[0], kind[1], self.namespace, kind[2], name)
        changed: Json = self.look.custom.patch_namespaced_custom_object(*where, body)
        return changed

    def delete(self, kind: tuple[str, str, str], name: str) -> None:
        self.look.custom.delete_namespaced_custom_object(kind[0], kind[1], self.namespace, kind[2], name)

    # ---- what there is

    def get(self, kind: tuple[str, str, str], name: str = NAME) -> Json:
        found: Json = self.look.custom.get_namespaced_custom_object(kind[0], kind[1], self.namespace, kind[2], name)
        return found

    def all(self, kind: tuple[str, str, str]) -> list[Json]:
        found = self.look.custom.list_namespaced_custom_object(kind[0], kind[1], self.namespace, kind[2])
        items: list[Json] = found["items"]
        return items

    def status(self, name: str = NAME) -> Json:
        status: Json = self.get(DEPLOYMENTS, name).get("status", {})
        return status

    def phase(self, name: str = NAME) -> str:
        return str(self.status(name).get("phase", ""))

    def conditions(self, name: str = NAME) -> dict[str, tuple[str, str]]:
        return {one["type"]: (one["status"], one["reason"]) for one in self.status(name).get("conditions", [])}

    def until_phase(self, *phases: str, name: str = NAME, seconds: float = 90) -> Json:
        eventually(lambda: self.phase(name) in phases, f"{name} is {phases}", seconds)
        return self.status(name)

    def checkpoint(self, name: str = NAME) -> Json:
        """What the operator will go on from."""
        text = self.status(name)["checkpoint"].removeprefix("zlib:")
        state: Json = json.loads(zlib.decompress(base64.b64decode(text)))
        return state

    def events(self, name: str = NAME) -> list[tuple[str, str]]:
        """Reason and note of every Event about the deployment, oldest first."""
        found = [one for one in self.all(("events.k8s.io", "v1", "events")) if one.get("eventTime")]
        about = [
            one for one in found if (one["regarding"]["kind"], one["regarding"]["name"]) == ("ModelDeployment", name)
        ]
        return [(one["reason"], one["note"]) for one in sorted(about, key=lambda one: one["eventTime"])]
