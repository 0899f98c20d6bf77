"""The training file: what is refused, and how it is said."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from serinus.core.errors import SpecInvalid
from serinus.training.load import load_config

EXAMPLES = Path(__file__).parents[2] / "examples" / "flights"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("window: 240h", "window: 240h\nwindows: 1h", r"training.yaml:14: windows: is not a field"),
        ("window: 240h", "window: ten days", r"training.yaml:13: window: .ten days. is not a duration"),
        ("type: integer}", "type: int}", r"training.yaml:10: features\[2\].type: Input should be 'double'"),
        ("sklearn.linear_model.LogisticRegression", "os.system", r"variants\[0\].estimator: \"os.system\" is not an"),
        ("name: trees", "name: linear", "variants linear named twice"),
        ("name: stops", "name: late", 'target "late" is also a feature'),
        ("window: 240h", "window: 240h\ngates: {metric: rmse}", "metric rmse does not fit classification"),
        ("{type: csv, path: trips.csv}", "{type: python, function: 'os:getcwd'}", "may not be called as a source"),
        (
            "window: 240h",
            "window: 240h\nsplit: {holdout: 1.5}",
            r"training.yaml:14: split.holdout: Input should be less",
        ),
        ("features:", "features: [", "is not YAML"),
        ("window: 240h", "window: 240h\nseed: 1\nseed: 2", r"training.yaml:15: .*given twice, first in line 14"),
        (
            "window: 240h",
            "window: 240h\ngates:\n  parity:",
            r"training.yaml:15: gates.parity: is empty; write parity: {}",
        ),
        (
            "window: 240h",
            "window: 240h\ngates: {golden: {source: {type: cvs}, metrics: {auc: 1}}}",
            r"training.yaml:14: gates.golden.source.type: write one of csv,",
        ),
        (
            "name: linear",
            "name: linear\n    classWeight: balanc",
            r":16: variants\[0\].classWeight: write balanced, or",
        ),
        (
            "name: linear",
            "name: linear\n    classWeight: {0: 1}",
            r"does not read the name ..?0..? as a text; put it in quotes",
        ),
        (
            "name: linear",
            'name: linear\n    classWeight: {"0": x}',
            r"variants\[0\].classWeight.0: Input should be a valid number",
        ),
        (
            "name: linear",
            "name: linear\n    search: {parameters: {C: 3}}",
            r"variants\[0\].search.parameters.C: write a list of values to try, or a range",
        ),
        (
            "name: linear",
            "name: linear\n    search: {parameters: {C: {low: 2, high: 1}}, candidates: 3}",
            r"variants\[0\].search.parameters.C: low 2 is not below high 1",
        ),
        ("window: 240h", "window: 240h\ndescriptions: {sql: 3}", r"descriptions.sql: Input should be a valid string"),
        ("target: late", "target: at", 'timeColumn "at" is also the target'),
        ("window: 240h", "window: 240h\nsplit: {groups: late}", 'target "late" is also a column to judge by'),
        (
            "{name: carrier, type: string}",
            "{name: carrier, type: string, minimum: 1}",
            "belong to a number, and carrier",
        ),
    ],
)
def test_a_wrong_field_is_named_with_its_line(training_file: Path, old: str, new: str, said: str) -> None:
    training_file.write_text(training_file.read_text().replace(old, new, 1))
    with pytest.raises(SpecInvalid, match=said):
        load_config(training_file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecInvalid, match=r"nowhere.yaml cannot be read"):
        load_config(tmp_path / "nowhere.yaml")


def test_a_relative_source_is_beside_the_training_file(training_file: Path) -> None:
    assert load_config(training_file).source.path == str(training_file.parent / "trips.csv")  # type: ignore[union-attr]


def test_as_of_can_be_given_by_the_caller(training_file: Path) -> None:
    moment = datetime(2024, 1, 5, tzinfo=UTC)
    assert load_config(training_file, as_of=moment).as_of == moment


def test_a_config_survives_json(training_file: Path) -> None:
    config = load_config(training_file)
    assert type(config).model_validate_json(config.model_dump_json(by_alias=True)) == config


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("training*.yaml")), ids=lambda path: path.stem)
def test_the_examples_are_valid_and_agree_on_the_features(path: Path) -> None:
    assert load_config(path).features == load_config(EXAMPLES / "training.yaml").features


def test_a_number_in_scientific_notation_is_a_number(training_file: Path) -> None:
    training_file.write_text(training_file.read_text().replace("{max_iter: 5}", "{max_iter: 5, tol: 1e-3}"))
    assert load_config(training_file).variant("trees").parameters["tol"] == 0.001
