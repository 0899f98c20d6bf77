"""Files without an error."""

from lint_texts import HEAD, with_model, with_rollout, with_serving, with_spec

MERGED = (
    "apiVersion: serinus.dev/v1alpha1\nkind: ModelDeployment\nmetadata: {name: a}\n"
    "spec:\n  model: {<<: &m {name: delay}, version: 7}\n"
)

GOOD_FILES = {
    "the least": with_spec(),
    "a version in quotes": with_model("name: delay", 'version: "7"'),
    "an alias": with_model("name: delay", "alias: challenger", "promoteAlias: champion"),
    "a uri": with_model("name: delay", "uri: file:///models/delay"),
    "a model with spaces": with_model('name: "Flight delay 2013"', "version: 7"),
    "weights and pauses": with_rollout(
        "steps: [{weight: 10, hold: 10m, minRequests: 500}, {pause: {duration: 5m}}, {weight: 100}, {pause: {}}]"
    ),
    "immediate": with_rollout("strategy: Immediate"),
    "every signal of one machine": with_rollout(
        "signals:",
        "- {name: errors, type: Errors, maxIncrease: 0.05, max: 0.2}",
        "- {name: latency, type: Latency, threshold: 100ms, warmup: 0s}",
        "- {name: up, type: Availability, minShare: 0.5, required: false, onInconclusive: Proceed}",
    ),
    "every switch of a rollout": with_rollout(
        "interval: 1s",
        "alpha: 0.5",
        "onFailure: Pause",
        "onInconclusive: Rollback",
        "approval: Manual",
        "deadline: 1h30m",
        "readyDeadline: 90s",
        "whenSuperseded: Queue",
        "sticky: true",
        "match: {header: {name: X-Tester, value: 'yes, please'}}",
    ),
    "serving in full": with_serving(
        "mode: Auto",
        "runtime: serinus",
        "protocol: v1",
        "format: sklearn",
        "minReplicas: 2",
        "maxReplicas: 2",
        "keepWarm: 0s",
        "adopt: false",
        "template: {}",
    ),
    "a status, as kubectl prints it": with_spec() + "status: {phase: Stable, anything: [1, 2]}\n",
    "metadata, as kubectl prints it": with_spec().replace(
        "{name: flight-delay}",
        "{name: a, namespace: ml, uid: u, generation: 3, creationTimestamp: 2026-01-01T00:00:00Z, managedFields: [{}]}",
    ),
    "labels and annotations": with_spec().replace(
        "{name: flight-delay}",
        "{name: a, labels: {app.kubernetes.io/name: x}, annotations: {note: 'any text: at all'}}",
    ),
    "an anchor": HEAD + "spec:\n  model: {name: &n delay, version: 7}\n  serving: {format: null}\n",
    "a merged map": MERGED,
    "an empty document behind": "---\n" + with_spec() + "---\n",
    "windows line ends": with_spec().replace("\n", "\r\n"),
    "JSON": (
        '{"apiVersion": "serinus.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "a"}, '
        '"spec": {"model": {"name": "delay", "version": 7}}}'
    ),
}
