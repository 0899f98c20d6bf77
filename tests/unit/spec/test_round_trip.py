"""Any deployment that can be made can be written as YAML and read back equal."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from serinus.core.spec import ModelDeployment
from serinus.lint import Level, dump_deployment, lint_text, unsupported
from serinus.lint.problem import dotted
from tests.cases.strategies import DEPLOYMENTS, PLAIN, Json


@given(DEPLOYMENTS)
def test_a_deployment_written_as_yaml_reads_back_equal(deployment: ModelDeployment) -> None:
    text = dump_deployment(deployment)
    errors = [problem.path for problem in lint_text(text, "file.yaml") if problem.level is Level.ERROR]
    assert sorted(errors) == sorted(dotted(finding.loc) for finding in unsupported(deployment))
    assert ModelDeployment.model_validate(yaml.safe_load(text)) == deployment


@given(DEPLOYMENTS)
def test_a_deployment_written_as_json_reads_back_equal(deployment: ModelDeployment) -> None:
    assert ModelDeployment.model_validate_json(deployment.model_dump_json(by_alias=True)) == deployment


@given(st.text())
def test_no_text_whatever_makes_lint_fail(text: str) -> None:
    assert all(problem.line >= 1 for problem in lint_text(text, "file.yaml"))


@given(st.dictionaries(st.sampled_from(["model", "serving", "rollout", "retraining", "monitoring"]), PLAIN))
def test_no_spec_whatever_makes_lint_fail(spec: Json) -> None:
    head = {"apiVersion": "serinus.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "a"}}
    text = yaml.safe_dump({**head, "spec": spec}, allow_unicode=True)
    assert all(problem.line >= 1 for problem in lint_text(text, "file.yaml"))
