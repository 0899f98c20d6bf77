"""Deployments, revisions and runtimes that the tests of the Standard backend speak of."""

from pathlib import Path
from typing import Any

import yaml

from serinus.adapters.kubernetes_objects import Owner
from serinus.adapters.serving_runtimes import Runtime, runtime_of
from serinus.core.plan import Role, ServedRevision
from serinus.core.revision import Artifact, Revision
from serinus.core.spec import ModelDeployment
from serinus.ports import Key

KEY = Key("ml", "flight-delay")
GOLDENS = Path(__file__).with_name("goldens")


def deployment(serving: dict[str, Any] | None = None, **spec: Any) -> ModelDeployment:
    """The ModelDeployment of KEY; `serving` and other parts of its spec as in the file."""
    return ModelDeployment.model_validate(
        {
            "metadata": {"name": KEY.name, "namespace": KEY.namespace},
            "spec": {"model": {"name": "flights", "version": "7"}, "serving": serving or {}, **spec},
        }
    )


def owner(serving: dict[str, Any] | None = None, **spec: Any) -> Owner:
    return Owner("4c1d", deployment(serving, **spec))


def revision(of: Owner, name: str = "0123456789", uri: str = "s3://models/flights/7") -> Revision:
    """A revision under the owner's serving template."""
    artifact = Artifact(model="flights", version="7", uri=uri, digest="sha256:abc")
    return Revision(id=name, artifact=artifact, template=of.deployment.spec.serving.revision_template())


def served(of: Owner, name: str = "0123456789", role: Role = Role.STABLE, replicas: int = 1) -> ServedRevision:
    return ServedRevision(revision(of, name), role, replicas)


def cluster_runtime(name: str, args: list[str], formats: tuple[str, ...], **more: Any) -> dict[str, Any]:
    """A ClusterServingRuntime."""
    container = {"name": "kserve-container", "image": "x", "args": args, "env": more.pop("env", [])}
    return {
        "metadata": {"name": name, **more},
        "spec": {"supportedModelFormats": [{"name": one} for one in formats], "containers": [container]},
    }


SERINUS = runtime_of("serinus", cluster_runtime("serinus", ["--model-dir=/mnt/models"], ("serinus", "mlflow")))
SKLEARN = runtime_of(
    "kserve-sklearnserver",
    cluster_runtime("kserve-sklearnserver", ["--model_name={{.Name}}", "--model_dir=/mnt/models"], ("sklearn",)),
)
MLSERVER = runtime_of("kserve-mlserver", cluster_runtime("kserve-mlserver", [], ("sklearn", "mlflow")))


def named(name: str, args: list[str], env: dict[str, str] | None = None) -> Runtime:
    """Somebody's runtime with these arguments and variables."""
    listed = [{"name": name, "value": value} for name, value in (env or {}).items()]
    return runtime_of(name, cluster_runtime(name, args, ("onnx",), env=listed))


def golden(name: str) -> Any:
    """A manifest that was looked at and found right."""
    return yaml.safe_load((GOLDENS / f"{name}.yaml").read_text(encoding="utf-8"))
