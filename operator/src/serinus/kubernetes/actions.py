"""What a person asks for by the annotation `serinus.dev/action`, as the command line and the web page write it."""

import json
from typing import Final

from serinus.adapters.kubernetes_objects import Manifest
from serinus.core.errors import SpecInvalid
from serinus.core.observation import Action, Verb
from serinus.core.spec.fields import shown

ACTION_ANNOTATION: Final = "serinus.dev/action"
LONGEST: Final = 4096  # characters
EXAMPLE: Final = '{"verb": "promote", "rolloutId": "3-1a2b3c", "nonce": "4f1c", "by": "ann"}'


class ActionInvalid(SpecInvalid):
    """The annotation does not hold a request; it is answered with a sentence and left alone."""


def action_text(manifest: Manifest) -> str:
    """The annotation as it stands, or nothing."""
    return str((manifest["metadata"].get("annotations") or {}).get(ACTION_ANNOTATION, ""))


def action_of(manifest: Manifest) -> Action | None:
    """The request in the annotation, handled or not; None if nobody asked for anything. Raises ActionInvalid."""
    text = action_text(manifest)
    if not text:
        return None
    content = _content(text)
    verb, nonce = content.get("verb", ""), content.get("nonce", "")
    if verb not in list(Verb):
        raise _refused(f"verb {shown(verb)} is not one of {', '.join(Verb)}")
    if not nonce:
        raise _refused("nonce is missing; give each request one of its own")
    return Action(Verb(verb), nonce, content.get("rolloutId", ""), content.get("by", ""), content.get("reason", ""))


def _content(text: str) -> dict[str, str]:
    if len(text) > LONGEST:
        raise _refused(f"it has {len(text)} characters; {LONGEST} are enough")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(f"it is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise _refused("it is not a JSON object")
    odd = [name for name, value in content.items() if not isinstance(value, str)]
    if odd:
        raise _refused(f"{shown(odd[0])} is not a text")
    return content


def _refused(why: str) -> ActionInvalid:
    return ActionInvalid(f"annotation {ACTION_ANNOTATION} is not understood: {why}; write it as in {EXAMPLE}")
