"""What `kubectl explain` reads out: the description of the field, that of its class, and the default."""

from typing import Any

import yaml

from serinus.crd.schema import Json

WIDE = 10_000  # never wrapped


def described(plain: Json, content: Json) -> Json:
    """`content` with the description that a JSON schema gives it, ahead of everything else."""
    own, of_class = plain.get("description", ""), plain.get("x-class-description", "")
    sentences = [own] if own else [of_class]
    if "properties" in content and of_class not in ("", own):
        sentences.append(first_paragraph(of_class))
    if content.get("default") not in (None, {}):
        sentences.append(f"Defaults to {_written(content['default'])}.")
    text = " ".join(filter(None, sentences))
    return {"description": text} | content if text else content


def first_paragraph(docstring: str) -> str:
    """What stands before the first empty line of a docstring, in one line."""
    return " ".join(docstring.partition("\n\n")[0].split())


def _written(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=WIDE)
    return text.removesuffix("\n").removesuffix("\n...")
