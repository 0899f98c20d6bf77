"""Labels and answers as numbers, and moments as microseconds."""

from datetime import UTC, datetime, timedelta
from typing import Final

from serinus.collector.settings import CollectorSettings
from serinus.core.errors import SerinusError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
DAY: Final = 86_400 * SECOND

Scalar = bool | float | str


class LabelInvalid(SerinusError):
    """A label that its deployment's losses have no meaning for."""


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def moment(at: int) -> datetime:
    """The inverse of `micros`."""
    return EPOCH + timedelta(microseconds=at)


def first_day(now: datetime, retention: timedelta) -> int:
    """The first day, counted since 1970, that is kept: those before it have ended longer ago than `retention`."""
    return micros(now - retention) // DAY


def day_text(day: int) -> str:
    """YYYY-MM-DD of a number of days since 1970."""
    return (EPOCH + timedelta(days=day)).date().isoformat()


def label_of(settings: CollectorSettings, deployment: str, label: Scalar) -> float:
    """The number that losses compare with. Raises LabelInvalid with a sentence."""
    classes = settings.classes_of(deployment)
    if isinstance(label, str):
        return _class_number(classes, deployment, label)
    if settings.is_classifier(deployment) and label not in (0, 1):
        raise LabelInvalid(
            f"label {label} is not 0 or 1, and {deployment} is judged by {', '.join(settings.losses_of(deployment))}; "
            "send 0, 1, true or false, or give the deployment another loss in SERINUS_COLLECTOR_LOSSES"
        )
    return float(label)


def answer_of(settings: CollectorSettings, deployment: str, answer: Scalar) -> tuple[float | None, str | None]:
    """(number, None), or (None, text) for the name of a class that is none of the deployment's."""
    if not isinstance(answer, str):
        return float(answer), None
    classes = settings.classes_of(deployment)
    return (float(classes.index(answer)), None) if classes and answer in classes else (None, answer)


def _class_number(classes: tuple[str, str] | None, deployment: str, label: str) -> float:
    if classes is None:
        raise LabelInvalid(
            f'label "{label[:70]}" is text, and {deployment} has no names of classes; send a number, true or false, or '
            "name both classes in SERINUS_COLLECTOR_CLASSES"
        )
    if label not in classes:
        raise LabelInvalid(
            f'label "{label[:70]}" is none of the classes of {deployment}, {classes[0]} and {classes[1]}'
        )
    return float(classes.index(label))
