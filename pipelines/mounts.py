"""What a step's container sees of this machine: only what the run reads and writes, at the same paths."""

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipelines.process import STEP_ENVIRONMENT
from serinus.adapters.mlflow_client import SQLITE
from serinus.training.config import TrainingConfig
from serinus.training.sources import FileSource, PredictionLogSource, Source, SqlSource

VARIABLE = re.compile(r"\$\{(\w+)\}")
PASSED_ON = ("MLFLOW_", "AWS_")  # credentials of the registry and of stores
GOOGLE_KEY = "GOOGLE_APPLICATION_CREDENTIALS"


def container_settings(arguments: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Docker's settings for the containers of a run: as in a pod, but as the user who asks, who owns what they write."""
    config = TrainingConfig.model_validate_json(arguments["training"])
    sources = [config.source, *([config.gates.golden.source] if config.gates.golden else [])]
    addresses = [arguments["registry_uri"], *(one.url for one in sources if isinstance(one, SqlSource))]
    settings = {
        "user": f"{os.getuid()}:{os.getgid()}",
        "environment": _environment(addresses, environment),
        "mounts": _mounts(arguments, sources, environment),
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
    }
    # What listens on this machine's own address only is out of a container's reach otherwise.
    return settings | ({"network_mode": "host"} if any(map(_is_loopback, addresses)) else {})


def _environment(addresses: list[str], environment: Mapping[str, str]) -> dict[str, str]:
    named = {name for one in addresses for name in VARIABLE.findall(one)} | {GOOGLE_KEY}
    passed = {n: value for n, value in environment.items() if n in named or n.startswith(PASSED_ON)}
    return {"HOME": "/tmp", **STEP_ENVIRONMENT, **passed}  # noqa: S108  # the user has no home in the image


def _mounts(arguments: Mapping[str, Any], sources: list[Source], environment: Mapping[str, str]) -> list[Any]:
    from docker.types import Mount

    written = list(_written(arguments))
    for folder in written:
        folder.mkdir(parents=True, exist_ok=True)
    read = [
        *filter(None, map(_read, sources)),
        *(Path(environment[name]) for name in (GOOGLE_KEY,) if name in environment),
    ]
    bound = {str(path): True for path in read if path.exists()} | {str(path): False for path in written}
    return [Mount(path, path, type="bind", read_only=only_read) for path, only_read in bound.items()]


def _written(arguments: Mapping[str, Any]) -> Iterator[Path]:
    """The folders that steps write, but for the run's own."""
    root, registry = arguments["snapshot_root"], arguments["registry_uri"]
    if root and "://" not in root:
        yield Path(root)
    if registry.startswith(SQLITE):
        yield Path(registry.removeprefix(SQLITE)).parent


def _read(source: Source) -> Path | None:
    """The file or folder that a source is in, if it is on this machine."""
    if isinstance(source, SqlSource) and source.url.startswith(SQLITE):
        return Path(source.url.removeprefix(SQLITE))
    if not isinstance(source, FileSource | PredictionLogSource) or "://" in source.path:
        return None
    plain, *pattern = re.split(r"[*?\[]", source.path, maxsplit=1)
    # What stands before a pattern may be the beginning of a name: its folder is read.
    return Path(plain.rpartition("/")[0] or "/") if pattern else Path(plain)


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
