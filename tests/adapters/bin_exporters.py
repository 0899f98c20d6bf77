"""A predictor's page with rows by bin, over HTTP."""

from collections import Counter
from collections.abc import Mapping

from tests.adapters.standard.exporters import Exporter

FEATURES = ("temp", "wind")
BINS = ("0", "1", "missing")
ANSWERS = ("0.5", "1", "missing")
REFERENCE_ROWS = 100


class BinExporter(Exporter):
    """Every bin is there from the start. `without`: names of metrics that are not."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: Counter[tuple[str, str]] = Counter()  # by feature (or `prediction`, `answers`) and bin
        self.without: tuple[str, ...] = ()

    def count(self, rows: Mapping[str, Mapping[str, int]]) -> None:
        """Add rows by feature and bin."""
        for name, bins in rows.items():
            for one, count in bins.items():
                self.rows[name, one] += count

    def restart(self) -> None:
        super().restart()
        self.rows.clear()

    def lines(self) -> list[str]:
        of = 'deployment="ns/d",revision="r"'
        made = [f'serinus_requests_total{{{of},code="200"}} {sum(self.rows.values())}\n']
        for one in BINS:
            for name in FEATURES:
                at = f'{of},feature="{name}",bin="{one}"'
                made.append(f"serinus_feature_bin_total{{{at}}} {self.rows[name, one]}\n")
                made.append(f"serinus_reference_rows{{{at}}} {REFERENCE_ROWS}\n")
            at = f'{of},bin="{one}"'
            made.append(f"serinus_prediction_bin_total{{{at}}} {self.rows['prediction', one]}\n")
            made.append(f"serinus_reference_prediction_rows{{{at}}} {REFERENCE_ROWS}\n")
        made += [f'serinus_answer_bin_total{{{of},bin="{one}"}} {self.rows["answers", one]}\n' for one in ANSWERS]
        return [line for line in made if not line.startswith(self.without)] if self.without else made
