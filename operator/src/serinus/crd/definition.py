"""The CustomResourceDefinition itself: names, columns, subresources, and the schema of its one version."""

import re

from serinus.core.spec import API_VERSION, KIND, ModelDeployment
from serinus.core.spec.metadata import Metadata
from serinus.crd.schema import Json, schema_of
from serinus.crd.status import status_schema
from serinus.crd.structural import VALIDATIONS, structural

GROUP, _, VERSION = API_VERSION.partition("/")
PLURAL = "modeldeployments"
NAME = f"{PLURAL}.{GROUP}"
COLUMNS = (
    ("Phase", "string", ".status.phase", "Where the deployment stands.", 0),
    ("Stable", "string", ".status.stable.artifact.version", "Version that serves.", 0),
    ("Candidate", "string", ".status.candidate.artifact.version", "Version that is being released.", 0),
    ("Weight", "integer", ".status.rollout.weight", "Share of requests for the candidate, in percent.", 0),
    ("Reason", "string", ".status.reason", "Why it stands there.", 0),
    ("Age", "date", ".metadata.creationTimestamp", "Time since the deployment was created.", 0),
    ("Mirror", "integer", ".status.rollout.mirror", "Share of requests copied to the candidate, in percent.", 1),
    ("Drifted", "string", ".status.drift.status", "Whether the inputs have drifted from training.", 1),
    ("URL", "string", ".status.url", "Where clients call the model.", 1),
)


def definition() -> Json:
    """The whole object, as it is applied to a cluster."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["mdep"],
                "categories": ["all", "serinus"],
            },
            "scope": "Namespaced",
            "versions": [_version()],
        },
    }


def _version() -> Json:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(*column) for column in COLUMNS],
        "schema": {"openAPIV3Schema": _root()},
    }


def _column(name: str, kind: str, path: str, description: str, priority: int) -> Json:
    column = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return column | {"priority": priority} if priority else column


def _root() -> Json:
    whole = schema_of(ModelDeployment)
    name = structural(schema_of(Metadata)["properties"]["name"], {})
    rules = name.pop(VALIDATIONS)
    return {
        "description": whole["description"].partition(". ")[0] + ".",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"description": f"Version of this schema: {API_VERSION}.", "type": "string"},
            "kind": {"description": f"Kind of the object: {KIND}.", "type": "string"},
            "metadata": {"type": "object", "properties": {"name": name}},
            "spec": structural(whole["properties"]["spec"], whole["$defs"]),
            "status": status_schema(),
        },
        VALIDATIONS: [_of_the_name(rule) for rule in rules],
    }


def _of_the_name(rule: Json) -> Json:
    """A rule of the name's schema as one of the whole object: the API server has no rules inside of metadata."""
    texts = {key: re.sub(r"\bself\b", "self.metadata.name", text) for key, text in rule.items() if key != "message"}
    return {"message": rule["message"], **texts, "fieldPath": ".metadata.name"}
