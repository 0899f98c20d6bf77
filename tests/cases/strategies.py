"""Any ModelDeployment that can be made, as hypothesis strategies."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from serinus.core.spec import (
    Approval,
    DeletionPolicy,
    ModelDeployment,
    OnFailure,
    OnInconclusive,
    ServingMode,
    Strategy,
    WhenSuperseded,
    format_duration,
)

Json = dict[str, Any]
NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
RATES = st.floats(0, 1)
NUMBERS = st.floats(-1e6, 1e6)
FLAGS = st.booleans()
DURATIONS = st.integers(0, 10**9).map(lambda milliseconds: format_duration(timedelta(milliseconds=milliseconds)))
POSITIVE = st.integers(1000, 10**9).map(lambda milliseconds: format_duration(timedelta(milliseconds=milliseconds)))
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff\ufffe\uffff"))
COUNTS = st.integers(0, 10**6)


def enum(kind: Any) -> st.SearchStrategy[str]:
    return st.sampled_from([item.value for item in kind])


def some(always: dict[str, Any], /, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(always, optional=optional)


PLAIN = st.recursive(
    st.none() | FLAGS | COUNTS | NUMBERS | TEXTS | st.just("2026-01-01") | st.just("on") | st.just("010"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
SOURCES = st.one_of(
    some({"name": NAMES, "version": COUNTS | st.just("2026.1-rc")}, promoteAlias=st.just("champion")),
    some({"name": NAMES, "alias": st.just("challenger")}, promoteAlias=st.just("champion")),
    some({"name": NAMES, "uri": st.just("s3://bucket/model")}),
)
QUANTITIES = st.dictionaries(st.sampled_from(["cpu", "memory"]), COUNTS | st.sampled_from(["500m", "1Gi"]))
SERVING = some(
    {},
    mode=st.sampled_from([ServingMode.AUTO.value, ServingMode.KNATIVE.value]),
    runtime=NAMES,
    format=NAMES,
    protocol=st.sampled_from(["v1", "v2"]),
    minReplicas=st.integers(0, 5),
    maxReplicas=st.integers(5, 9),
    resources=some({}, limits=QUANTITIES, requests=QUANTITIES),
    gateway=some({"name": NAMES}, namespace=NAMES),
    hostname=st.just("models.example.org"),
    template=st.dictionaries(TEXTS, PLAIN, max_size=3),
    adopt=FLAGS,
    keepWarm=DURATIONS,
)
WEIGHTS = st.sets(st.integers(1, 100), min_size=1, max_size=6).map(sorted)
HOLDS = some({}, hold=DURATIONS, minRequests=COUNTS)
PAUSES = st.fixed_dictionaries({"pause": some({}, duration=POSITIVE)})


@st.composite
def steps(draw: st.DrawFn) -> list[Json]:
    found: list[Json] = []
    for weight in draw(WEIGHTS):
        found += [{"weight": weight, **draw(HOLDS)}, *draw(st.lists(PAUSES, max_size=1))]
    return found


COMMON = {"required": FLAGS, "onInconclusive": enum(OnInconclusive)}
SIGNAL_KINDS = st.one_of(
    some({"type": st.just("Errors")}, maxIncrease=RATES, max=RATES, **COMMON),
    some({"type": st.just("Latency"), "threshold": POSITIVE}, maxIncrease=RATES, warmup=DURATIONS, **COMMON),
    some(
        {"type": st.just("Quality"), "labelHorizon": POSITIVE},
        metric=st.just("logLoss"),
        maxIncrease=st.floats(0, 0.5),
        bound=st.floats(0.6, 9),
        minLabelled=RATES,
        sampleRate=st.floats(0.01, 1),
        **COMMON,
    ),
    some({"type": st.just("Drift")}, psi=st.floats(0.01, 9), minSamples=COUNTS, **COMMON),
    some({"type": st.just("Query"), "promql": st.just('sum(rate(x{a="b"}[5m])) > 0'), "min": NUMBERS}, **COMMON),
)


@st.composite
def signals(draw: st.DrawFn) -> list[Json]:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    return [{"name": name, **draw(SIGNAL_KINDS)} for name in names]


ROLLOUT = some(
    {},
    strategy=enum(Strategy),
    steps=steps(),
    signals=signals(),
    interval=POSITIVE,
    alpha=st.floats(0.0001, 0.5),
    onFailure=enum(OnFailure),
    onInconclusive=enum(OnInconclusive),
    approval=enum(Approval),
    deadline=POSITIVE,
    readyDeadline=POSITIVE,
    whenSuperseded=enum(WhenSuperseded),
    match=st.just({"header": {"name": "X-Tester", "value": "a: b #c"}}),
    sticky=FLAGS,
)
TRIGGERS = st.one_of(
    st.sampled_from([{"type": "Drift"}, {"type": "Quality"}, {"type": "NewData"}]),
    st.just({"type": "Schedule", "cron": "0 3 * * 1", "timeZone": "Europe/Berlin"}),
    some({"type": st.just("MaxAge"), "age": POSITIVE}),
)
SPECS = some(
    {"model": SOURCES},
    serving=SERVING,
    rollout=ROLLOUT,
    monitoring=some(
        {},
        drift=some({}, psi=st.floats(0.01, 9), features=st.lists(TEXTS, max_size=3)),
        slo=some({}, maxErrorRate=RATES),
    ),
    retraining=some(
        {"pipeline": NAMES},
        triggers=st.lists(TRIGGERS, max_size=3, unique_by=lambda one: one["type"]),
        cooldown=DURATIONS,
    ),
    deletionPolicy=enum(DeletionPolicy),
)
DEPLOYMENTS = st.fixed_dictionaries(
    {
        "metadata": some({"name": NAMES}, namespace=NAMES, annotations=st.dictionaries(st.just("a"), TEXTS)),
        "spec": SPECS,
    }
).map(ModelDeployment.model_validate)


ODD: tuple[Any, ...] = (
    True,
    0,
    1,
    -1,
    5,
    0.5,
    1.5,
    -0.1,
    101,
    10**9 + 1,
    2**40,
    "",
    "a",
    "A b",
    "7",
    "x" * 64,
    "x" * 300,
)
ODD += (
    "10m",
    "0s",
    "0.5ms",
    "-1m",
    "1h1h",
    "99999h",
    "Canary",
    "Query",
    "v3",
    "latest",
    "\u00e9",
    "a\nb",
    "a/b",
    "a.b",
    "-",
)
ODD += ("1Gi", "+1", "1.", ".5", "0 3 * * 1", "s3://x/y", [], {}, [{}], ["a"], {"x": 1})


@st.composite
def spoilt(draw: st.DrawFn) -> Json:
    """The spec of a deployment in which one value is another, or is gone. Mostly it is refused."""
    spec = draw(DEPLOYMENTS).spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    changed: Json = deepcopy(spec)
    parent, key = draw(st.sampled_from(list(_places(changed))))
    if isinstance(parent, dict) and draw(st.integers(0, 7)) == 0:
        del parent[key]
    else:
        parent[key] = draw(st.sampled_from(ODD))
    return changed


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every map or list with each of its keys, but for what is inside of a template."""
    if not isinstance(value, dict | list):
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if key != "template":
            yield from _places(item)
