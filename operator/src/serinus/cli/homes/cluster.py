"""The ModelDeployments in a cluster. All that is ever written is one annotation."""

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

from serinus.adapters.kubernetes_objects import MODEL_DEPLOYMENT
from serinus.cli.homes.api import PersonApi
from serinus.cli.homes.home import Found, HomeRefused, HomeUnavailable, NotThere
from serinus.cli.homes.objects import found_of
from serinus.core.observation import Verb
from serinus.core.state import RolloutRecord
from serinus.kubernetes.actions import ACTION_ANNOTATION
from serinus.ports import Key

NAME: Final = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
BASE: Final = f"/apis/{MODEL_DEPLOYMENT.api_version}"


class ClusterHome:
    """A namespace of a cluster (port Home), or all of them. `arguments` are the options that name it."""

    poll_seconds = 1.0

    def __init__(self, api: PersonApi, namespace: str, arguments: str, program: str, *, everywhere: bool) -> None:
        self._api = api
        self._namespace = namespace or api.namespace
        self._arguments = arguments
        self._program = program
        self._everywhere = everywhere

    @property
    def label(self) -> str:
        """See the port."""
        place = "all namespaces" if self._everywhere else f"namespace {self._namespace}"
        return f"{place} of context {self._api.context}"

    def find(self, name: str) -> Found:
        """See the port."""
        namespace, _, rest = name.rpartition("/")
        key = Key(_checked(namespace or self._namespace), _checked(rest))
        try:
            return self.read(key)
        except NotThere as error:
            raise NotThere(f"{error}{self._others(key.namespace)}") from error

    def read(self, key: Key) -> Found:
        """See the port."""
        return found_of(self._api.get(_path(key.namespace, key.name), _named(key)))

    def all(self) -> tuple[Found, ...]:
        """See the port."""
        path = _path("" if self._everywhere else _checked(self._namespace))
        items = self._api.get(path, "ModelDeployments").get("items") or []
        return tuple(found_of(_whole(item)) for item in items)

    def ask(self, key: Key, verb: Verb, rollout_id: str, reason: str = "") -> str:
        """See the port."""
        nonce = uuid.uuid4().hex
        content = {"verb": str(verb), "rolloutId": rollout_id, "nonce": nonce, "by": self._api.person()}
        content |= {"reason": reason} if reason else {}
        patch = {"metadata": {"annotations": {ACTION_ANNOTATION: json.dumps(content)}}}
        self._api.merge(_path(key.namespace, key.name), _named(key), patch)
        return nonce

    def records(self, found: Found) -> tuple[RolloutRecord, ...]:
        """The latest ones, as many as the status keeps."""
        return found.state.history

    def command(self, words: str, key: Key) -> str:
        """See the port."""
        return " ".join(filter(None, [self._program, words, key.name, f"-n {key.namespace}", self._arguments]))

    def nobody_works(self) -> str:
        """Only an answer tells; see the port."""
        return ""

    def _others(self, namespace: str) -> str:
        """What there is instead, where that may be asked."""
        try:
            items = self._api.get(_path(namespace), "ModelDeployments").get("items") or []
        except (HomeRefused, HomeUnavailable, NotThere):
            return ""
        names = ", ".join(item["metadata"]["name"] for item in items[:10])
        return f"; in namespace {namespace} there is: {names or 'none'} (another namespace: -n)"


def _whole(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item of a list does not say its kind."""
    return {"apiVersion": MODEL_DEPLOYMENT.api_version, "kind": MODEL_DEPLOYMENT.kind, **item}


def _named(key: Key) -> str:
    return f"ModelDeployment {key}"


def _path(namespace: str, name: str = "") -> str:
    """The path of an object, or of all in a namespace, or of all."""
    place = f"namespaces/{namespace}" if namespace else ""
    return "/".join(filter(None, [BASE, place, MODEL_DEPLOYMENT.plural, name]))


def _checked(text: str) -> str:
    """A text that can be a name, and part of a path. Raises NotThere."""
    if not re.fullmatch(NAME, text):
        raise NotThere(f"{text or 'nothing'} cannot be the name of an object; use small letters, digits and dashes")
    return text
