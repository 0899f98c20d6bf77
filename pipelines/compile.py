"""Compile the pipelines to KFP's intermediate representation: `python -m pipelines.compile [FOLDER]`."""

import sys
from pathlib import Path

COMPILED = Path(__file__).parent / "compiled"


def compile_all(folder: Path = COMPILED) -> list[Path]:
    """Write one YAML file per pipeline into `folder`; the same source gives the same bytes."""
    from kfp import compiler

    from pipelines.training import training

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "training.yaml"
    compiler.Compiler().compile(training, str(target))
    return [target]


if __name__ == "__main__":
    for path in compile_all(*map(Path, sys.argv[1:2])):
        sys.stdout.write(f"{path}\n")
