"""The images that steps run in. A group of steps that share what they depend on shares an image, named as their extra."""

import json
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
DIGESTS_VARIABLE: Final = "SERINUS_IMAGE_DIGESTS"  # JSON, as in {"train": "sha256:..."}
# Whoever keeps the images elsewhere builds them and compiles the pipelines with the variable set.
REPOSITORY: Final = os.environ.get("SERINUS_IMAGES") or "ghcr.io/serinus"


def reference(image: str) -> str:
    """Where the image of this version of Serinus is."""
    return f"{REPOSITORY}/{image}:{__version__}"


def lineage() -> str:
    """The image of each step as JSON, for the lineage of what they make: by digest where SERINUS_IMAGE_DIGESTS says it."""
    known = os.environ.get(DIGESTS_VARIABLE)
    return known or json.dumps({step: reference(image) for step, image in IMAGE_OF_STEP.items()}, sort_keys=True)
