"""Print what is installed where this runs, as JSON. scripts/sbom.py runs it inside an image, with nothing but its Python."""

import json
import platform
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path


def python_distributions(path: list[str]) -> list[dict[str, object]]:
    """Those in the folders of `path`; of two of one name, the one that is imported."""
    found: dict[str, Distribution] = {}
    for distribution in distributions(path=path):
        found.setdefault(distribution.name.lower(), distribution)
    return [_described(found[name]) for name in sorted(found)]


def base_folder() -> str:
    """Where the base keeps its own distributions, which the image's environment does not see."""
    return str(
        Path(sys.base_prefix, "lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages")
    )


def _described(distribution: Distribution) -> dict[str, object]:
    meta = distribution.metadata
    return {
        "name": distribution.name,
        "version": distribution.version,
        "summary": meta.get("Summary"),
        "license": meta.get("License-Expression")
        or _license(meta.get("License") or "", meta.get_all("Classifier") or []),
        "requires": distribution.requires or [],
    }


def _license(text: str, classifiers: list[str]) -> str:
    """Before there were expressions, a name, the whole text or a classifier told the license."""
    names = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License :: ")]
    return text if text and len(text) <= 60 and "\n" not in text else " OR ".join(names)


def debian_packages() -> list[dict[str, str]]:
    """The base's packages, by name, version and architecture."""
    listed = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${Version} ${Architecture}\n"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    fields = (line.split(" ") for line in listed.stdout.splitlines())
    return [{"name": name, "version": version, "architecture": architecture} for name, version, architecture in fields]


if __name__ == "__main__":
    release = platform.freedesktop_os_release()
    json.dump(
        {
            "python": platform.python_version(),
            "system": f"{release['ID']}-{release.get('VERSION_ID', 'unknown')}",
            "distributions": python_distributions(sys.path),
            "base": python_distributions([base_folder()]),
            "packages": debian_packages(),
        },
        sys.stdout,
    )
