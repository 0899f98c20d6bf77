"""Stands for KServe's storage initializer: copies a model of this machine to where the predictor reads it.

Arguments, as KServe gives them: the URI of the model and the folder to put it into. Only file:// can be reached here.
"""

import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

MACHINE = Path("/machine")


def main(uri: str, folder: str) -> None:
    """Copy the model. Ends the process with code 1 when there is none."""
    parts = urlsplit(uri)
    source = MACHINE / parts.path.lstrip("/")
    if parts.scheme != "file" or not source.is_dir():
        sys.exit(f"there is no model at {uri}: the test cluster reaches folders of its machine only, as file:///...")
    shutil.copytree(source, folder, dirs_exist_ok=True)
    print(f"copied {uri} to {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
