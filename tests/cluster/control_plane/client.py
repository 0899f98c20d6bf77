"""kubectl inside the cluster's namespace: for setting the cluster up, where nothing else is needed."""

import json
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.control_plane.errors import ClusterError
from tests.cluster.control_plane.manifests import Manifest, kubectl
from tests.cluster.control_plane.waiting import POLL_SECONDS, wait_until


@dataclass(frozen=True)
class Kubectl:
    """Runs kubectl as one user. `prefix`: the command that enters the namespace."""

    kubeconfig: Path
    prefix: Sequence[str]

    def run(self, *arguments: str, given: str | None = None) -> str:
        """What kubectl prints. Raises ClusterError with what it says when it fails."""
        done = self._run(arguments, given)
        if done.returncode:
            raise ClusterError(f"kubectl {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout

    def succeeds(self, *arguments: str) -> bool:
        """Whether kubectl ends well."""
        return self._run(arguments, None).returncode == 0

    def get(self, *arguments: str) -> Any:
        """An object, or a list of them."""
        return json.loads(self.run("get", "-o", "json", *arguments))

    def apply(self, manifests: Iterable[Manifest], seconds: float = 20) -> None:
        """Server-side apply; what is refused is tried again for `seconds`, because what it needs may just be starting."""
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.run("apply", "--server-side", "--force-conflicts", "-f", "-", given=given)
                return
            except ClusterError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(POLL_SECONDS)

    def wait(self, what: str, *names: str, seconds: int = 60) -> None:
        """Wait for objects to be there and for a condition of theirs. Raises ClusterError."""
        arguments = ("wait", f"--for=condition={what}", f"--timeout={seconds}s", *names)
        if not wait_until(lambda: self.succeeds(*arguments), seconds):
            self.run("wait", f"--for=condition={what}", "--timeout=0s", *names)

    def define(self, definitions: Sequence[Manifest], seconds: float = 60) -> None:
        """Apply CustomResourceDefinitions and wait until objects of them can be made."""
        self.apply(definitions)
        names = [one["metadata"]["name"] for one in definitions if one["kind"] == "CustomResourceDefinition"]
        if not wait_until(lambda: all(map(_is_established, self.get("crd", *names)["items"])), seconds):
            raise ClusterError(f"not all CustomResourceDefinitions are established after {seconds:.0f} s")

    def _run(self, arguments: Sequence[str], given: str | None) -> subprocess.CompletedProcess[str]:
        # All clusters have the same address, by which kubectl would otherwise take one for another.
        cache = self.kubeconfig.with_name("kubectl-cache")
        options = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={cache}"]
        command = [*self.prefix, kubectl(), *options, *arguments]
        return subprocess.run(command, check=False, input=given, text=True, capture_output=True)


def _is_established(definition: Manifest) -> bool:
    # `kubectl wait` fails on one that has no condition yet.
    conditions = definition.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
