"""Helm and kubectl on a cluster of our own, and the chart as an older release would have it."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client  # type: ignore[import-untyped]

from tests.charts.rendered import CHART
from tests.cluster.control_plane import builds
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.manifests import kubectl
from tests.cluster.looking import Look, look_at

RELEASE, NAMESPACE = "serinus", "serinus-system"
CRD = "modeldeployments.serinus.dev"
OLDER_VERSION = "0.0.9"
LATER_FIELD = "deletionPolicy"


@dataclass(frozen=True)
class Chart:
    """Installs into one cluster."""

    cluster: Cluster
    look: Look

    @classmethod
    def of(cls, cluster: Cluster) -> "Chart":
        builds.build([builds.HELM])
        return cls(cluster, look_at(cluster))

    def helm(self, *arguments: str, namespace: str = NAMESPACE) -> subprocess.CompletedProcess[str]:
        """Run Helm in the release's namespace, or another."""
        return self._run(builds.HELM.path, *arguments, "--namespace", namespace)

    def install(self, *arguments: str, chart: Path = CHART) -> str:
        """Install or upgrade; returns the notes."""
        done = self.helm("upgrade", "--install", RELEASE, str(chart), "--reset-values", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def uninstall(self) -> str:
        """Uninstall, and wait until nothing of the release runs; returns what Helm says."""
        done = self.helm("uninstall", RELEASE, "--wait")
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def kubectl(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl."""
        return self._run(kubectl(), *arguments, given=given)

    def _run(self, *command: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig)}
        return subprocess.run(
            command, env=environment, input=given, capture_output=True, text=True, check=False, timeout=180
        )

    def definition(self) -> dict[str, Any] | None:
        """The schema of a ModelDeployment's spec as the server has it, or None without the CRD."""
        found = client.ApiextensionsV1Api(self.look.api).list_custom_resource_definition(
            field_selector=f"metadata.name={CRD}", _preload_content=False
        )
        items = yaml.safe_load(found.data)["items"]
        if not items:
            return None
        schema: dict[str, Any] = items[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        spec: dict[str, Any] = schema["properties"]["spec"]["properties"]
        return spec

    def names(self, kind: str) -> set[str]:
        """Names of the objects of a kind in the release's namespace, or in the cluster."""
        done = self.kubectl("get", kind, "--namespace", NAMESPACE, "--output", "name")
        return {line.partition("/")[2] for line in done.stdout.split()}

    def allows(self, user: str, verb: str, resource: str, namespace: str = "") -> bool:
        """Whether the API server would let a user do it. `resource`: group/plural or group/plural/subresource."""
        group, plural, *subresource = resource.split("/")
        attributes = client.V1ResourceAttributes(
            group=group, resource=plural, subresource="/".join(subresource), verb=verb, namespace=namespace
        )
        review = client.V1SubjectAccessReview(
            spec=client.V1SubjectAccessReviewSpec(user=user, resource_attributes=attributes)
        )
        answer = client.AuthorizationV1Api(self.look.api).create_subject_access_review(review)
        return bool(answer.status.allowed)


def older_chart(folder: Path) -> Path:
    """The chart of an earlier release: another version, and a custom resource that lacks a field."""
    older = Path(shutil.copytree(CHART, folder / "serinus"))
    file = older / "files" / "crd" / "modeldeployments.yaml"
    definition = yaml.safe_load(file.read_text())
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del schema["properties"][LATER_FIELD]
    file.write_text(yaml.safe_dump(definition))
    about = older / "Chart.yaml"
    about.write_text(about.read_text().replace("0.1.0", OLDER_VERSION))
    return older
