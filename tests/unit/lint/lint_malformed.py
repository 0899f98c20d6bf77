"""Files that are refused: the text, then the path, the line and a part of the message of the one problem."""

from typing import NamedTuple

from lint_texts import HEAD, with_model, with_rollout, with_serving, with_spec

from serinus.core.spec.metadata import MAX_NAME


class Bad(NamedTuple):
    text: str
    path: str
    line: int
    message: str


DEEP = "[" * 3000
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{below}'] * 10)}]\n" for below, name in zip("abcdef", "bcdefg", strict=True)
)
A, B = "signals[0]", "spec.rollout"

NOT_ONE_DOCUMENT = {
    "an empty file": Bad("", "", 1, "the file is empty"),
    "only a comment": Bad("# nothing\n\n", "", 1, "the file is empty"),
    "a list at the top": Bad("- a\n- b\n", "", 1, "the file holds a list"),
    "a word at the top": Bad("hello\n", "", 1, "the file holds a single value"),
    "an open bracket": Bad("kind: X\nspec: [1\n", "", 2, "this is not YAML"),
    "a second colon": Bad("kind: a: b\n", "", 1, "put the text in quotes"),
    "a tab": Bad("spec:\n\tmodel: x\n", "", 2, "a tab indents this line"),
    "two documents": Bad(with_spec() + "---\n" + with_spec(), "", 7, "a second document begins here"),
    "a duplicate key": Bad(with_spec("serving: {}", "serving: {}"), "spec.serving", 7, "given twice, first in line 6"),
    "a number for a name": Bad(with_spec("1: x"), "spec", 6, 'the name "1" as a text'),
    "a yes for a name": Bad(with_spec("on: x"), "spec", 6, 'the name "on" as a text'),
    "a list for a name": Bad("? [a]\n: b\n", "", 1, "where a field's name belongs"),
    "an undefined reference": Bad("a: *b\n", "", 1, "an anchor that is not defined"),
    "a reference to itself": Bad("a: &a [*a]\n", "", 1, "50 levels"),
    "a reference that explodes": Bad(BOMB, "", 5, "unfolds to more than"),
    "too deep for the parser": Bad(DEEP, "", 1, "nested more than 50 levels"),
    "deeper than anyone needs": Bad("a: " + "[" * 60 + "]" * 60, "", 1, "50 levels"),
    "a binary tag": Bad("a: !!binary aGk=\n", "a", 1, "the YAML tag"),
    "a tag of Python": Bad("a: !!python/name:os.system\n", "a", 1, "the YAML tag"),
    "a number that is none": Bad("a: !!int abc\n", "a", 1, "YAML does not read"),
    "a number without end": Bad("a: " + "9" * 5000, "a", 1, "YAML does not read"),
    "a control character": Bad("a: b\nc: \0\n", "", 2, "a character that YAML does not allow"),
    "far too long": Bad("a" * 300_000, "", 1, "more than 262144 characters"),
}

NOT_A_DEPLOYMENT = {
    "another kind": Bad("apiVersion: v1\nkind: Deployment\n", "kind", 2, '"Deployment" is not ModelDeployment'),
    "no kind": Bad("apiVersion: serinus.dev/v1alpha1\n", "kind", 1, "add kind: ModelDeployment"),
    "another version": Bad(
        with_spec().replace("v1alpha1", "v2"), "apiVersion", 1, '"serinus.dev/v2" is not serinus.dev/v1alpha1'
    ),
    "no version": Bad(with_spec().partition("\n")[2], "apiVersion", 1, "add apiVersion"),
    "no metadata": Bad(with_spec().replace(HEAD.splitlines()[2], ""), "metadata", 1, "Required value; add it: Name"),
    "no spec": Bad(HEAD, "spec", 1, "Required value"),
    "an empty spec": Bad(HEAD + "spec:\n", "spec", 4, "Required value"),
    "a name in capitals": Bad(with_spec().replace("flight-delay", "Flight_Delay"), "metadata.name", 3, "small letters"),
    "a name too long": Bad(
        with_spec().replace("flight", "f" * 50), "metadata.name", 3, f"may not be more than {MAX_NAME} bytes"
    ),
    "a label that is a number": Bad(
        with_spec().replace("{name: flight-delay}", "{name: f, labels: {Errors: 3}}"),
        "metadata.labels.Errors",
        3,
        'must be of type string: "integer"; put it in quotes, as in "3"',
    ),
    "a label too long": Bad(
        with_spec().replace("{name: flight-delay}", "{name: f, labels: {a/b: " + "x" * 10_000 + "}}"),
        'metadata.labels["a/b"]',
        3,
        "may not be more than 63 bytes; shorten it, it has 10000 characters",
    ),
}

