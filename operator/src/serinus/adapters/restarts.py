"""Process deaths of a revision since it was created: a number that never falls although pods come and go."""

from collections.abc import Iterable, Set
from typing import Final

from serinus.adapters import manifests
from serinus.adapters.kubernetes_objects import Manifest
from serinus.adapters.revision_health import deaths
from serinus.ports import Key

GONE: Final = ""  # all pods that are gone, as one


class RestartCounter:
    """Remembers the deaths of every pod it has seen, for as long as the pod's revision runs."""

    def __init__(self) -> None:
        self._deaths: dict[Key, dict[str, dict[str, int]]] = {}  # of each revision's pods, both by uid

    def count(self, key: Key, revision_uid: str, pods: Iterable[Manifest]) -> int:
        """All deaths so far. After a restart of this program those of pods that are gone are forgotten."""
        seen = self._deaths.setdefault(key, {}).setdefault(revision_uid, {})
        now = {manifests.uid_of(pod): deaths(pod) for pod in pods}
        for uid, died in now.items():
            seen[uid] = max(seen.get(uid, 0), died)
        for uid in seen.keys() - now.keys() - {GONE}:
            seen[GONE] = seen.get(GONE, 0) + seen.pop(uid)
        return sum(seen.values())

    def keep(self, key: Key, revision_uids: Set[str]) -> None:
        """Forget the deployment's revisions that are gone."""
        known = self._deaths.pop(key, {})
        if revision_uids:
            self._deaths[key] = {uid: pods for uid, pods in known.items() if uid in revision_uids}
