"""Requests of one person to an API server; whatever goes wrong is one sentence that says what to do."""

import json
import ssl
import subprocess
from typing import Any, Final

import httpx2
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.config.kubeconfig import SingleConfig
from lightkube.core.exceptions import ConfigError

from serinus.cli.homes.home import HomeRefused, HomeUnavailable, NotThere

TIMEOUT: Final = httpx2.Timeout(20.0, connect=5.0)
REVIEWS: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
LOGIN_FAILED: Final = (ConfigError, OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError)


class PersonApi:
    """A connection as the user of a kubeconfig's context."""

    def __init__(self, config: SingleConfig) -> None:
        self.context = config.context_name
        self.server = config.cluster.server
        self.namespace = config.namespace
        self._user = config.context.user or "unknown"
        self._client = _client(config)

    def get(self, path: str, what: str) -> dict[str, Any]:
        """An object or a list. `what` names it in sentences."""
        return self._request("GET", path, what, None, "application/json")

    def merge(self, path: str, what: str, patch: dict[str, Any]) -> dict[str, Any]:
        """Change what the patch names and nothing else."""
        return self._request("PATCH", path, what, patch, "application/merge-patch+json")

    def person(self) -> str:
        """Who the API server takes us for; the kubeconfig's name for the user where it cannot be asked."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            answer = self._request("POST", REVIEWS, "who you are", review, "application/json")
            return str(answer["status"]["userInfo"]["username"])
        except (NotThere, HomeRefused, KeyError, TypeError):
            return self._user

    def _request(self, method: str, path: str, what: str, body: Any, content_type: str) -> dict[str, Any]:
        content = None if body is None else json.dumps(body)
        headers = {"Accept": "application/json", "Content-Type": content_type}
        try:
            answer = self._client.request(method, path, content=content, headers=headers)
        except httpx2.HTTPError as error:
            raise HomeUnavailable(
                f"the API server of context {self.context} ({self.server}) does not answer "
                f"({str(error) or type(error).__name__}); is the cluster up and can it be reached from here?"
            ) from error
        except LOGIN_FAILED as error:
            raise HomeRefused(
                f"the login program of context {self.context} gives no token ({_short(str(error))}); log in again"
            ) from error
        return self._parsed(answer, what)

    def _parsed(self, answer: httpx2.Response, what: str) -> dict[str, Any]:
        try:
            document = answer.json()
        except ValueError:
            document = None
        if answer.is_success and isinstance(document, dict):
            return document
        status = document if isinstance(document, dict) else {}
        sentence = _short(str(status.get("message") or answer.text.strip() or "no reason given"))
        raise self._error(answer.status_code, what, sentence, status.get("details") or {})

    def _error(self, code: int, what: str, sentence: str, details: dict[str, Any]) -> Exception:
        match code:
            case 401:
                return HomeRefused(
                    f"the API server of context {self.context} does not know you (any more); log in again"
                )
            case 403:
                return HomeRefused(
                    f"you have no right to this in context {self.context}: {sentence}; ask who runs the cluster for it. "
                    "Where Serinus's chart makes roles for people, they are serinus-view, to look, and serinus-edit, to act "
                    "(the cluster's own edit includes both)"
                )
            case 404 if details.get("name"):
                return NotThere(f"there is no {what} in context {self.context}")
            case 404:
                return HomeRefused(
                    f"the cluster of context {self.context} does not know ModelDeployments; install Serinus there "
                    "(`helm install serinus charts/serinus`), or choose another --context"
                )
            case 429 | 500 | 502 | 503 | 504:
                return HomeUnavailable(f"the API server of context {self.context} cannot answer now: {sentence}")
            case _:
                return HomeRefused(f"context {self.context} ({self.server}), {what}: {sentence} (HTTP {code})")


def _client(config: SingleConfig) -> httpx2.Client:
    """Raises HomeRefused if the certificates or credentials that the kubeconfig names cannot be used."""
    try:
        return Client(config, ConnectionParams(timeout=TIMEOUT))
    except (ConfigError, OSError, ValueError, ssl.SSLError, httpx2.InvalidURL) as error:
        raise HomeRefused(
            f"the credentials of context {config.context_name} cannot be used ({_short(str(error))}); correct the kubeconfig"
        ) from error


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:297]}..."
