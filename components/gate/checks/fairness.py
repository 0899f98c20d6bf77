"""Whether the groups of each sensitive column are treated alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from components.evaluate.slices import slice_names
from components.gate.case import Case
from components.gate.verdict import say
from serinus.training.gates import Fairness
from serinus.training.values import FAIR, NOT_FAIR, TOO_FEW_GROUPS, GateCheck


@dataclass(frozen=True)
class Gap:
    """The largest difference between the groups of a column, by one measure; None where there are not two groups."""

    column: str
    measure: str
    value: float | None
    allowed: float
    left_out: tuple[str, ...]

    @property
    def said(self) -> str:
        """One sentence."""
        small = f" (too few rows in {', '.join(self.left_out)})" if self.left_out else ""
        if self.value is None:
            return f"{self.column} has fewer than two groups to compare{small}"
        return f"{self.measure} between groups of {self.column} is {self.value:.3g}, {self.allowed:g} is allowed{small}"


def fairness(case: Case) -> GateCheck | None:
    """Gaps in the labels that rows get, at a probability of one half, by fairlearn."""
    gate = case.config.gates.fairness
    if gate is None:
        return None
    gaps = [gap for column in gate.columns for gap in _gaps(case, gate, column)]
    wide = [gap for gap in gaps if gap.value is not None and gap.value > gap.allowed]
    unknown = [gap for gap in gaps if gap.value is None]
    message = "; ".join(dict.fromkeys(gap.said for gap in wide or unknown or gaps))
    numbers = {f"{gap.measure}.{gap.column}": gap.value for gap in gaps if gap.value is not None}
    if wide:
        return say("fairness", "Fail", NOT_FAIR, message, numbers, gate=gate)
    if unknown:
        return say("fairness", "Inconclusive", TOO_FEW_GROUPS, message, numbers, gate=gate)
    return say("fairness", "Pass", FAIR, message, numbers, gate=gate)


def _gaps(case: Case, gate: Fairness, column: str) -> Iterator[Gap]:
    from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference

    rows = _labelled(case, column)
    sizes, classes = rows["group"].value_counts(), rows.groupby("group")["truth"].nunique()
    large = set(sizes.index[sizes >= gate.min_rows])
    # A true positive rate needs rows with label 1, a false positive rate rows with label 0.
    both = large & set(classes.index[classes == 2])
    measures: tuple[tuple[str, Any, float | None, set[str]], ...] = (
        ("demographicParityDifference", demographic_parity_difference, gate.max_demographic_parity_difference, large),
        ("equalizedOddsDifference", equalized_odds_difference, gate.max_equalized_odds_difference, both),
    )
    for name, measure, allowed, groups in measures:
        if allowed is None:
            continue
        kept, value = rows[rows["group"].isin(groups)], None
        if len(groups) > 1:
            value = float(measure(kept["truth"], kept["label"], sensitive_features=kept["group"]))
        yield Gap(column, name, value, allowed, tuple(sorted(set(sizes.index) - groups)))


def _labelled(case: Case, column: str) -> pd.DataFrame:
    """The answered rows: the group of each, its true label, and the one that it gets."""
    answered = case.predictions.notna()
    columns = {
        "group": slice_names(case.rows[column])[answered],
        "truth": case.truth[answered].astype(int),
        "label": (case.predictions[answered] >= 0.5).astype(int),
    }
    return pd.DataFrame(columns)
