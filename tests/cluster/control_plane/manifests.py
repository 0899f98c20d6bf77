"""Manifests out of Go modules: read once after the build, kept as JSON beside the binaries."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.control_plane.layout import CACHE, MODULES
from tests.cluster.control_plane.toolchain import find_go

Manifest = dict[str, Any]
KUBECTL = "kubectl"


class Source:
    """The unpacked source of a Go module at the version that a wrapper module asks for."""

    def __init__(self, wrapper: str, module: str) -> None:
        self._wrapper = MODULES / wrapper
        self._module = module

    def folder(self) -> Path:
        """Where the source is, downloaded first when it must be."""
        command = [str(find_go().program), "mod", "download", "-json", self._module]
        done = subprocess.run(command, cwd=self._wrapper, check=True, capture_output=True, text=True)
        return Path(json.loads(done.stdout)["Dir"])


def bundle(name: str, wrapper: str, recipe: Path, make: Callable[[], Iterable[Manifest]]) -> list[Manifest]:
    """The manifests that `make` returns, kept until the wrapper's go.sum or the file of the recipe changes."""
    parts = ((MODULES / wrapper / "go.sum").read_bytes(), recipe.read_bytes(), Path(__file__).read_bytes())
    file = CACHE / "manifests" / f"{name}-{hashlib.sha256(b''.join(parts)).hexdigest()[:12]}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(list(make())))
        unfinished.replace(file)
    return list(json.loads(file.read_text()))


def load(*files: Path) -> list[Manifest]:
    """Every document of YAML files."""
    return [document for file in files for document in _documents(file.read_text())]


def load_folder(folder: Path, pattern: str = "*.yaml") -> list[Manifest]:
    """Every document of a folder's YAML files, but of kustomization.yaml."""
    return load(*(file for file in sorted(folder.glob(pattern)) if file.name != "kustomization.yaml"))


def kustomize(folder: Path) -> list[Manifest]:
    """What `kubectl kustomize` makes of a folder."""
    done = subprocess.run([kubectl(), "kustomize", str(folder)], check=True, capture_output=True, text=True)
    return _documents(done.stdout)


def kubectl() -> str:
    """The kubectl of the virtual environment, which is pinned, rather than any other."""
    beside = Path(sys.executable).with_name(KUBECTL)
    return str(beside) if beside.exists() else KUBECTL


def _documents(text: str) -> list[Manifest]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where libyaml is there
    return [document for document in yaml.load_all(text, Loader=loader) if document]
