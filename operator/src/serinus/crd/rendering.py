"""The definition as a file: keys in the order in which people read them, and nothing written as a reference."""

import yaml

from serinus.crd.definition import definition
from serinus.crd.schema import Json
from serinus.crd.structural import nodes

HEAD = "# Generated from the models in operator/src/serinus/core by `python -m serinus.crd`; change those instead.\n"
ORDER = (
    "description",
    "type",
    "x-kubernetes-int-or-string",
    "format",
    "nullable",
    "enum",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "default",
    "required",
    "properties",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "items",
    "additionalProperties",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
)


class _Dumper(yaml.SafeDumper):
    """Writes a value that occurs twice twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def rendered() -> str:
    """The text of the file; the same models give the same bytes."""
    content = definition()
    for version in content["spec"]["versions"]:
        version["schema"]["openAPIV3Schema"] = nodes(version["schema"]["openAPIV3Schema"], _ordered)
    return HEAD + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def _ordered(content: Json) -> Json:
    return {name: content[name] for name in sorted(content, key=ORDER.index)}
