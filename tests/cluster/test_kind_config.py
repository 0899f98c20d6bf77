"""kind-config.yaml as kind itself reads it, up to where it would need Docker."""

import subprocess
from pathlib import Path

import pytest

from tests.cluster.control_plane import builds
from tests.cluster.control_plane.layout import REPOSITORY

KIND = builds.Binary("kind", "kind", "sigs.k8s.io/kind", 20)
CONFIG = REPOSITORY / "kind-config.yaml"
# Docker as far as kind asks for it before it has read its configuration.
DOCKER = """#!/bin/sh
case "$1" in
  -v) echo "Docker version 28.0.0" ;;
  info) echo '{"CgroupDriver": "systemd", "CgroupVersion": "2", "MemoryLimit": true, "PidsLimit": true}' ;;
  ps) ;;
  *) exit 1 ;;
esac
"""
WRONG = {
    "a field that is none": ("hostPort:", "hostprt:", "field hostprt not found"),
    "a role that is none": ("role: control-plane", "role: boss", '"boss" is not a valid node role'),
    "a port that is none": ("hostPort: 8080", "hostPort: 808000", "invalid port number: 808000"),
    "a protocol that is none": ("protocol: TCP", "protocol: HTTP", "Unknown PortMappingProtocol"),
    "another kind": ("kind: Cluster", "kind: Clutter", "unknown kind"),
}


def create(config: Path, folder: Path) -> str:
    """What kind says about the configuration."""
    builds.build([KIND])
    docker = folder / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    done = subprocess.run(
        [KIND.path, "create", "cluster", "--config", config, "--kubeconfig", folder / "kubeconfig"],
        env={"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode != 0
    return done.stderr


def test_kind_accepts_the_configuration_and_goes_on_to_the_nodes_image(tmp_path: Path) -> None:
    assert "failed to pull image" in create(CONFIG, tmp_path)


@pytest.mark.parametrize("case", WRONG)
def test_kind_would_say_what_is_wrong(case: str, tmp_path: Path) -> None:
    right, wrong, said = WRONG[case]
    text = CONFIG.read_text()
    assert right in text
    config = tmp_path / "kind-config.yaml"
    config.write_text(text.replace(right, wrong))
    message = create(config, tmp_path)
    assert said in message
    assert "failed to pull image" not in message
