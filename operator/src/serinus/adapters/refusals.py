"""What the API server, or a webhook of it, does not take for good: the end of a revision that is not there yet."""

from collections.abc import Mapping, Set

from serinus.core import reasons
from serinus.core.observation import Problem, RevisionStatus
from serinus.ports import Key


class Refusals:
    """Why the latest write of each revision was refused, by deployment and revision."""

    def __init__(self) -> None:
        self._sentences: dict[Key, dict[str, str]] = {}

    def __len__(self) -> int:
        return len(self._sentences)

    def note(self, key: Key, revision: str, sentence: str) -> None:
        """A write was refused."""
        self._sentences.setdefault(key, {})[revision] = sentence

    def settle(self, key: Key, revision: str) -> None:
        """It was taken after all, or is no longer wanted."""
        known = self._sentences.get(key, {})
        known.pop(revision, None)
        if not known:
            self._sentences.pop(key, None)

    def keep(self, key: Key, revisions: Set[str]) -> None:
        """Forget all but these revisions of the deployment."""
        for revision in self._sentences.get(key, {}).keys() - revisions:
            self.settle(key, revision)

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        self._sentences.pop(key, None)

    def failed(self, key: Key, running: Mapping[str, RevisionStatus]) -> dict[str, RevisionStatus]:
        """The status of each refused revision that does not run: it never will."""
        return {
            revision: RevisionStatus(revision, ready=False, failed=True, message=sentence)
            for revision, sentence in self._sentences.get(key, {}).items()
            if revision not in running
        }

    def problem(self, key: Key, running: Mapping[str, RevisionStatus]) -> Problem | None:
        """What is refused of a revision that runs: it runs on, and not as it should."""
        sentences = [why for revision, why in self._sentences.get(key, {}).items() if revision in running]
        return Problem(reasons.CHANGE_REFUSED, sentences[0]) if sentences else None
