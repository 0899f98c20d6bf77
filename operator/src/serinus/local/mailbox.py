"""What people ask of a running deployment: the CLI leaves a file, the runtime picks it up. Each is acted on once."""

import getpass
import json
import uuid

from serinus.core.observation import Action, Verb
from serinus.local.files import atomic_write_text
from serinus.local.folder import StateFolder
from serinus.ports import Key


def leave_request(folder: StateFolder, key: Key, verb: Verb, rollout_id: str = "", reason: str = "") -> Action:
    """Ask for `verb`. The rollout id is what the person saw, so that a late request does not hit another rollout."""
    action = Action(verb=verb, nonce=uuid.uuid4().hex, rollout_id=rollout_id, by=_person(), reason=reason)
    content = {"verb": action.verb, "nonce": action.nonce, "rolloutId": action.rollout_id, "by": action.by}
    content |= {"reason": reason} if reason else {}
    atomic_write_text(folder.action(key), json.dumps(content))
    return action


def pick_up_request(folder: StateFolder, key: Key) -> Action | None:
    """The latest request, handled or not; None if nobody asked for anything."""
    try:
        content = json.loads(folder.action(key).read_bytes())
        nonce, rollout_id, by = (str(content[name]) for name in ("nonce", "rolloutId", "by"))
        return Action(Verb(content["verb"]), nonce, rollout_id, by, str(content.get("reason", "")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
