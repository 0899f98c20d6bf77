"""The files that a container sees: those of this machine, with fresh folders where a container has its own."""

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.control_plane.layout import CACHE, REPOSITORY

SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "opt")
LIVE = ("dev", "proc", "sys")
FRESH = ("home", "mnt", "root", "run", "srv", "var")
# What programs are run from; it may lie in a folder that a container has of its own, as /home or /tmp.
PROGRAMS = (REPOSITORY, CACHE, Path(sys.prefix), Path(sys.base_prefix))


@dataclass(frozen=True)
class Mount:
    """A folder or file of this machine, and where a container sees it."""

    source: Path
    target: str
    read_only: bool = False


def entry_script(root: Path, mounts: Iterable[Mount], *, read_only: bool) -> str:
    """A shell script that makes the container's root and then runs its arguments there.

    To be run in a mount namespace of its own. The script replaces itself, so that its pid is the program's.
    """
    lines = ["set -e", f"cd {_quoted(root)}", "mount -t tmpfs -o mode=755 tmpfs .", f"cd {_quoted(root)}"]
    lines += _system()
    # In this order, a volume does not hide the programs that lie in a folder of its name.
    for mount in sorted([*_programs(), *mounts], key=lambda mount: mount.target):
        lines += _bind(mount)
    if read_only:
        lines.append("mount -o remount,ro,bind .")
    lines.append('exec chroot . "$@"')
    return "\n".join(lines)


def _system() -> Iterator[str]:
    for name in SYSTEM:
        path = Path("/") / name
        if path.is_symlink():
            yield f"ln -s {_quoted(path.readlink())} {name}"
        elif path.is_dir():
            yield f"mkdir {name} && mount --rbind /{name} {name}"
    for name in LIVE:
        yield f"mkdir {name} && mount --rbind /{name} {name}"
    yield f"mkdir {' '.join(FRESH)} && mkdir -m 1777 tmp var/tmp && ln -s ../run var/run"


def _programs() -> Iterator[Mount]:
    for folder in PROGRAMS:
        if folder.is_dir() and not any(other in folder.parents for other in PROGRAMS):
            yield Mount(folder, str(folder))


def _bind(mount: Mount) -> Iterator[str]:
    target = _quoted("./" + mount.target.lstrip("/"))
    if mount.source.is_dir():
        yield f"mkdir -p {target}"
    else:
        yield f"mkdir -p $(dirname {target}) && {{ [ -e {target} ] || touch {target}; }}"
    yield f"mount --rbind {_quoted(mount.source)} {target}"
    if mount.read_only:
        yield f"mount -o remount,ro,bind {target}"


def _quoted(path: Path | str) -> str:
    return shlex.quote(str(path))


def image_mounts(files: Mapping[str, str]) -> list[Mount]:
    """The files that an image brings."""
    return [Mount(Path(source), target) for target, source in files.items()]
