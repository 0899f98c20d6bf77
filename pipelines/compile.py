"""Compile the pipelines: `python -m pipelines.compile [FOLDER]`.

Each comes in two forms: KFP's intermediate representation, to upload or to run, and the Pipeline and PipelineVersion
objects of it, to apply by GitOps.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from serinus.core.pipeline_run import version_name

COMPILED = Path(__file__).parent / "compiled"


def compile_all(folder: Path = COMPILED) -> list[Path]:
    """Write both forms of every pipeline into `folder`; the same source gives the same bytes."""
    from pipelines.monitoring import monitoring
    from pipelines.training import training

    folder.mkdir(parents=True, exist_ok=True)
    return [path for pipeline in (training, monitoring) for path in _compile(pipeline, folder)]


def _compile(pipeline: Any, folder: Path) -> tuple[Path, Path]:
    from kfp import compiler
    from kfp.compiler.compiler_utils import KubernetesManifestOptions

    representation, manifests = folder / f"{pipeline.name}.yaml", folder / f"{pipeline.name}.manifests.yaml"
    compiler.Compiler().compile(pipeline, str(representation))
    options = KubernetesManifestOptions(
        pipeline_name=f"serinus-{pipeline.name}",
        pipeline_version_name=version_name(representation.read_bytes()),
        include_pipeline_manifest=True,
    )
    compiler.Compiler().compile(
        pipeline, str(manifests), kubernetes_manifest_options=options, kubernetes_manifest_format=True
    )
    return representation, manifests


def main() -> None:
    """Compile into the folder that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.compile", description="Compile the pipelines.")
    parser.add_argument("folder", nargs="?", type=Path, default=COMPILED, help="where to write (default: %(default)s)")
    for path in compile_all(parser.parse_args().folder):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
