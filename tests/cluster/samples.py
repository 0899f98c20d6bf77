"""Objects for tests of the cluster itself."""

from pathlib import Path
from typing import Any

Manifest = dict[str, Any]
PORT = 8080


def write_model(folder: Path) -> str:
    """Save a small model that the predictor serves; returns its digest."""
    import mlflow.sklearn
    import numpy as np
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    from serinus.artifact import directory_digest

    random = np.random.default_rng(7)
    frame = pd.DataFrame({"temp": random.normal(10, 8, 200), "wind": random.normal(8, 2, 200)})
    model = LogisticRegression().fit(frame, frame["temp"] > 10)
    signature = infer_signature(frame, model.predict(frame))
    mlflow.sklearn.save_model(model, str(folder), signature=signature, pip_requirements=["scikit-learn"])
    return directory_digest(folder)


def inference_service(name: str, uri: str, digest: str, mode: str = "Standard") -> Manifest:
    """An InferenceService that needs no runtime but its own arguments."""
    predictor = {
        "name": "kserve-container",
        "image": "ghcr.io/serinus/predictor:test",
        "args": [
            *("--model-dir=/mnt/models", f"--model-name={name}", "--deployment=test/model", "--revision=r1"),
            *(f"--digest={digest}", "--host=0.0.0.0"),
        ],
        "env": [{"name": "STORAGE_URI", "value": uri}],
        "ports": [{"containerPort": PORT, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": PORT}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "annotations": {"serving.kserve.io/deploymentMode": mode}},
        "spec": {"predictor": {"containers": [predictor]}},
    }


def pod(name: str, *command: str, image: str = "test/python", **spec: Any) -> Manifest:
    """A pod of one Python program."""
    container = {"name": "main", "image": image, "args": list(command)} | spec.pop("container", {})
    return {"metadata": {"name": name, "labels": {"app": name}}, "spec": {"containers": [container], **spec}}


def service(name: str) -> Manifest:
    """A Service for the pods of that name."""
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": PORT}]},
    }
