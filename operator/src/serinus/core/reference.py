"""The reference distribution that training leaves beside a model (`serinus/reference.json` in its artifact).

The predictor counts live requests into the same bins, so that drift is a comparison of two histograms.
"""

from typing import Literal

from pydantic import Field

from serinus.core.model import Frozen

REFERENCE_FILE = "serinus/reference.json"
MISSING = "missing"
OTHER = "other"
MAX_BINS = 12

FeatureType = Literal["double", "integer", "string", "boolean"]


class Feature(Frozen):
    """One input column and its histogram in the training data.

    A numeric feature has `edges` (k ascending inner edges make bins "0" .. "k"; bin i holds edges[i-1] < x <= edges[i]).
    A string or boolean feature has `categories` (each its own bin, named by its value; all else is "other").
    Every feature has the bin "missing". At most MAX_BINS bins in all.
    """

    name: str
    type: FeatureType
    nullable: bool
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    counts: dict[str, int]


class Prediction(Frozen):
    """What the model answers, and its histogram on the held-out rows.

    `predict_proba` answers the probability of the positive class, `predict` the label or the value.
    """

    method: Literal["predict_proba", "predict"]
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    counts: dict[str, int]


class Reference(Frozen):
    """The training-time distribution of every feature and of the prediction. `rows`: rows counted per feature."""

    schema_version: Literal[1] = 1
    target: str
    rows: int = Field(ge=1)
    features: tuple[Feature, ...]
    prediction: Prediction
