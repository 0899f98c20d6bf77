"""The objects of tests/cases, which the API server refuses or accepts too (tests/cluster/test_crd.py)."""

from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from serinus.core.model import Frozen
from serinus.crd.rules import BY_LIST_TYPE, TWINS
from serinus.lint import Level, lint_text
from tests.cases.table import MALFORMED, WELLFORMED, Case

READ_BY_NO_ONE_ELSE = {"ModelDeployment._without_status"}  # the API server takes a status too


def errors(case: Case) -> list[tuple[str, str]]:
    problems = lint_text(case.text, "file.yaml")
    return [(problem.path, problem.message) for problem in problems if problem.level is Level.ERROR]


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in MALFORMED.items()])
def test_a_malformed_object_is_refused_with_one_sentence_about_its_field(case: Case) -> None:
    ((path, message),) = errors(case)
    assert path == case.path
    assert case.words in message


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in WELLFORMED.items()])
def test_a_wellformed_object_is_accepted(case: Case) -> None:
    assert errors(case) == []


@pytest.mark.parametrize("sentence", sorted({rule.message for rules in TWINS.values() for rule in rules}))
def test_every_rule_over_several_fields_is_among_the_malformed_objects(sentence: str) -> None:
    start, _, end = sentence.partition(" is also the alias")  # the only one that names a value
    said = [message for case in MALFORMED.values() for _, message in errors(case)]
    assert any(message.startswith(start) and message.endswith(end) for message in said)


def models(of: type[BaseModel] = Frozen) -> Iterator[type[BaseModel]]:
    """Every model that the spec is made of."""
    for model in of.__subclasses__():
        yield from models(model)
        if model.__module__.startswith("serinus.core.spec."):
            yield model


def test_every_validator_of_the_spec_has_a_twin_for_the_api_server() -> None:
    found = set()
    for model in models():
        validators = model.__pydantic_decorators__
        found |= {f"{model.__name__}.{name}" for name in validators.model_validators}
        for name, validator in validators.field_validators.items():
            found |= {f"{model.__name__}.{field}.{name}" for field in validator.info.fields}
    assert found == TWINS.keys() | BY_LIST_TYPE | READ_BY_NO_ONE_ELSE
