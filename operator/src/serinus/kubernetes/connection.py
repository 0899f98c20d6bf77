"""How to reach the API server: one configuration for lightkube's client and for kopf."""

import os
from pathlib import Path
from typing import Final

import httpx2
import kopf
import yaml
from lightkube.config.client_adapter import AsyncClient, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError

from serinus.core.errors import SerinusError

NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
CONNECT_SECONDS: Final = 5.0
# What lightkube lets through where a file is no YAML, or YAML of another shape.
MALFORMED: Final = (yaml.YAMLError, TypeError, ValueError, AttributeError, KeyError)
USER_AGENT: Final = "serinus-operator"


class ClusterUnknown(SerinusError):
    """Nothing says where the API server is."""


def cluster_config(kubeconfig: str, context: str) -> SingleConfig:
    """The service account of the pod, or a kubeconfig. Raises ClusterUnknown."""
    try:
        found = KubeConfig.from_file(kubeconfig) if kubeconfig else KubeConfig.from_env()
        config = found.get(context_name=context or None)
    except (ConfigError, OSError) as error:
        raise ClusterUnknown(
            f"there is no cluster to work in ({error}); run in a pod, or give --kubeconfig or KUBECONFIG"
        ) from error
    except MALFORMED as error:
        where = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
        raise ClusterUnknown(f"{where} is not a kubeconfig; correct it, or give another") from error
    if config is None or config.user is None:
        raise ClusterUnknown(
            f"{kubeconfig or os.environ.get('KUBECONFIG')} has no such context with a user; give --context"
        )
    if config.user.exec or config.user.auth_provider:
        raise ClusterUnknown(
            f"the user of context {config.context_name} logs in by a program; the operator needs a token, a certificate "
            "or a service account"
        )
    return config


def http_client(config: SingleConfig, read_seconds: float) -> httpx2.AsyncClient:
    """A client that knows the server, its authority and our credentials."""
    timeout = httpx2.Timeout(read_seconds, connect=min(CONNECT_SECONDS, read_seconds))
    client = AsyncClient(config, ConnectionParams(timeout=timeout, trust_env=False))
    client.headers["User-Agent"] = USER_AGENT
    return client


def own_namespace() -> str:
    """The namespace of this pod, `default` outside one."""
    try:
        return NAMESPACE_FILE.read_text().strip()
    except OSError:
        return "default"


def connection_info(config: SingleConfig) -> kopf.ConnectionInfo:
    """The same for kopf, which asks again when the server no longer accepts it: tokens are read anew."""
    cluster, user = config.cluster, config.user
    if user is None:
        raise ClusterUnknown("the kubeconfig's context names no user")
    token = Path(user.token_file).read_text().strip() if user.token_file else user.token
    return kopf.ConnectionInfo(
        server=cluster.server,
        ca_path=_path(config, cluster.certificate_auth),
        ca_data=cluster.certificate_auth_data,
        insecure=cluster.insecure,
        username=user.username,
        password=user.password,
        token=token,
        certificate_path=_path(config, user.client_cert),
        certificate_data=user.client_cert_data,
        private_key_path=_path(config, user.client_key),
        private_key_data=user.client_key_data,
    )


def _path(config: SingleConfig, file: str | None) -> str | None:
    return str(config.abs_file(file)) if file else None
