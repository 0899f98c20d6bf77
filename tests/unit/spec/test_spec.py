from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from serinus.core.revision import Artifact, revision_of
from serinus.core.spec import (
    AvailabilitySignal,
    ErrorsSignal,
    ModelDeployment,
    ModelSource,
    OnInconclusive,
    PauseStep,
    RolloutPolicy,
    Serving,
    Strategy,
    WeightStep,
    WhenSuperseded,
)

ARTIFACT = Artifact(model="delay", version="7", uri="file:///m", digest="sha256:0")


def test_a_rollout_without_a_word_is_a_canary_judged_on_errors() -> None:
    policy = RolloutPolicy()
    assert policy.strategy is Strategy.CANARY
    assert [step.weight for step in policy.steps if isinstance(step, WeightStep)] == [10, 50]
    assert policy.signals == (ErrorsSignal(name="errors", type="Errors"),)
    assert policy.when_superseded is WhenSuperseded.RESTART
    assert policy.on_inconclusive is OnInconclusive.PAUSE
    assert (policy.interval, policy.deadline) == (timedelta(seconds=30), timedelta(hours=24))


def test_an_integer_version_is_the_same_as_its_text() -> None:
    assert ModelSource.model_validate({"name": "m", "version": 7}) == ModelSource(name="m", version="7")


@pytest.mark.parametrize(
    "change",
    [
        {"minReplicas": 3},
        {"maxReplicas": 3},
        {"keepWarm": "0s"},
        {"hostname": "models.example.org"},
        {"gateway": {"name": "public"}},
        {"mode": "Knative"},
        {"adopt": True},
        {"resources": {"limits": {}}},
    ],
)
def test_scale_and_route_are_no_part_of_a_revision(change: dict[str, Any]) -> None:
    before, after = Serving(), Serving.model_validate(change)
    assert revision_of(ARTIFACT, before.revision_template()) == revision_of(ARTIFACT, after.revision_template())


@pytest.mark.parametrize(
    "change",
    [
        {"runtime": "triton"},
        {"protocol": "v1"},
        {"format": "onnx"},
        {"template": {"predictor": {}}},
        {"resources": {"limits": {"cpu": 1}}},
    ],
)
def test_what_runs_is_part_of_a_revision(change: dict[str, Any]) -> None:
    before, after = Serving(), Serving.model_validate(change)
    assert revision_of(ARTIFACT, before.revision_template()) != revision_of(ARTIFACT, after.revision_template())


def test_a_revision_is_the_same_however_a_quantity_is_written() -> None:
    number = Serving.model_validate({"resources": {"limits": {"cpu": 1}}})
    text = Serving.model_validate({"resources": {"limits": {"cpu": "1"}}})
    assert number.revision_template() == text.revision_template()
    assert number.revision_template()["resources"]["limits"] == {"cpu": "1"}


def test_a_snapshot_of_the_policy_reads_back_equal() -> None:
    policy = RolloutPolicy.model_validate(
        {
            "steps": [{"weight": 5}, {"pause": {"duration": "1m"}}, {"weight": 100}],
            "signals": [{"name": "up", "type": "Availability"}, {"name": "a", "type": "Latency", "threshold": "1s"}],
            "match": {"header": {"name": "X-Tester", "value": "1"}},
        }
    )
    assert RolloutPolicy.model_validate_json(policy.model_dump_json(by_alias=True)) == policy
    assert RolloutPolicy.model_validate(policy.model_dump()) == policy
    assert isinstance(policy.steps[1], PauseStep)
    assert isinstance(policy.signals[0], AvailabilitySignal)


def test_a_spec_cannot_be_changed_after_it_was_checked() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RolloutPolicy().alpha = 0.5  # type: ignore[misc]


def test_status_is_accepted_and_not_read() -> None:
    content = {"metadata": {"name": "a"}, "spec": {"model": {"name": "m", "version": 1}}}
    assert ModelDeployment.model_validate({**content, "status": {"x": 1}}) == ModelDeployment.model_validate(content)


def fields_of(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every field with its description; pydantic leaves out one that its type already has."""
    for name, model in {**schema["$defs"], "ModelDeployment": schema}.items():
        for field, content in model.get("properties", {}).items():
            kind = schema["$defs"].get(content.get("$ref", "").rpartition("/")[2], {})
            yield f"{name}.{field}", content.get("description") or kind.get("description", "")


def test_every_field_explains_itself() -> None:
    fields = dict(fields_of(ModelDeployment.model_json_schema()))
    assert len(fields) > 80
    assert [name for name, description in fields.items() if not description.endswith(".")] == []
