"""The generated client of Kubeflow Pipelines: as whom, how long, off the event loop, and its errors in our terms."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from serinus.adapters.kfp_auth import KfpSettings, Nobody
from serinus.adapters.kfp_errors import Absent, translated
from serinus.core.errors import PipelinesRefused

Method = Callable[..., Any]
API = "v2beta1"


class KfpClient:
    """One server. Its first question is always whether the server speaks our API."""

    def __init__(self, settings: KfpSettings) -> None:
        import kfp_server_api as api

        self.settings = settings
        client = api.ApiClient(_configuration(settings))
        self.runs = api.RunServiceApi(client)
        self.recurring = api.RecurringRunServiceApi(client)
        self.pipelines = api.PipelineServiceApi(client)
        self.upload = api.PipelineUploadServiceApi(client)
        self.experiments = api.ExperimentServiceApi(client)
        self._health = api.HealthzServiceApi(client)
        self._namespace: str | None = None

    async def namespace(self) -> str:
        """The namespace to ask about; empty where the server has only one. Raises as `ask` does."""
        if self._namespace is None:
            self._namespace = await self._checked_namespace()
        return self._namespace

    async def ask(self, doing: str, method: Method, *arguments: Any, **options: Any) -> Any:
        """The answer to one call of the generated client (its `..._with_http_info`), made in a thread.

        Raises PipelinesUnavailable, PipelinesRefused; of the latter Absent and Present for 404 and 409.
        """
        await self.namespace()
        return await asyncio.to_thread(self._ask, doing, method, arguments, options)

    def _ask(self, doing: str, method: Method, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        seconds = self.settings.timeout_seconds
        with translated(self.settings, doing):
            data, _, headers = method(*arguments, **options, _request_timeout=(min(seconds, 10), seconds))
        if "json" not in headers.get("Content-Type", ""):
            raise PipelinesRefused(
                f"{self.settings.host} answered with a page, not as the API of Kubeflow Pipelines; "
                "give a token by KFP_TOKEN if it is a login page, or correct the address"
            )
        return data

    async def _checked_namespace(self) -> str:
        ask, health = self._ask, self._health.healthz_service_get_healthz_with_http_info
        try:
            found = await asyncio.to_thread(ask, "say how it is", health, (), {})
        except Absent as error:
            raise PipelinesRefused(
                f"{self.settings.host} has no API {API}: it is Kubeflow Pipelines 1, or something else; "
                "Kubeflow Pipelines 2 is needed, upgrade it or correct the address"
            ) from error
        if not found.multi_user:
            return ""  # it refuses requests that name one
        if not self.settings.namespace:
            raise PipelinesRefused(
                f"Kubeflow Pipelines at {self.settings.host} serves many namespaces; name yours by --kfp-namespace"
            )
        return self.settings.namespace


def named(name: str, field: str = "display_name") -> str:
    """The filter of a list call for what is called `name`."""
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": field, "string_value": name}]})


def _configuration(settings: KfpSettings) -> Any:
    import kfp_server_api as api
    from urllib3.util import Retry

    made = api.Configuration(host=settings.host)
    made.ssl_ca_cert = settings.ca_file or None
    # A redirect leads to a login page. One call that was cut off is made once more; whoever waits longer asks again himself.
    made.retries = Retry(total=1, redirect=0, raise_on_redirect=False, respect_retry_after_header=False)
    if not isinstance(settings.credentials, Nobody):
        made.api_key["authorization"] = "asked for with each request"
        made.refresh_api_key_hook = lambda configuration: _authorize(configuration, settings)
    return made


def _authorize(configuration: Any, settings: KfpSettings) -> None:
    configuration.api_key["authorization"] = settings.credentials.header()
