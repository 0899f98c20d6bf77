"""Render the chart for every value set: `python -m tests.charts.render` writes tests/charts/golden and the rule files."""

import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.charts.rendered import CHART, CRD_KIND, GOLDEN, HERE, ROOT, VALUE_SETS, documents, shortened
from tests.cluster.control_plane import builds

RELEASE, NAMESPACE = "serinus", "serinus-system"
MANIFESTS = ROOT / "manifests"
GENERATED = "# Made from the chart by `python -m tests.charts.render`.\n"
RULES_HEAD = f"{GENERATED}# For `rule_files` of a Prometheus without the Prometheus operator; see docs/prometheus.md.\n"
RULE_HEAD = f"""{GENERATED}apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{name}}
  namespace: {NAMESPACE}
spec:
"""
RULES = {  # by template: the object's name, and its file in the kustomization and for a plain Prometheus
    "recordingrules": ("serinus-recording", "recordingrules.yaml", "recording-rules.yaml"),
    "prometheusrule": ("serinus", "prometheusrule.yaml", "alerts.yaml"),
}


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
    kept = [shortened(one) for one in documents(render(values)) if one["kind"] != CRD_KIND]
    return yaml.safe_dump_all(kept, sort_keys=False, width=120)


def rule_files() -> dict[Path, str]:
    """The chart's rules as a Prometheus without the operator reads them, and as the kustomization has them."""
    files: dict[Path, str] = {}
    for template, (name, overlay, plain) in RULES.items():
        only = ("--show-only", f"templates/{template}.yaml")
        files[MANIFESTS / "overlays" / "monitoring" / overlay] = RULE_HEAD.format(name=name) + _groups(*only)
        whole = _groups(*only, "--set", "collector.enabled=true")
        files[MANIFESTS / "prometheus" / plain] = RULES_HEAD + textwrap.dedent(whole)
    return files


def _groups(*options: str) -> str:
    return render("monitoring", *options).split("\nspec:\n")[1]


def main(values: Sequence[str] = VALUE_SETS) -> None:
    """Write the golden files."""
    for name in values:
        (GOLDEN / f"{name}.yaml").write_text(fresh_golden(name), encoding="utf-8")
        sys.stdout.write(f"{GOLDEN / name}.yaml\n")
    for file, text in rule_files().items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main()
