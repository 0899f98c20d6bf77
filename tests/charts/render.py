"""Render the chart for every value set: `python -m tests.charts.render` writes tests/charts/golden."""

import subprocess
import sys
from collections.abc import Sequence

import yaml

from tests.charts.rendered import CHART, CRD_KIND, GOLDEN, HERE, VALUE_SETS, documents
from tests.cluster.control_plane import builds

RELEASE, NAMESPACE = "serinus", "serinus-system"


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Helm, built first when it must be."""
    builds.build([builds.HELM])
    return subprocess.run([builds.HELM.path, *arguments], capture_output=True, text=True, check=False, timeout=120)


def render(values: str, *more: str) -> str:
    """The chart's objects as YAML."""
    file = str(HERE / "values" / f"{values}.yaml")
    done = helm("template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--values", file, *more)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def fresh_golden(values: str) -> str:
    """What tests/charts/golden should hold."""
    kept = [one for one in documents(render(values)) if one["kind"] != CRD_KIND]
    return yaml.safe_dump_all(kept, sort_keys=False, width=120)


def main(values: Sequence[str] = VALUE_SETS) -> None:
    """Write the golden files."""
    for name in values:
        (GOLDEN / f"{name}.yaml").write_text(fresh_golden(name), encoding="utf-8")
        sys.stdout.write(f"{GOLDEN / name}.yaml\n")


if __name__ == "__main__":
    main()
