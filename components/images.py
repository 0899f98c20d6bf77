"""The images that steps run in. A group of steps that share what they depend on shares an image, named as their extra."""

import os
from typing import Final

from serinus import __version__

IMAGE_OF_STEP: Final = {
    "ingest": "data",
    "validate": "data",
    "split": "data",
    "train": "model",
    "evaluate": "model",
    "gate": "model",
    "register": "model",
    "monitor": "model",
}
# Whoever keeps the images elsewhere builds them and compiles the pipelines with the variable set.
REPOSITORY: Final = os.environ.get("SERINUS_IMAGES") or "ghcr.io/serinus"


def reference(image: str) -> str:
    """Where the image of this version of Serinus is."""
    return f"{REPOSITORY}/{image}:{__version__}"
