"""What a Serinus predictor's metrics page says of rows by bin."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from serinus.adapters.scrape import samples
from serinus.adapters.scraping import Page
from serinus.core.errors import MetricsUnavailable

FEATURES: Final = "serinus_feature_bin_total"
PREDICTION: Final = "serinus_prediction_bin_total"
ANSWERS: Final = "serinus_answer_bin_total"
REFERENCE: Final = "serinus_reference_rows"
REFERENCE_PREDICTION: Final = "serinus_reference_prediction_rows"


class Column(NamedTuple):
    """One bin: the metric that counts it, its feature (empty where there is none) and its name."""

    metric: str
    feature: str
    bin: str


@dataclass(frozen=True)
class Reading:
    """The cumulative counts of one instance, and the reference that it tells."""

    instance: str
    started_at: datetime
    counts: Mapping[Column, float]
    reference: Mapping[Column, float]


def reading_of(page: Page) -> Reading:
    """The bins on a page. Raises MetricsUnavailable if it has none."""
    found = {
        Column(one.name, one.labels.get("feature", ""), one.labels["bin"]): one.value
        for one in samples(page.text, (FEATURES, PREDICTION, ANSWERS, REFERENCE, REFERENCE_PREDICTION))
    }
    if not any(column.metric == ANSWERS for column in found):
        raise MetricsUnavailable(
            f"{page.instance} does not count rows by bin ({ANSWERS}), as Serinus's own runtime does; "
            "use spec.serving.runtime: serinus in this version, or remove spec.monitoring.drift"
        )
    told = (REFERENCE, REFERENCE_PREDICTION)
    return Reading(
        instance=page.instance,
        started_at=page.started_at,
        counts={column: value for column, value in found.items() if column.metric not in told},
        reference={column: value for column, value in found.items() if column.metric in told},
    )
