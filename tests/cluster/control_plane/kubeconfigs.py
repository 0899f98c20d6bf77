"""Kubeconfig files: one for each user inside the namespace, and one for people and tests outside of it."""

import base64
import json
from pathlib import Path
from typing import Any

from tests.cluster.control_plane.layout import API_ADDRESS, API_PORT, Layout


def write_inside(layout: Layout, user: str) -> Path:
    """For a process inside the namespace, with the client certificate of `user`."""
    return _write(layout, layout.kubeconfig_of(user), user, f"https://{API_ADDRESS}:{API_PORT}")


def write_outside(layout: Layout, port: int) -> Path:
    """For people and tests: an administrator, through the port that is forwarded on the loopback address."""
    return _write(layout, layout.kubeconfig, "admin", f"https://127.0.0.1:{port}")


def _write(layout: Layout, file: Path, user: str, server: str) -> Path:
    name = layout.context
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server, **_embedded(layout, "ca", "certificate-authority")}}],
        "users": [{"name": name, "user": _client(layout, user)}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    file.touch(mode=0o600)
    file.write_text(json.dumps(document))
    return file


def _client(layout: Layout, user: str) -> dict[str, Any]:
    certificate = _embedded(layout, user, "client-certificate")
    key = base64.b64encode((layout.pki / f"{user}.key").read_bytes()).decode()
    return {**certificate, "client-key-data": key}


def _embedded(layout: Layout, file: str, field: str) -> dict[str, str]:
    return {f"{field}-data": base64.b64encode((layout.pki / f"{file}.crt").read_bytes()).decode()}
