"""Write the CustomResourceDefinition to where manifests and chart keep it: `python -m serinus.crd [FOLDER]`."""

import argparse
import sys
from pathlib import Path

from serinus.crd.rendering import rendered

FILES = ("manifests/crd/modeldeployments.yaml", "charts/serinus/files/crd/modeldeployments.yaml")


def write_all(folder: Path) -> list[Path]:
    """Write the same text to each of its places below the repository's root."""
    text = rendered()
    paths = [folder / name for name in FILES]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return paths


def main() -> None:
    """Write below the folder that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m serinus.crd", description="Write the CRD of a ModelDeployment.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="the repository's root (default: here)")
    for path in write_all(parser.parse_args().folder):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
