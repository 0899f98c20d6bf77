import pytest
from lint_malformed import BAD_FILES, Bad
from lint_texts import with_model, with_rollout
from lint_wellformed import GOOD_FILES

from serinus.lint import Level, lint_text


@pytest.mark.parametrize("bad", [pytest.param(bad, id=name) for name, bad in BAD_FILES.items()])
def test_a_malformed_file_has_one_problem_with_its_field_and_line(bad: Bad) -> None:
    (problem,) = lint_text(bad.text, "file.yaml")
    assert (problem.path, problem.line, problem.level) == (bad.path, bad.line, Level.ERROR)
    assert bad.message in problem.message
    assert problem.column >= 1


@pytest.mark.parametrize("bad", [pytest.param(bad, id=name) for name, bad in BAD_FILES.items()])
def test_a_message_stays_short_and_in_the_words_of_the_file(bad: Bad) -> None:
    (problem,) = lint_text(bad.text, "file.yaml")
    assert len(problem.message) < 400
    assert "Input should" not in problem.message
    assert "pydantic" not in problem.message


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in GOOD_FILES.items()])
def test_a_good_file_has_no_error(text: str) -> None:
    assert [str(problem) for problem in lint_text(text, "file.yaml") if problem.level is Level.ERROR] == []


def test_a_problem_reads_as_file_line_field_and_sentence() -> None:
    (problem,) = lint_text(with_rollout("steps: [{weight: 120}]"), "deploy.yaml")
    assert str(problem) == (
        "deploy.yaml:7: spec.rollout.steps[0].weight: "
        "should be less than or equal to 100, not 120; write a number between 1 and 100"
    )
    assert problem.column == len("    steps: [{weight: ") + 1


def test_every_problem_of_a_file_is_listed_from_its_top() -> None:
    text = with_rollout("strategy: Canray", "steps: [{weight: 120}, {weight: 0}]", "alpha: 2")
    assert [problem.path for problem in lint_text(text, "file.yaml")] == [
        "spec.rollout.strategy",
        "spec.rollout.steps[0].weight",
        "spec.rollout.steps[1].weight",
        "spec.rollout.alpha",
    ]


def test_a_misspelt_field_is_not_also_reported_as_missing() -> None:
    (problem,) = lint_text(with_model("nmae: delay", "version: 7"), "file.yaml")
    assert problem.message == 'unknown field "spec.model.nmae"; did you mean name?'


def test_a_merged_value_is_blamed_where_it_is_written() -> None:
    text = with_rollout("steps:", "- &first", "  weight: 120", "- {<<: *first, hold: 5m}")
    assert [(problem.path, problem.line) for problem in lint_text(text, "file.yaml")] == [
        ("spec.rollout.steps[0].weight", 9),
        ("spec.rollout.steps[1].weight", 9),
    ]
