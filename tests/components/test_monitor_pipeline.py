"""The monitoring pipeline as it is compiled."""

import yaml

from pipelines.compile import COMPILED


def test_the_compiled_pipeline_runs_as_often_as_it_is_asked() -> None:
    """The same arguments mean another window at another time: nothing may be answered from KFP's cache."""
    pipeline, platform = yaml.safe_load_all((COMPILED / "monitoring.yaml").read_text())
    assert pipeline["pipelineInfo"]["name"] == "monitoring"
    assert not pipeline["root"]["dag"]["tasks"]["monitor"]["cachingOptions"].get("enableCache", False)
    needed = [
        name for name, one in pipeline["root"]["inputDefinitions"]["parameters"].items() if not one.get("isOptional")
    ]
    assert needed == ["log", "registry_uri", "training"]
    outputs = pipeline["components"]["comp-monitor"]["outputDefinitions"]["artifacts"]
    assert {name: one["artifactType"]["schemaTitle"] for name, one in outputs.items()} == {
        "report": "system.HTML",
        "metrics": "system.Metrics",
        "details": "system.Artifact",
    }
    assert "exec-monitor" in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