MODEL = {
    "no model name": Bad(with_model("version: 7"), "spec.model.name", 5, "Required value; add it: Name of"),
    "no source": Bad(with_model("name: delay"), "spec.model", 6, "one of version, alias or uri"),
    "two sources": Bad(
        with_model("name: delay", "version: 7", "alias: challenger"), "spec.model.alias", 8, "keep exactly one"
    ),
    "an alias that feeds itself": Bad(
        with_model("name: delay", "alias: champion", "promoteAlias: champion"),
        "spec.model.promoteAlias",
        8,
        "use two different aliases",
    ),
    "an alias for a uri": Bad(
        with_model("name: delay", "uri: s3://b/m", "promoteAlias: champion"),
        "spec.model.promoteAlias",
        8,
        "needs a registered version",
    ),
    "a reserved alias": Bad(with_model("name: delay", "alias: latest"), "spec.model.alias", 7, "MLflow keeps"),
    "a path for a uri": Bad(with_model("name: delay", "uri: /tmp/model"), "spec.model.uri", 7, "a whole address"),
    "a fraction": Bad(with_model("name: delay", "version: 1.0"), "spec.model.version", 7, 'quotes, as in "1.0"'),
    "an octal version": Bad(with_model("name: delay", "version: 010"), "spec.model.version", 7, "plain decimal number"),
    "a version that is true": Bad(
        with_model("name: delay", "version: true"), "spec.model.version", 7, "of type integer,string"
    ),
    "a slash in the model": Bad(with_model("name: a/b", "version: 7"), "spec.model.name", 6, "without / and :"),
    "a misspelt version": Bad(
        with_model("name: delay", "versoin: 7"), "spec.model.versoin", 7, "did you mean version?"
    ),
}

