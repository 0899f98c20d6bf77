"""The predictor's counters in Prometheus' terms. The names are a contract with rules, dashboards and adapters."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from serinus.predictor.bins import BinCounter
from serinus.predictor.requests import RequestCounts
from serinus.predictor.settings import Settings

LABELS = ("deployment", "revision")


class PredictorCollector(Collector):
    """Reads the counts when it is scraped, so that a request pays for no label look-up."""

    def __init__(self, settings: Settings, requests: RequestCounts, bins: BinCounter) -> None:
        self._labels = [settings.deployment, settings.revision]
        self._model = [settings.model_name, settings.digest]
        self._requests = requests
        self._bins = bins

    def describe(self) -> list[Metric]:
        """Nothing: registering must not read the counts."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family, with zeros for what has not happened yet."""
        yield self._info()
        yield self._answers()
        yield self._seconds()
        yield self._features()
        yield self._predictions()

    def _info(self) -> Metric:
        info = GaugeMetricFamily("serinus_model_info", "The model that is served.", labels=[*LABELS, "model", "digest"])
        info.add_metric([*self._labels, *self._model], 1)
        return info

    def _answers(self) -> Metric:
        answers = CounterMetricFamily(
            "serinus_requests", "Prediction requests by status code.", labels=[*LABELS, "code"]
        )
        for code, count in sorted(self._requests.codes.items()):
            answers.add_metric([*self._labels, str(code)], count)
        return answers

    def _seconds(self) -> Metric:
        seconds = HistogramMetricFamily(
            "serinus_request_seconds",
            "Seconds from a prediction request's head to the end of its answer.",
            labels=LABELS,
        )
        seconds.add_metric(self._labels, self._requests.cumulative(), self._requests.seconds_sum)
        return seconds

    def _features(self) -> Metric:
        features = CounterMetricFamily(
            "serinus_feature_bin", "Rows by bin of a feature's training reference.", labels=[*LABELS, "feature", "bin"]
        )
        for feature, counts in self._bins.features():
            for name, count in counts:
                features.add_metric([*self._labels, feature, name], count)
        return features

    def _predictions(self) -> Metric:
        predictions = CounterMetricFamily(
            "serinus_prediction_bin", "Predictions by bin of the held-out reference.", labels=[*LABELS, "bin"]
        )
        for name, count in self._bins.predictions():
            predictions.add_metric([*self._labels, name], count)
        return predictions
