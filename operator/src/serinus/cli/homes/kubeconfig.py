"""Which cluster, and as whom: the kubeconfig as kubectl reads it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.config.models import NameValue, User, UserExec
from lightkube.core.exceptions import ConfigError

from serinus.cli.homes.home import HomeRefused, NoCluster

DEFAULT: Final = Path("~/.kube/config")
FILES: Final = (
    "certificate-authority",
    "client-certificate",
    "client-key",
    "tokenFile",
)
PLUGIN_VERSION: Final = "client.authentication.k8s.io/v1"
PLUGIN_VERSION_KNOWN: Final = "client.authentication.k8s.io/v1beta1"  # to lightkube; both print the same token


def chosen(kubeconfig: str, context: str) -> SingleConfig:
    """The cluster and the user of a context. Raises NoCluster, HomeRefused."""
    files = _files(kubeconfig)
    if not files:
        return _of_pod(kubeconfig)
    merged = _merged(files)
    place = ", ".join(map(str, files))
    wanted = context or merged["current-context"]
    known = [one["name"] for one in merged["contexts"]]
    if not wanted:
        raise HomeRefused(f"{place} has no current context; choose one with --context: {', '.join(known) or 'none'}")
    if wanted not in known:
        raise HomeRefused(f"context {wanted} is not in {place}; there is: {', '.join(known) or 'none'}")
    try:
        config = KubeConfig.from_dict(merged, fname=files[0]).get(wanted)
    except (KeyError, msgspec.ValidationError, ConfigError) as error:
        raise HomeRefused(f"context {wanted} in {place} is not whole ({error}); correct the kubeconfig") from error
    if config is None:
        raise HomeRefused(f"context {wanted} in {place} names no cluster; correct the kubeconfig")
    return config._replace(user=_with_plugin(config.user or User()))


def _files(kubeconfig: str) -> list[Path]:
    """The files that are there, the first one weighing most."""
    if kubeconfig:
        path = Path(kubeconfig).expanduser()
        if not path.is_file():
            raise NoCluster(f"there is no kubeconfig {kubeconfig}; name another with --kubeconfig")
        return [path]
    named = os.environ.get("KUBECONFIG", "")
    paths = [Path(one) for one in named.split(os.pathsep) if one] or [DEFAULT.expanduser()]
    return [path for path in paths if path.is_file()]


def _of_pod(kubeconfig: str) -> SingleConfig:
    """The service account of the pod that this runs in."""
    try:
        config = KubeConfig.from_service_account().get()
    except (ConfigError, KeyError, OSError):
        config = None
    if config is None:
        place = os.environ.get("KUBECONFIG") or str(DEFAULT)
        raise NoCluster(f"there is no kubeconfig at {place}; name one with --kubeconfig or KUBECONFIG")
    return config


def _merged(files: list[Path]) -> dict[str, Any]:
    """All files as one; of two entries with the same name the first counts. Raises HomeRefused."""
    merged: dict[str, Any] = {"clusters": {}, "contexts": {}, "users": {}}
    current = ""
    for path in files:
        content = _content(path)
        current = current or content.get("current-context") or ""
        for section, known in merged.items():
            for entry in content.get(section) or []:
                known.setdefault(entry["name"], _absolute(entry, path.parent))
    return {section: list(known.values()) for section, known in merged.items()} | {"current-context": current}


def _content(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise HomeRefused(f"kubeconfig {path} cannot be read ({_first_line(error)}); correct it") from error
    entries = [one for section in ("clusters", "contexts", "users") for one in _entries(content, section)]
    if not isinstance(content, dict) or not all(isinstance(one, dict) and "name" in one for one in entries):
        raise HomeRefused(f"{path} is not a kubeconfig; name another with --kubeconfig")
    return content


def _entries(content: Any, section: str) -> Iterator[Any]:
    found = (content.get(section) if isinstance(content, dict) else None) or []
    yield from found if isinstance(found, list) else [None]


def _absolute(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The entry with its files named so that they are found from anywhere."""
    return {
        key: {name: str(folder / text) if name in FILES and text else text for name, text in value.items()}
        if isinstance(value, dict)
        else value
        for key, value in entry.items()
    }


def _with_plugin(user: User) -> User:
    """A login program is told which version of the protocol it is asked in, as kubectl tells it."""
    plugin = user.exec
    if plugin is None:
        return user
    info = {"apiVersion": plugin.apiVersion, "kind": "ExecCredential", "spec": {"interactive": False}}
    told = [*(plugin.env or []), NameValue("KUBERNETES_EXEC_INFO", json.dumps(info))]
    version = PLUGIN_VERSION_KNOWN if plugin.apiVersion == PLUGIN_VERSION else plugin.apiVersion
    changed = UserExec(version, plugin.command, told, plugin.args, plugin.installHint)
    return msgspec.structs.replace(user, exec=changed)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