ROLLOUT = {
    "a weight of 120": Bad(
        with_rollout("steps:", "- {weight: 10}", "- weight: 120"),
        "spec.rollout.steps[1].weight",
        9,
        "should be less than or equal to 100, not 120; write a number between 1 and 100",
    ),
    "a weight of 0": Bad(with_rollout("steps: [{weight: 0}]"), f"{B}.steps[0].weight", 7, "or equal to 1, not 0"),
    "a negative weight": Bad(with_rollout("steps: [{weight: -5}]"), f"{B}.steps[0].weight", 7, "or equal to 1, not -5"),
    "a weight in quotes": Bad(with_rollout('steps: [{weight: "10"}]'), f"{B}.steps[0].weight", 7, "without quotes"),
    "a weight that is true": Bad(with_rollout("steps: [{weight: true}]"), f"{B}.steps[0].weight", 7, "whole number"),
    "a weight that is not a number": Bad(
        with_rollout("steps: [{weight: .nan}]"), f"{B}.steps[0].weight", 7, "must be of type integer"
    ),
    "half a percent": Bad(with_rollout("steps: [{weight: 0.5}]"), f"{B}.steps[0].weight", 7, "whole number"),
    "a misspelt weight": Bad(with_rollout("steps: [{wieght: 10}]"), f"{B}.steps[0].wieght", 7, "did you mean weight?"),
    "a name with underscores": Bad(
        with_rollout("steps: [{weight: 5, min_requests: 5}]"), f"{B}.steps[0].min_requests", 7, "did you mean minReq"
    ),
    "a weight and a pause": Bad(
        with_rollout("steps:", "- {weight: 5, pause: {}}"), f"{B}.steps[0]", 8, "either sets a weight or pauses"
    ),
    "a number for a step": Bad(with_rollout("steps: [5]"), f"{B}.steps[0]", 7, "must be of type object"),
    "an empty pause": Bad(with_rollout("steps:", "- pause:"), f"{B}.steps[0].pause", 8, "pause is empty; give it {}"),
    "a pause of no time": Bad(
        with_rollout("steps: [{pause: {duration: 0s}}]"), f"{B}.steps[0].pause.duration", 7, "0s is too short"
    ),
    "steps that go down": Bad(
        with_rollout("steps:", "- {weight: 50}", "- pause: {}", "- {weight: 10}"),
        "spec.rollout.steps[2].weight",
        10,
        "the weights do not go up",
    ),
    "a weight twice": Bad(with_rollout("steps: [{weight: 5}, {weight: 5}]"), f"{B}.steps[1].weight", 7, "go up"),
    "only pauses": Bad(with_rollout("steps: [{pause: {}}]"), f"{B}.steps", 7, "no step sets a weight"),
    "no steps": Bad(with_rollout("steps: []"), f"{B}.steps", 7, "no step sets a weight"),
    "steps as a map": Bad(with_rollout("steps: {weight: 5}"), f"{B}.steps", 7, "must be of type array"),
    "a hundred steps": Bad(
        with_rollout(f"steps: [{', '.join(f'{{weight: {w}}}' for w in range(1, 100))}]"),
        f"{B}.steps",
        7,
        "Too many: 99: must have at most 32 items",
    ),
    "a strategy misspelt": Bad(with_rollout("strategy: Canray"), f"{B}.strategy", 7, "did you mean Canary?"),
    "an action misspelt": Bad(
        with_rollout("onFailure: Explode"), f"{B}.onFailure", 7, 'supported values: "Rollback", "Pause"'
    ),
    "a field left empty": Bad(with_rollout("onFailure:"), f"{B}.onFailure", 7, "onFailure is empty; give it a value"),
    "a field of nothing known": Bad(with_rollout("zzz: 1"), f"{B}.zzz", 7, "use strategy, steps, signals"),
    "a bare number of seconds": Bad(with_rollout("deadline: 600"), f"{B}.deadline", 7, "as in 1h30m or 100ms"),
    "a negative duration": Bad(with_rollout("deadline: -5m"), f"{B}.deadline", 7, "is not a duration"),
    "a duration without end": Bad(with_rollout(f"deadline: {'9' * 400}h"), f"{B}.deadline", 7, "Too long"),
    "half a millisecond": Bad(with_rollout("deadline: 0.5ms"), f"{B}.deadline", 7, "whole milliseconds"),
    "looking ten times a second": Bad(with_rollout("interval: 100ms"), f"{B}.interval", 7, "below 1s is too short"),
    "alpha of 0": Bad(with_rollout("alpha: 0"), f"{B}.alpha", 7, "equal to 0.0001, not 0"),
    "alpha of 1": Bad(with_rollout("alpha: 1.0"), f"{B}.alpha", 7, "between 0.0001 and 0.5"),
    "alpha that is not a number": Bad(with_rollout("alpha: .nan"), f"{B}.alpha", 7, "not a finite number"),
    "alpha in words": Bad(with_rollout("alpha: small"), f"{B}.alpha", 7, "write it without quotes"),
    "sticky in quotes": Bad(with_rollout('sticky: "yes"'), f"{B}.sticky", 7, "write true or false"),
    "a header with a space": Bad(
        with_rollout("match:", "  header: {name: a b, value: x}"), f"{B}.match.header.name", 8, "a header's name"
    ),
}

