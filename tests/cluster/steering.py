"""The command line as people have it, and a deployment in the cluster that the real reconciler steers in a simulated world."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client  # type: ignore[import-untyped]

from serinus.core.status import object_of, status_of
from serinus.kubernetes.actions import action_of
from serinus.kubernetes.checkpoint import fitting
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.looking import Look
from tests.fakes.world import World

ROOT = Path(__file__).parents[2]
OBJECTS = ("serinus.dev", "v1alpha1")
PLURAL = "modeldeployments"
TICK_SECONDS = 0.2
KUBECTL = Path(sys.executable).with_name("kubectl")
PLUGIN = "import sys; from serinus.cli.kubectl import main; main()"


class Done:
    """How a command ended; never with a stack trace."""

    def __init__(self, done: "subprocess.CompletedProcess[str]") -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        assert "Traceback" not in self.out + self.err, self.err


def serinus(kubeconfig: Path, *words: str, program: tuple[str, ...] = (sys.executable, "-m", "serinus.cli")) -> Done:
    """Run one command beside no state folder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SERINUS_", "KUBE"))}
    path = os.pathsep.join((str(kubeconfig.parent), clean["PATH"]))
    environment = {**clean, "KUBECONFIG": str(kubeconfig), "PATH": path, "PYTHONPATH": str(ROOT / "operator" / "src")}
    command = [*program, *words]
    return Done(
        subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=kubeconfig.parent, timeout=120, check=False
        )
    )


def kubectl_serinus(kubeconfig: Path, *words: str) -> Done:
    """Run it as a plugin of the real kubectl, which finds it by its name."""
    script = kubeconfig.parent / "kubectl-serinus"
    script.write_text(f"#!{sys.executable}\n{PLUGIN}\n")
    script.chmod(0o755)
    return serinus(kubeconfig, *words, program=(str(KUBECTL), "serinus"))


def kubeconfig_of(cluster: Cluster, look: Look, namespace: str, role: str, folder: Path) -> Path:
    """A kubeconfig of a new service account that has this ClusterRole in the namespace."""
    look.core.create_namespaced_service_account(namespace, {"metadata": {"name": role}})
    rights = client.RbacAuthorizationV1Api(look.api)
    subject = {"kind": "ServiceAccount", "name": role, "namespace": namespace}
    reference = {"kind": "ClusterRole", "name": role, "apiGroup": "rbac.authorization.k8s.io"}
    binding = {"metadata": {"name": role}, "roleRef": reference, "subjects": [subject]}
    rights.create_namespaced_role_binding(namespace, binding)
    token = look.core.create_namespaced_service_account_token(role, namespace, {"spec": {}}).status.token
    content = yaml.safe_load(cluster.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": token}
    content["contexts"][0]["context"]["namespace"] = namespace
    path = folder / role
    path.write_text(yaml.safe_dump(content))
    return path


class Steered:
    """A ModelDeployment whose status is written by the reconciler of a simulated world."""

    def __init__(self, look: Look, namespace: str, name: str, world: World) -> None:
        self.look, self.namespace, self.name, self.world = look, namespace, name, world
        self._objects = look.custom
        content = object_of(world.asked, world.state)
        content["metadata"] = {"name": name, "namespace": namespace}
        content.pop("status")
        self._objects.create_namespaced_custom_object(*OBJECTS, namespace, PLURAL, content)
        self.write()

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = self._objects.get_namespaced_custom_object(*OBJECTS, self.namespace, PLURAL, self.name)
        return found

    def write(self) -> None:
        """Put the world's state into the status, as the operator does."""
        now = self.read()
        state, checkpoint = fitting(self.world.state)
        generation = now["metadata"]["generation"]
        now["status"] = {**status_of(state), "checkpoint": checkpoint, "observedGeneration": generation}
        self._objects.replace_namespaced_custom_object_status(*OBJECTS, self.namespace, PLURAL, self.name, now)

    def tick(self) -> None:
        """One reconcile on what people have asked for."""
        self.world.action = action_of(self.read())
        self.world.tick()
        self.write()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Reconcile again and again while the block lasts."""
        over = threading.Event()
        thread = threading.Thread(target=self._run, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(20)

    def _run(self, over: threading.Event) -> None:
        while not over.wait(TICK_SECONDS):
            try:
                self.tick()
            except client.ApiException as error:
                if error.status != 409:  # a person has asked in between: look again
                    raise
