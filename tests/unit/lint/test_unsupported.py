from pathlib import Path

import pytest
from lint_texts import with_rollout, with_serving, with_spec
from lint_wellformed import GOOD_FILES

from serinus.core.errors import NotSupportedYet
from serinus.lint import Level, lint_text, load_deployment, unsupported

SIGNAL = "spec.rollout.signals[0].type"
NOT_YET = {
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
    "spec.monitoring": with_spec("monitoring: {drift: {psi: 0.3}}"),
    "spec.retraining": with_spec("retraining: {pipeline: p, triggers: [{type: MaxAge, age: 720h}]}"),
    "spec.deletionPolicy": with_spec("deletionPolicy: Orphan"),
    "spec.rollout.strategy": with_rollout("strategy: BlueGreen"),
    SIGNAL: with_rollout("signals: [{name: a, type: Quality, labelHorizon: 6h}]"),
}
ALSO_NOT_YET = [
    ("spec.serving.mode", with_serving("mode: Standard")),
    ("spec.rollout.strategy", with_rollout("strategy: Shadow")),
    (SIGNAL, with_rollout("signals: [{name: a, type: Drift}]")),
    (SIGNAL, with_rollout("signals: [{name: a, type: Query, promql: up, min: 1}]")),
]


@pytest.mark.parametrize(("path", "text"), [*NOT_YET.items(), *ALSO_NOT_YET])
def test_what_is_not_built_yet_is_refused_by_lint_and_by_the_runtime(path: str, text: str, tmp_path: Path) -> None:
    (problem,) = [problem for problem in lint_text(text, "file.yaml") if problem.level is Level.ERROR]
    assert problem.path == path
    assert "is not supported yet on one machine" in problem.message
    assert problem.line >= 6
    file = tmp_path / "deployment.yaml"
    file.write_text(text)
    with pytest.raises(NotSupportedYet, match=r"deployment\.yaml:\d+: spec\..*not supported yet"):
        load_deployment(file)


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in GOOD_FILES.items()])
def test_what_is_built_is_accepted_by_the_runtime(text: str, tmp_path: Path) -> None:
    file = tmp_path / "deployment.yaml"
    file.write_bytes(text.encode())
    assert unsupported(load_deployment(file)) == ()
