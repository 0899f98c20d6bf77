from pathlib import Path

import pytest
from lint_texts import with_spec

from serinus.core.errors import SpecInvalid
from serinus.lint import Level, lint_text, load_deployment
from serinus.lint.problem import Problem


def of(level: Level, triggers: str, more: str = "") -> list[Problem]:
    text = with_spec(f"retraining: {{pipeline: p, triggers: [{triggers}]}}") + more
    return [problem for problem in lint_text(text, "file.yaml") if problem.level is level]


def told(triggers: str, word: str, more: str = "") -> list[str]:
    return [problem.message for problem in of(Level.WARNING, triggers, more) if word in problem.message]


@pytest.mark.parametrize(
    ("trigger", "path", "words"),
    [
        ('{type: Schedule, cron: "0 0 30 2 *"}', "spec.retraining.triggers[0].cron", "is never due"),
        ('{type: Schedule, cron: "0 25 * * *"}', "spec.retraining.triggers[0].cron", "not between 0 and 23"),
        ('{type: Schedule, cron: "0 3 * * 1", timeZone: Mars/Phobos}', "spec.retraining.triggers[0].timeZone", "IANA"),
        ("{type: Drift}, {type: Drift}", "spec.retraining.triggers[1].type", "keep one"),
    ],
)
def test_what_can_never_be_is_refused_by_lint_and_by_the_runtime(
    trigger: str, path: str, words: str, tmp_path: Path
) -> None:
    (problem,) = of(Level.ERROR, trigger)
    assert problem.path == path
    assert words in problem.message
    file = tmp_path / "deployment.yaml"
    file.write_text(with_spec(f"retraining: {{pipeline: p, triggers: [{trigger}]}}"))
    with pytest.raises(SpecInvalid, match=words):
        load_deployment(file)


def test_triggers_that_cannot_fire_are_warned_of() -> None:
    assert told("{type: Drift}", "monitoring.drift")


def test_labels_find_answers_of_other_runtimes_than_serinus_only_by_the_log() -> None:
    labelled = "{type: Quality, labelHorizon: 1h}, {type: NewData, minRows: 10}"
    other = "  serving: {runtime: kserve-sklearnserver, format: sklearn}\n"
    assert not told(labelled, "monitoring.log")
    assert len(told(labelled, "runtime kserve-sklearnserver tells the collector nothing", other)) == 2
    assert not told(labelled, "monitoring.log", f"{other}  monitoring: {{log: {{}}}}")
    own_logger = (
        "  serving: {runtime: kserve-sklearnserver, format: sklearn, template: {predictor: {logger: {mode: all}}}}\n"
    )
    assert not told(labelled, "monitoring.log", own_logger)


def test_a_fixed_version_is_warned_of_because_nothing_rolls_the_new_one_out() -> None:
    assert told("{type: MaxAge, age: 720h}", "alias: challenger")
