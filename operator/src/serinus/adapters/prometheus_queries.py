"""Query signals: the one number that a PromQL expression is."""

from math import isfinite

from serinus.adapters.prometheus_api import PrometheusApi
from serinus.core.errors import MetricsUnavailable, QueryInvalid


class PrometheusQueries:
    """Implements serinus.ports.QuerySource."""

    def __init__(self, api: PrometheusApi) -> None:
        self._api = api

    async def evaluate(self, promql: str) -> float:
        """The one finite number that the expression is now.

        Raises QueryInvalid where it can never be one number, MetricsUnavailable where it only is none now.
        """
        answer = await self._api.ask(promql)
        if answer.kind not in ("scalar", "vector"):
            raise QueryInvalid(
                f"{promql!r} is a {answer.kind}, not a number; aggregate it to one, as by sum(rate(...))"
            )
        if len(answer.series) > 1:
            raise QueryInvalid(f"{promql!r} is {len(answer.series)} series; aggregate them to one, as by sum(...)")
        if not answer.series:
            raise MetricsUnavailable(
                f"{promql!r} has no value at {self._api.url}; if it may have none, give a default, as by `or vector(0)`"
            )
        if not answer.series[0].points:
            raise QueryInvalid(f"{promql!r} is a native histogram; take a number of it, as by histogram_quantile(...)")
        if not isfinite(answer.series[0].value):
            raise MetricsUnavailable(
                f"{promql!r} is {answer.series[0].value} at {self._api.url}; it divides by nothing, as where there was no traffic"
            )
        return answer.series[0].value
