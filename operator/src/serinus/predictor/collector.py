"""The predictor's counters in Prometheus' terms. The names are a contract with rules, dashboards and adapters."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from serinus.core.reference import Reference
from serinus.predictor.bins import BinCounter, Count
from serinus.predictor.requests import RequestCounts
from serinus.predictor.settings import Settings

LABELS = ("deployment", "revision")


class PredictorCollector(Collector):
    """Reads the counts when it is scraped, so that a request pays for no label look-up."""

    def __init__(
        self, settings: Settings, requests: RequestCounts, bins: BinCounter, reference: Reference | None = None
    ) -> None:
        self._labels = [settings.deployment, settings.revision]
        self._model = [settings.model_name, settings.digest]
        self._requests = requests
        self._bins = bins
        self._reference = reference

    def describe(self) -> list[Metric]:
        """Nothing: registering must not read the counts."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family, with zeros for what has not happened yet."""
        yield self._info()
        yield self._codes()
        yield self._seconds()
        features, predictions = self._bins.features(), self._bins.predictions()
        yield self._features(features)
        yield self._predictions(predictions)
        yield self._answers()
        if self._reference is not None:
            yield self._reference_rows(self._reference, features)
            yield self._reference_prediction_rows(self._reference, predictions)

    def _info(self) -> Metric:
        info = GaugeMetricFamily("serinus_model_info", "The model that is served.", labels=[*LABELS, "model", "digest"])
        info.add_metric([*self._labels, *self._model], 1)
        return info

    def _codes(self) -> Metric:
        codes = CounterMetricFamily("serinus_requests", "Prediction requests by status code.", labels=[*LABELS, "code"])
        for code, count in sorted(self._requests.codes.items()):
            codes.add_metric([*self._labels, str(code)], count)
        return codes

    def _seconds(self) -> Metric:
        seconds = HistogramMetricFamily(
            "serinus_request_seconds",
            "Seconds from a prediction request's head to the end of its answer.",
            labels=LABELS,
        )
        seconds.add_metric(self._labels, self._requests.cumulative(), self._requests.seconds_sum)
        return seconds

    def _features(self, counted: list[tuple[str, list[Count]]]) -> Metric:
        features = CounterMetricFamily(
            "serinus_feature_bin", "Rows by bin of a feature's training reference.", labels=[*LABELS, "feature", "bin"]
        )
        for feature, counts in counted:
            for name, count in counts:
                features.add_metric([*self._labels, feature, name], count)
        return features

    def _predictions(self, counts: list[Count]) -> Metric:
        predictions = CounterMetricFamily(
            "serinus_prediction_bin", "Predictions by bin of the held-out reference.", labels=[*LABELS, "bin"]
        )
        for name, count in counts:
            predictions.add_metric([*self._labels, name], count)
        return predictions

    def _answers(self) -> Metric:
        answers = CounterMetricFamily(
            "serinus_answer_bin", "Predictions by bin that is the same for every revision.", labels=[*LABELS, "bin"]
        )
        for name, count in self._bins.answers():
            answers.add_metric([*self._labels, name], count)
        return answers

    def _reference_rows(self, reference: Reference, counted: list[tuple[str, list[Count]]]) -> Metric:
        rows = GaugeMetricFamily(
            "serinus_reference_rows", "Rows by bin of a feature in training.", labels=[*LABELS, "feature", "bin"]
        )
        trained = {feature.name: feature.counts for feature in reference.features}
        for feature, counts in counted:
            for name, _ in counts:
                rows.add_metric([*self._labels, feature, name], trained[feature].get(name, 0))
        return rows

    def _reference_prediction_rows(self, reference: Reference, counts: list[Count]) -> Metric:
        rows = GaugeMetricFamily(
            "serinus_reference_prediction_rows", "Predictions by bin on the held-out rows.", labels=[*LABELS, "bin"]
        )
        for name, _ in counts:
            rows.add_metric([*self._labels, name], reference.prediction.counts.get(name, 0))
        return rows
