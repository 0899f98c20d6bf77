"""The committed compiled pipelines are what their source compiles to."""

from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipelines.compile import COMPILED, compile_all
from pipelines.placement import LABELS, USER

PIPELINES = ("training", "monitoring")


def test_the_committed_pipelines_are_up_to_date(tmp_path: Path) -> None:
    fresh = compile_all(tmp_path)
    assert {path.name for path in fresh} == {path.name for path in COMPILED.glob("*.yaml")}
    for path in fresh:
        if path.read_text() != (COMPILED / path.name).read_text():
            pytest.fail(f"{COMPILED / path.name} is out of date; run python -m pipelines.compile")


@pytest.mark.parametrize("name", PIPELINES)
def test_a_compiled_pipeline_is_what_kfp_publishes_as_its_schema(name: str) -> None:
    spec, platforms = yaml.safe_load_all((COMPILED / f"{name}.yaml").read_text())
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())  # refuses a field that it does not know
    json_format.ParseDict(platforms, pipeline_spec_pb2.PlatformSpec())
    pipeline, version = yaml.safe_load_all((COMPILED / f"{name}.manifests.yaml").read_text())
    assert (pipeline["kind"], version["kind"]) == ("Pipeline", "PipelineVersion")
    assert version["spec"]["pipelineName"] == pipeline["metadata"]["name"] == f"serinus-{name}"
    assert (version["spec"]["pipelineSpec"], version["spec"]["platformSpec"]) == (spec, platforms)


@pytest.mark.parametrize("name", PIPELINES)
def test_every_step_has_bounds_an_identity_and_an_image_of_ours(name: str) -> None:
    spec, platforms = yaml.safe_load_all((COMPILED / f"{name}.yaml").read_text())
    executors = spec["deploymentSpec"]["executors"]
    placed = platforms["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert executors.keys() == placed.keys()
    for executor in executors.values():
        container = executor["container"]
        assert container["image"].startswith("ghcr.io/serinus/")
        assert container["resources"].keys() >= {"resourceCpuRequest", "resourceCpuLimit", "resourceMemoryLimit"}
    for one in placed.values():
        assert one["securityContext"] == {"runAsUser": str(USER), "runAsGroup": str(USER), "runAsNonRoot": True}
        assert int(one["activeDeadlineSeconds"]) > 0
        assert one["podMetadata"]["labels"] == LABELS
