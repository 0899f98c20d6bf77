"""Put the Lua files of manifests/argocd into the form of Argo CD's configuration: `python scripts/argocd_cm.py`."""

import sys
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "manifests" / "argocd"
COMMITTED = FOLDER / "argocd-cm.yaml"
RESOURCE = "serinus.dev_ModelDeployment"
VERBS = ("promote", "abort", "retry", "pause", "resume", "rollback")
HEADER = f"""\
# Teaches Argo CD what a ModelDeployment's health is and what can be asked of it. Made by scripts/argocd_cm.py.
#   kubectl -n argocd patch configmap argocd-cm --patch-file {COMMITTED.relative_to(FOLDER.parents[1])}
"""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def configmap() -> str:
    """The part of the ConfigMap argocd-cm that is about ModelDeployments, as YAML."""
    actions = {
        "discovery.lua": (FOLDER / "actions" / "discovery.lua").read_text(encoding="utf-8"),
        "definitions": [{"name": verb, "action.lua": action(verb)} for verb in VERBS],
    }
    data = {
        f"resource.customizations.health.{RESOURCE}": (FOLDER / "health.lua").read_text(encoding="utf-8"),
        f"resource.customizations.actions.{RESOURCE}": _yaml(actions),
    }
    return HEADER + _yaml({"data": data})


def action(verb: str) -> str:
    """The script of one action."""
    return (FOLDER / "actions" / "action.lua").read_text(encoding="utf-8").replace("VERB", verb)


def _yaml(content: dict[str, Any]) -> str:
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=200)


if __name__ == "__main__":
    COMMITTED.write_text(configmap(), encoding="utf-8")
    sys.stdout.write(f"{COMMITTED}\n")
