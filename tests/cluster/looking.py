"""How tests look at the cluster: by the official client, and only at a cluster that was made here."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from kubernetes import client, config  # type: ignore[import-untyped]

from tests.cluster.control_plane.cluster import IDENTITY, Cluster

DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.1
T = TypeVar("T")


class WrongCluster(Exception):
    """The API server that answers is not the one that was started for the tests."""


@dataclass(frozen=True)
class Look:
    """The official client's interfaces, all of one cluster."""

    api: client.ApiClient

    @cached_property
    def core(self) -> client.CoreV1Api:
        return client.CoreV1Api(self.api)

    @cached_property
    def apps(self) -> client.AppsV1Api:
        return client.AppsV1Api(self.api)

    @cached_property
    def custom(self) -> client.CustomObjectsApi:
        return client.CustomObjectsApi(self.api)

    @cached_property
    def leases(self) -> client.CoordinationV1Api:
        return client.CoordinationV1Api(self.api)


def look_at(cluster: Cluster) -> Look:
    """Connect to a cluster. Raises WrongCluster unless it bears the id that was written when it was started."""
    contexts, current = config.list_kube_config_contexts(str(cluster.kubeconfig))
    if current["name"] != cluster.layout.context or len(contexts) != 1:
        raise WrongCluster(f"{cluster.kubeconfig} is of {current['name']}, not of {cluster.layout.context}")
    look = Look(config.new_client_from_config(str(cluster.kubeconfig), context=cluster.layout.context))
    found = look.core.read_namespaced_config_map(IDENTITY, "kube-system").data["id"]
    if found != cluster.facts.id:
        raise WrongCluster(f"the API server at {look.api.configuration.host} is of another cluster: {found}")
    return look


def eventually(look: Callable[[], T], what: str, seconds: float = DEADLINE_SECONDS) -> T:
    """The first answer that is true, or not empty; an error of the client is asked again. Fails after `seconds`."""
    deadline, last = time.monotonic() + seconds, "nothing yet"
    while True:
        try:
            if answer := look():
                return answer
            last = repr(answer)
        except (client.ApiException, AssertionError) as error:
            last = f"{type(error).__name__}: {error}"
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}; the last answer was {last}"
        time.sleep(POLL_SECONDS)
