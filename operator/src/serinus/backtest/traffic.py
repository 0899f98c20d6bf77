"""Who answered which row: every row of history is one request, split as the weights were when it came."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from serinus.backtest.history import History, Numbers
from serinus.backtest.versions import Answers, Version

NOBODY: Final = -1


@dataclass
class Traffic:
    """`answered_by`: per row the number of the version in `versions`, NOBODY where the replay has not come to it.

    `draws`: for each row three numbers in [0, 1) that decide who answers, whether it is compared, and how its difference
    is rounded; they are the row's, so that asking twice gives the same twice.
    """

    history: History
    answers: Answers
    seed: int
    versions: list[Version] = field(default_factory=list)
    revisions: dict[str, Version] = field(default_factory=dict)
    position: int = 0
    answered_by: NDArray[np.int16] = field(init=False)
    served: Numbers = field(init=False)
    draws: Numbers = field(init=False)
    codes: dict[str, dict[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = len(self.history)
        self.answered_by = np.full(rows, NOBODY, dtype=np.int16)
        self.served = np.full(rows, np.nan)
        self.draws = np.random.default_rng(self.seed).random((3, rows))

    def know(self, revision: str, version: Version) -> None:
        """`revision` is that of `version` from now on."""
        if revision not in self.revisions:
            self.revisions[revision] = version
            self.versions.append(version)

    def skip(self, position: int) -> None:
        """Nobody asks for the rows before `position`."""
        self.position = position

    def advance(self, position: int, weights: Mapping[str, int], mirror: Mapping[str, int]) -> None:
        """The rows up to `position` are asked for, and split by `weights` (percent by revision); `mirror` gets copies."""
        first, self.position = self.position, max(position, self.position)
        if first >= self.position or not any(weights.values()):
            return
        edges = np.cumsum([share / 100 for share in weights.values()])
        chosen = np.minimum(np.searchsorted(edges, self.draws[0, first : self.position], side="right"), len(edges) - 1)
        for number, revision in enumerate(weights):
            self._answer(revision, first, np.flatnonzero(chosen == number) + first)
        for revision, share in mirror.items():
            copied = np.flatnonzero(self.draws[1, first : self.position] < share / 100) + first
            self._count(revision, self._found(revision, first, copied))

    def _answer(self, revision: str, first: int, rows: NDArray[np.intp]) -> None:
        if not len(rows):
            return
        self.answered_by[rows] = self.versions.index(self.revisions[revision])
        self.served[rows] = self._found(revision, first, rows)
        self._count(revision, self.served[rows])

    def _found(self, revision: str, first: int, rows: NDArray[np.intp]) -> Numbers:
        return self.answers.of(self.revisions[revision], first, self.position)[rows - first]

    def _count(self, revision: str, found: Numbers) -> None:
        codes, refused = self.codes.setdefault(revision, {200: 0, 400: 0}), int(np.isnan(found).sum())
        codes[200] += len(found) - refused
        codes[400] += refused

    def rows_of(self, revision: str, first: int = 0) -> NDArray[np.intp]:
        """The rows from `first` on that `revision` has answered so far."""
        version = self.revisions.get(revision)
        if version is None:
            return np.zeros(0, dtype=np.intp)
        mine = self.answered_by[first : self.position] == self.versions.index(version)
        return np.flatnonzero(mine) + first
