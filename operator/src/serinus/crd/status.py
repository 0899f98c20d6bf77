"""The schema of `.status`: what people read of the state, and what the operator keeps beside it.

It checks no more than types. What is in a status was written by the operator alone, and one that the API server refused
would stop a rollout.
"""

from serinus.core.policies.closing import HISTORY_LENGTH, PROMOTED_LENGTH, REJECTED_LENGTH
from serinus.core.state import RolloutState
from serinus.crd.schema import Json, schema_of
from serinus.crd.status_descriptions import DESCRIPTIONS
from serinus.crd.structural import nodes, structural

MACHINE_ONLY = frozenset({"sequence", "attempts", "unrecorded"})
MACHINE_ONLY_OF_ROLLOUT = frozenset({"curve", "evidence"})
MACHINE_ONLY_OF_RETRAINING = frozenset({"counter", "starts", "events", "schedules", "quality"})
MACHINE_ONLY_OF_DRIFT = frozenset({"begunAt", "trafficSince", "askedAt", "alarming", "alarmingSince", "calm"})
KEPT = frozenset(
    {"description", "type", "format", "enum", "properties", "items", "additionalProperties"}
    | {"x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"}
)
LENGTHS = {"history": HISTORY_LENGTH, "rejected": REJECTED_LENGTH, "promoted": PROMOTED_LENGTH}
GENERATION = {"type": "integer", "format": "int64"}
OF_THE_OPERATOR: Json = {
    "observedGeneration": {"description": "Generation of the spec that this status is about."} | GENERATION,
    "checkpoint": {"description": "What only the operator reads: evidence and counters.", "type": "string"},
}


def status_schema() -> Json:
    """The structural schema of the status."""
    fields = OF_THE_OPERATOR | nodes(_of_state(), _unchecked)["properties"]
    fields["candidate"] = fields["stable"] | {"description": "The revision that is being released."}
    for name, length in LENGTHS.items():
        fields[name]["maxItems"] = length
    _as_conditions(fields["conditions"])
    return {"description": "What the deployment is doing, and why.", "type": "object", "properties": fields}


def _of_state() -> Json:
    schema = schema_of(RolloutState, defaults=False)
    models = schema["$defs"] | {"RolloutState": schema}
    for model, texts in DESCRIPTIONS.items():
        for field, text in texts.items():
            models[model]["properties"][field]["description"] = text
    _drop(schema, MACHINE_ONLY)
    _drop(models["Rollout"], MACHINE_ONLY_OF_ROLLOUT)
    _drop(models["RetrainingState"], MACHINE_ONLY_OF_RETRAINING)
    _drop(models["DriftState"], MACHINE_ONLY_OF_DRIFT)
    return structural(schema, schema["$defs"])


def _drop(schema: Json, names: frozenset[str]) -> None:
    for name in names:
        del schema["properties"][name]


def _unchecked(content: Json) -> Json:
    return {name: item for name, item in content.items() if name in KEPT}


def _as_conditions(conditions: Json) -> None:
    """Make it a list of conditions as every Kubernetes object has them: one of each type."""
    conditions |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    conditions["items"]["required"] = ["type", "status"]
    about = {"description": "Generation of the spec that the condition is about."}
    conditions["items"]["properties"]["observedGeneration"] = about | GENERATION
