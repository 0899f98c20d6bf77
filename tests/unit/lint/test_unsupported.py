from pathlib import Path

import pytest
from lint_texts import with_rollout, with_serving, with_spec
from lint_wellformed import GOOD_FILES

from serinus.core.errors import NotSupportedYet
from serinus.lint import Level, lint_text, load_deployment
from serinus.lint.problem import Problem
from serinus.lint.unsupported import unsupported_on_one_machine

NOWHERE_YET = [
    ("spec.monitoring.slo", with_spec("monitoring: {slo: {maxErrorRate: 0.01}}")),
]
ONLY_IN_A_CLUSTER = {
    "spec.serving.mode": with_serving("mode: Knative"),
    "spec.serving.runtime": with_serving("runtime: triton"),
    "spec.serving.format": with_serving("format: onnx"),
    "spec.serving.minReplicas": with_serving("minReplicas: 0"),
    "spec.serving.maxReplicas": with_serving("maxReplicas: 3"),
    "spec.serving.resources": with_serving("resources: {limits: {cpu: 1}}"),
    "spec.serving.gateway": with_serving("gateway: {name: gateway}"),
    "spec.serving.hostname": with_serving("hostname: models.example.org"),
    "spec.serving.template": with_serving("template: {predictor: {env: []}}"),
    "spec.serving.adopt": with_serving("adopt: true"),
    "spec.retraining.triggers[0].type": with_spec(
        "retraining: {pipeline: p, triggers: [{type: Event, eventType: com.example.refreshed}]}"
    ),
    "spec.deletionPolicy": with_spec("deletionPolicy: Orphan"),
}
ALSO_ONLY_IN_A_CLUSTER = [
    ("spec.serving.mode", with_serving("mode: Standard")),
]


def of(level: Level, text: str) -> list[Problem]:
    return [problem for problem in lint_text(text, "file.yaml") if problem.level is level]


def written(folder: Path, text: str) -> Path:
    path = folder / "deployment.yaml"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(("path", "text"), NOWHERE_YET)
def test_what_is_not_built_yet_is_refused_by_lint_and_by_the_runtime(path: str, text: str, tmp_path: Path) -> None:
    (problem,) = of(Level.ERROR, text)
    assert problem.path == path
    assert "is not supported yet" in problem.message
    assert problem.line >= 6
    with pytest.raises(NotSupportedYet, match=r"deployment\.yaml:\d+: spec\..*not supported yet"):
        load_deployment(written(tmp_path, text))


@pytest.mark.parametrize("less", ["sampleRate: 0.5", "hash: [name]", "drop: [name]"])
def test_less_than_whole_requests_is_logged_by_our_own_predictor_only(less: str) -> None:
    text = with_spec(f"monitoring: {{log: {{{less}}}}}")
    assert of(Level.ERROR, text) == []
    (problem,) = of(Level.ERROR, text + "  serving: {runtime: triton}\n")
    assert problem.path == f"spec.monitoring.log.{less.partition(':')[0]}"
    assert "sends whole requests" in problem.message


def test_whole_requests_are_logged_of_any_runtime() -> None:
    assert of(Level.ERROR, with_spec("monitoring: {log: {}}") + "  serving: {runtime: triton}\n") == []


@pytest.mark.parametrize("strategy", ["BlueGreen", "Shadow"])
def test_mirroring_is_refused_in_the_mode_that_cannot_and_in_no_other(strategy: str) -> None:
    text = f"{with_rollout(f'strategy: {strategy}')}  serving: {{mode: %s}}\n"
    (problem,) = of(Level.ERROR, text % "Knative")
    assert problem.path == "spec.rollout.strategy"
    assert f'strategy "{strategy}" is not supported in mode Knative' in problem.message
    assert of(Level.ERROR, text % "Standard") == of(Level.ERROR, text % "Auto") == []


@pytest.mark.parametrize(("path", "text"), [*ONLY_IN_A_CLUSTER.items(), *ALSO_ONLY_IN_A_CLUSTER])
def test_what_needs_a_cluster_is_a_warning_of_lint_and_refused_on_one_machine(
    path: str, text: str, tmp_path: Path
) -> None:
    assert of(Level.ERROR, text) == []
    (problem,) = [problem for problem in of(Level.WARNING, text) if "this needs a cluster" in problem.message]
    assert problem.path == path
    assert problem.line >= 6
    with pytest.raises(NotSupportedYet, match=r"deployment\.yaml:\d+: spec\..*it needs a cluster"):
        load_deployment(written(tmp_path, text))


def test_one_warning_names_every_field_that_needs_a_cluster() -> None:
    text = with_serving("mode: Standard", "gateway: {name: gateway}", "maxReplicas: 3")
    (message,) = [problem.message for problem in of(Level.WARNING, text) if "cluster" in problem.message]
    assert message.endswith("spec.serving.mode, spec.serving.maxReplicas, spec.serving.gateway")


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in GOOD_FILES.items()])
def test_what_is_built_is_accepted_by_the_runtime(text: str, tmp_path: Path) -> None:
    assert unsupported_on_one_machine(load_deployment(written(tmp_path, text))) == []
