"""Bernoulli counts: everything a rollout is judged on comes down to them."""

from serinus.core.model import Frozen

CLIENT_ERRORS_OF_THE_CALLER = frozenset({401, 403, 429})


class Counts(Frozen):
    """`bad` of `total` trials."""

    bad: int = 0
    total: int = 0

    @property
    def rate(self) -> float:
        """The share of bad trials; 0 where there were none."""
        return self.bad / self.total if self.total else 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(bad=self.bad + other.bad, total=self.total + other.total)


class Pair(Frozen):
    """Counts of candidate and stable over the same time."""

    candidate: Counts = Counts()
    stable: Counts = Counts()

    def __add__(self, other: "Pair") -> "Pair":
        return Pair(candidate=self.candidate + other.candidate, stable=self.stable + other.stable)


def is_failure(code: int) -> bool:
    """Whether a status code counts against a revision.

    5xx does, and so does 4xx: a model that needs a column that clients do not send answers 400 to all of them. 401,
    403 and 429 say something about the caller. A source reports a refused connection or a timeout as code 0.
    """
    return not 100 <= code < 400 and code not in CLIENT_ERRORS_OF_THE_CALLER
