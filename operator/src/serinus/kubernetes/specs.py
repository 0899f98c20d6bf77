"""ModelDeployment manifests as validated specs, each parsed once."""

from collections.abc import Iterable
from copy import deepcopy
from functools import reduce
from operator import getitem
from typing import Any

from pydantic import ValidationError

from serinus.adapters.kubernetes_objects import Manifest
from serinus.core.errors import SpecInvalid
from serinus.core.spec import ModelDeployment
from serinus.lint.messages import findings
from serinus.lint.problem import Finding, Location, dotted
from serinus.lint.retraining import impossible
from serinus.lint.unsupported import unsupported
from serinus.ports import Key

Parsed = ModelDeployment | SpecInvalid


class Specs:
    """Remembers what it has parsed, by uid, generation and labels, and what was valid last."""

    def __init__(self) -> None:
        self._known: dict[Key, tuple[object, Parsed]] = {}
        self._valid: dict[Key, tuple[str, ModelDeployment]] = {}
        self._guessed: dict[Key, tuple[object, ModelDeployment | None]] = {}

    def of(self, manifest: Manifest) -> ModelDeployment:
        """The deployment. Raises SpecInvalid with every problem in one sentence each."""
        edition, key = _edition(manifest), _key(manifest)
        known = self._known.get(key)
        if known is None or known[0] != edition:
            known = self._known[key] = (edition, parsed(manifest))
        if isinstance(known[1], SpecInvalid):
            raise known[1]
        self._valid[key] = (manifest["metadata"]["uid"], known[1])
        return known[1]

    def in_force(self, manifest: Manifest) -> ModelDeployment | None:
        """The deployment as it is, or as it was before it became invalid.

        Where no valid one was seen (since the start), what of it can be understood; None if nothing can.
        """
        try:
            return self.of(manifest)
        except SpecInvalid:
            return self._valid[_key(manifest)][1] if self.was_valid(manifest) else self._understood(manifest)

    def was_valid(self, manifest: Manifest) -> bool:
        """Whether this object, not another of its name, was seen with a valid spec."""
        valid = self._valid.get(_key(manifest))
        return valid is not None and valid[0] == manifest["metadata"]["uid"]

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        self._known.pop(key, None)
        self._valid.pop(key, None)
        self._guessed.pop(key, None)

    def _understood(self, manifest: Manifest) -> ModelDeployment | None:
        edition, key = _edition(manifest), _key(manifest)
        known = self._guessed.get(key)
        if known is None or known[0] != edition:
            known = self._guessed[key] = (edition, understood(manifest))
        return known[1]


def _key(manifest: Manifest) -> Key:
    return Key(manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def _edition(manifest: Manifest) -> object:
    meta = manifest["metadata"]
    return (meta["uid"], meta["generation"], meta.get("labels"))


def understood(manifest: Manifest) -> ModelDeployment | None:
    """The deployment without what this release does not support; None if it makes no sense."""
    try:
        deployment = _model(manifest)
        refused = [finding.loc for finding in (*unsupported(deployment), *impossible(deployment))]
        return _model(_without(manifest, refused)) if refused else deployment
    except ValidationError:
        return None


def _without(manifest: Manifest, places: Iterable[Location]) -> Manifest:
    """The manifest without what is there; of a list the whole item goes, and the list with its last one."""
    rest = deepcopy(dict(manifest))
    for *above, last in sorted(map(_whole_item, places), reverse=True):  # of a list's items the last one first
        holder = _at(rest, above)
        del holder[last]
        if not holder:
            del _at(rest, above[:-1])[above[-1]]
    return rest


def _at(content: Any, path: Iterable[str | int]) -> Any:
    return reduce(getitem, path, content)


def _whole_item(place: Location) -> Location:
    index = next((number for number, step in enumerate(place) if isinstance(step, int)), len(place) - 1)
    return place[: index + 1]


def parsed(manifest: Manifest) -> Parsed:
    """The deployment, or the error that says what is wrong with it."""
    try:
        deployment = _model(manifest)
    except ValidationError as error:
        return _invalid(findings(error.errors(include_url=False)))
    refused = [*unsupported(deployment), *impossible(deployment)]
    return _invalid(refused) if refused else deployment


def _model(manifest: Manifest) -> ModelDeployment:
    meta = manifest["metadata"]
    content = {
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "labels": meta.get("labels") or {}},
        "spec": manifest.get("spec"),
    }
    return ModelDeployment.model_validate(content, by_alias=True, by_name=False)


def _invalid(found: Iterable[Finding]) -> SpecInvalid:
    return SpecInvalid("; ".join(f"{dotted(finding.loc)}: {finding.message}" for finding in found))
