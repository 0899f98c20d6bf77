"""The programs of the cluster, built from Go modules and kept until a module's go.mod or go.sum changes."""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.control_plane.errors import ClusterError
from tests.cluster.control_plane.layout import CACHE, MODULES
from tests.cluster.control_plane.toolchain import Go, find_go

BINARIES = CACHE / "bin"
KUBERNETES_VERSION = "v1.36.3"
_VERSION = "-X k8s.io/component-base/version."
KUBERNETES_FLAGS = f"{_VERSION}gitVersion={KUBERNETES_VERSION} {_VERSION}gitMajor=1 {_VERSION}gitMinor=36"


@dataclass(frozen=True)
class Binary:
    """A program and the package it is built from. `seconds`: how long the first build takes on two cores.

    `tags`: build constraints, separated by commas.
    """

    name: str
    module: str
    package: str
    seconds: int
    link_flags: str = ""
    tags: str = ""

    @property
    def path(self) -> Path:
        """Where the built program is. Another go.mod, go.sum or flag makes another path."""
        return BINARIES / f"{self.name}-{self._key()}" / self.name

    def _key(self) -> str:
        folder = MODULES / self.module
        parts = ((folder / "go.mod").read_bytes(), (folder / "go.sum").read_bytes(), self._recipe().encode())
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]

    def _recipe(self) -> str:
        return f"{self.package} {self.link_flags}" + (f" -tags {self.tags}" if self.tags else "")


ETCD = Binary("etcd", "etcd", "go.etcd.io/etcd/server/v3", 25)
API_SERVER = Binary("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", 260, KUBERNETES_FLAGS)
CONTROLLERS = Binary(
    "kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", 100, KUBERNETES_FLAGS
)
SCHEDULER = Binary("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", 10, KUBERNETES_FLAGS)
KWOK = Binary("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", 70)
KSERVE = Binary("kserve-manager", "kserve", "github.com/kserve/kserve/cmd/manager", 145)
KNATIVE = tuple(
    Binary(f"knative-{name}", "knative", f"knative.dev/serving/cmd/{name}", seconds)
    for name, seconds in (("controller", 120), ("webhook", 6), ("autoscaler", 5), ("activator", 5), ("queue", 3))
)
# Without the service discoveries that need the SDKs of a dozen clouds, and without the web page's assets.
PROMETHEUS, PROMTOOL = (
    Binary(name, "prometheus", f"github.com/prometheus/prometheus/cmd/{name}", seconds, tags=tags)
    for name, seconds, tags in (
        ("prometheus", 165, "remove_all_sd,enable_kubernetes_sd"),
        ("promtool", 100, "remove_all_sd"),
    )
)
ENVOY_GATEWAY = Binary("envoy-gateway", "envoy-gateway", "github.com/envoyproxy/gateway/cmd/envoy-gateway", 240)
HELM = Binary("helm", "helm", "helm.sh/helm/v4/cmd/helm", 115)
KUBECONFORM = Binary("kubeconform", "kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", 5)

STANDARD = (ETCD, API_SERVER, CONTROLLERS, SCHEDULER, KWOK, KSERVE)
TOOLS = (HELM, KUBECONFORM, ENVOY_GATEWAY, PROMETHEUS, PROMTOOL)


def build(binaries: Iterable[Binary]) -> None:
    """Build what is not there yet, one after the other. Raises ClusterError."""
    missing = [binary for binary in binaries if not binary.path.exists()]
    if not missing:
        return
    seconds = sum(binary.seconds for binary in missing)
    print(f"Building {len(missing)} programs from source, about {max(1, round(seconds / 60))} minutes once", flush=True)
    started, go = time.monotonic(), find_go()
    for binary in missing:
        _build(binary, go)
    print(f"Built in {time.monotonic() - started:.0f} s; kept in {BINARIES}", flush=True)


def _build(binary: Binary, go: Go) -> None:
    started = time.monotonic()
    unfinished = binary.path.with_name(f".{binary.name}-{os.getpid()}")
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    flags = ["-trimpath", "-tags", binary.tags, "-ldflags", f"-s -w {binary.link_flags}"]
    arguments = ["build", *flags, "-o", str(unfinished), binary.package]
    command = [*_gently(), str(go.program), *arguments]
    done = subprocess.run(
        command,
        check=False,
        cwd=MODULES / binary.module,
        env={**os.environ, **go.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        said = "\n".join(done.stdout.splitlines()[-15:])
        raise ClusterError(f"{binary.name} could not be built in {MODULES / binary.module}:\n{said}")
    unfinished.replace(binary.path)
    print(f"  {binary.name}: {time.monotonic() - started:.0f} s", flush=True)


def _gently() -> list[str]:
    """A build takes every core for minutes; other work on the machine goes first."""
    return ["nice", "-n", "19"] if shutil.which("nice") else []
