"""A revision is what is rolled out: one model artifact under one serving template.

Its id hashes the artifact's digest and the template without its scale fields, so a changed runtime or resource limit is
a rollout too, and a changed replica count is not.
"""

import hashlib
import json
from typing import Any

from serinus.core.model import Frozen

ID_HEX_DIGITS = 10


class Artifact(Frozen):
    """A model version as the registry resolved it. `version` is empty for a model given by uri alone."""

    model: str
    version: str = ""
    uri: str
    digest: str

    @property
    def label(self) -> str:
        """How people name it: `flight-delay version 7`, or the uri where there is no version."""
        return f"{self.model} version {self.version}" if self.version else self.uri


class Revision(Frozen):
    """An artifact and the serving template it runs under (runtime, protocol, resources, overrides; no replica counts)."""

    id: str
    artifact: Artifact
    template: dict[str, Any]

    @property
    def label(self) -> str:
        """How people name it."""
        return self.artifact.label


def revision_of(artifact: Artifact, template: dict[str, Any]) -> Revision:
    """The revision of an artifact under a template; the same content always has the same id."""
    content = json.dumps([artifact.digest, template], sort_keys=True, separators=(",", ":"))
    return Revision(
        id=hashlib.sha256(content.encode()).hexdigest()[:ID_HEX_DIGITS], artifact=artifact, template=template
    )
