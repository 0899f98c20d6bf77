from pathlib import Path

import pytest
from lint_malformed import BAD_FILES
from lint_texts import with_rollout, with_spec

from serinus.core.errors import SpecInvalid
from serinus.lint import lint_file, load_deployment


def written(folder: Path, content: bytes) -> Path:
    path = folder / "deployment.yaml"
    path.write_bytes(content)
    return path


def test_a_file_is_loaded_with_its_values_and_the_defaults(tmp_path: Path) -> None:
    deployment = load_deployment(written(tmp_path, with_rollout("alpha: 0.1").encode()))
    assert deployment.metadata.name == "flight-delay"
    assert deployment.metadata.namespace == "default"
    assert deployment.spec.model.version == "7"
    assert deployment.spec.rollout.alpha == 0.1
    assert [signal.name for signal in deployment.spec.rollout.signals] == ["errors"]


def test_an_invalid_file_raises_every_problem_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, with_rollout("alpha: 2", "steps: [{weight: 120}]").encode())
    with pytest.raises(SpecInvalid) as raised:
        load_deployment(path)
    first, second = str(raised.value).splitlines()
    assert first.startswith(f"{path}:7: spec.rollout.alpha: ")
    assert second == (
        f"{path}:8: spec.rollout.steps[0].weight: "
        "should be less than or equal to 100, not 120; write a number between 1 and 100"
    )


@pytest.mark.parametrize("name", BAD_FILES)
def test_every_malformed_file_is_refused_by_the_runtime_too(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, BAD_FILES[name].text.encode())
    with pytest.raises(SpecInvalid):
        load_deployment(path)


def test_bytes_that_are_not_utf_8_are_blamed_on_their_line(tmp_path: Path) -> None:
    path = written(tmp_path, with_spec().encode() + b"# caf\xe9\n")
    (problem,) = lint_file(path)
    assert (problem.line, problem.message) == (6, "the file is not UTF-8 text; save it as UTF-8")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert load_deployment(written(tmp_path, b"\xef\xbb\xbf" + with_spec().encode())).spec.model.name == "delay"


def test_a_file_far_too_large_is_refused_without_reading_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse: a tebibyte on no disk
    (problem,) = lint_file(path)
    assert "is it a ModelDeployment?" in problem.message


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_file_that_cannot_be_read_is_a_problem_and_not_a_traceback(name: str, tmp_path: Path) -> None:
    (problem,) = lint_file(tmp_path / name)
    assert "cannot be read" in problem.message
    with pytest.raises(SpecInvalid, match="cannot be read"):
        load_deployment(tmp_path / name)
