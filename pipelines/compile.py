"""Compile the pipelines to KFP's intermediate representation: `python -m pipelines.compile [FOLDER]`."""

import argparse
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


def main() -> None:
    """Compile into the folder that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.compile", description="Compile the pipelines.")
    parser.add_argument("folder", nargs="?", type=Path, default=COMPILED, help="where to write (default: %(default)s)")
    for path in compile_all(parser.parse_args().folder):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