SIGNALS = {
    "no signals": Bad(with_rollout("signals: []"), f"{B}.signals", 7, "should have at least 1 items"),
    "a signal without a type": Bad(
        with_rollout("signals:", "- name: errors"),
        f"{B}.{A}.type",
        8,
        "Required value; add one of Errors, Latency",
    ),
    "a type misspelt": Bad(
        with_rollout("signals:", "- name: errors", "  type: Eror"), f"{B}.{A}.type", 9, "did you mean Errors?"
    ),
    "two signals of a name": Bad(
        with_rollout("signals:", "- {name: a, type: Errors}", "- {name: a, type: Errors}"),
        "spec.rollout.signals[1]",
        9,
        "give each signal its own name",
    ),
    "two availabilities": Bad(
        with_rollout("signals: [{name: a, type: Availability}, {name: b, type: Availability}]"),
        "spec.rollout.signals[1]",
        7,
        "keep one",
    ),
    "no threshold": Bad(
        with_rollout("signals: [{name: a, type: Latency}]"), f"{B}.{A}.threshold", 7, "type Latency needs threshold"
    ),
    "a threshold of 0": Bad(
        with_rollout("signals: [{name: a, type: Latency, threshold: 0ms}]"), f"{B}.{A}.threshold", 7, "too short"
    ),
    "a margin in percent": Bad(
        with_rollout("signals: [{name: a, type: Errors, maxIncrease: 5}]"),
        f"{B}.{A}.maxIncrease",
        7,
        "should be less than or equal to 1, not 5",
    ),
    "a margin that is not a number": Bad(
        with_rollout("signals: [{name: a, type: Errors, maxIncrease: .nan}]"), f"{B}.{A}.maxIncrease", 7, "finite"
    ),
    "a field of another signal": Bad(
        with_rollout("signals: [{name: a, type: Errors, threshold: 5s}]"),
        f"{B}.{A}.threshold",
        7,
        "threshold belongs to type Latency",
    ),
    "a query without a limit": Bad(
        with_rollout("signals: [{name: a, type: Query, promql: up}]"), f"{B}.{A}", 7, "give min, max or both"
    ),
    "a query turned round": Bad(
        with_rollout("signals: [{name: a, type: Query, promql: up, min: 2, max: 1}]"), f"{B}.{A}.min", 7, "swap them"
    ),
    "a word for a signal": Bad(with_rollout("signals: [errors]"), f"{B}.{A}", 7, "must be of type object"),
}

SERVING = {
    "less at most than at least": Bad(
        with_serving("minReplicas: 3", "maxReplicas: 2"), "spec.serving.maxReplicas", 8, "less than minReplicas"
    ),
    "at most none": Bad(
        with_serving("minReplicas: 0", "maxReplicas: 0"), "spec.serving.maxReplicas", 8, "or 1, the fewest"
    ),
    "less than none": Bad(with_serving("minReplicas: -1"), "spec.serving.minReplicas", 7, "between 0 and 1000"),
    "zero without Knative": Bad(
        with_serving("mode: Standard", "minReplicas: 0"), "spec.serving.minReplicas", 8, "needs Knative"
    ),
    "a protocol of its own": Bad(
        with_serving("protocol: v3"), "spec.serving.protocol", 7, 'supported values: "v1", "v2"'
    ),
    "half a processor": Bad(
        with_serving("resources:", "  limits:", "    cpu: 0.5"), "spec.serving.resources.limits.cpu", 9, "in quotes"
    ),
    "a quantity in words": Bad(
        with_serving("resources: {limits: {memory: much}}"), "spec.serving.resources.limits.memory", 7, "500m or 1Gi"
    ),
    "infinity in a template": Bad(with_serving("template: {a: .inf}"), "spec.serving.template", 7, "not plain JSON"),
    "serving as a list": Bad(with_spec("serving: []"), "spec.serving", 6, 'must be of type object: "array"'),
    "a host name with a space": Bad(with_serving("hostname: a b"), "spec.serving.hostname", 7, "models.example.org"),
    "a cron of one field": Bad(
        with_spec("retraining:", "  pipeline: p", "  triggers: [{type: Schedule, cron: daily}]"),
        "spec.retraining.triggers[0].cron",
        8,
        "write five fields",
    ),
    "a policy misspelt": Bad(
        with_spec("deletionPolicy: Keep"), "spec.deletionPolicy", 6, 'supported values: "Delete", "Orphan"'
    ),
}

BAD_FILES = NOT_ONE_DOCUMENT | NOT_A_DEPLOYMENT | MODEL | ROLLOUT | SIGNALS | SERVING
