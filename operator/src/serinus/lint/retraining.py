"""What a retraining section asks for that can never be, and what of it will surprise."""

from collections.abc import Iterator

from serinus.core.collecting import tells_of_answers
from serinus.core.errors import SpecInvalid
from serinus.core.retraining.schedule import NEVER_DUE_BEFORE, next_moment, zone_of
from serinus.core.spec import EventTrigger, ModelDeployment, ModelDeploymentSpec, ScheduleTrigger
from serinus.lint.problem import Finding, Level, Location

TRIGGERS: Location = ("spec", "retraining", "triggers")
NEEDS_LABELS = ("Quality", "NewData")
UNLABELLED = (
    "runtime {} tells the collector nothing of its answers, so no label finds its row and a {} trigger never fires; "
    "add monitoring.log: {{}}, or use runtime serinus"
)
NOT_FOLLOWED = (
    "a retrained model is registered as a new version, and nothing rolls it out while {} names another; "
    "follow the alias that training sets, with alias: challenger"
)


def impossible(deployment: ModelDeployment) -> list[Finding]:
    """Schedules that are never due, and triggers that are there twice."""
    spec = deployment.spec.retraining
    found: list[Finding] = []
    seen: set[str] = set()
    for index, trigger in enumerate(spec.triggers if spec else ()):
        if isinstance(trigger, ScheduleTrigger):
            found += _of_schedule(trigger, index)
        elif trigger.type in seen and not isinstance(trigger, EventTrigger):
            message = f"there are two {trigger.type} triggers, and one is asked; keep one"
            found.append(Finding((*TRIGGERS, index, "type"), message))
        seen.add(trigger.type)
    return found


def retraining_advice(deployment: ModelDeployment) -> list[Finding]:
    """What is valid and does not do what it looks like."""
    return [
        Finding(loc, message, Level.WARNING)
        for loc, message in (*_blind_triggers(deployment.spec), *_not_rolled_out(deployment.spec))
    ]


def _of_schedule(trigger: ScheduleTrigger, index: int) -> list[Finding]:
    try:
        zone_of(trigger.time_zone)
    except SpecInvalid as error:
        return [Finding((*TRIGGERS, index, "timeZone"), str(error))]
    try:
        next_moment(trigger.cron, trigger.time_zone, NEVER_DUE_BEFORE)
    except SpecInvalid as error:
        return [Finding((*TRIGGERS, index, "cron"), str(error))]
    return []


def _blind_triggers(spec: ModelDeploymentSpec) -> Iterator[tuple[Location, str]]:
    monitoring = spec.monitoring
    for index, trigger in enumerate(spec.retraining.triggers if spec.retraining else ()):
        where = (*TRIGGERS, index, "type")
        if trigger.type == "Drift" and (monitoring is None or monitoring.drift is None):
            yield where, "nobody watches the inputs, so a Drift trigger never fires; add monitoring.drift: {}"
        if trigger.type in NEEDS_LABELS and not tells_of_answers(spec):
            yield where, UNLABELLED.format(spec.serving.runtime, trigger.type)


def _not_rolled_out(spec: ModelDeploymentSpec) -> Iterator[tuple[Location, str]]:
    given = next((name for name in ("version", "uri") if getattr(spec.model, name) is not None), "")
    if spec.retraining is not None and given:
        yield ("spec", "model", given), NOT_FOLLOWED.format(given)
