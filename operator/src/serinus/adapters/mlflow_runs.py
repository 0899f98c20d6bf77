"""MLflow runs that are found again by a tag, so that whoever is cut off can do it all once more.

MLflow knows no "create unless there": between looking and creating, another attempt, or a request that the network made
repeat itself, can create a second run. So whoever created one looks again: the oldest counts, and the others are deleted.
An attempt whose run was deleted under it fails, and its retry finds the one that counts.
"""

import hashlib
import json
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from serinus.adapters.mlflow_client import CHILD_TAG, CONTENT_TAG, PART_TAG, RUN_KEY_TAG, tagged

PARENT_RUN_TAG: Final = "mlflow.parentRunId"  # how MLflow nests runs
FINISHED: Final = "FINISHED"
BATCH: Final = 100  # MLflow's limit of parameters and of tags in a request
PAGE: Final = 1000
MAX_PARAM_LENGTH: Final = 6000
MAX_TAG_LENGTH: Final = 5000


@dataclass(frozen=True)
class Content:
    """What is logged to a run. Numbers that are not finite are left out, texts cut to what MLflow keeps."""

    metrics: dict[str, float] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of all that it holds."""
        text = json.dumps([self.metrics, self.params, self.tags], sort_keys=True, default=str)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def run_of(client: Any, experiment: str, key: str, tags: dict[str, str]) -> Any:
    """The run of the pipeline run `key`, created with `tags` where there is none."""
    found = _search(client, experiment, RUN_KEY_TAG, key)
    if found:
        return found[0]
    client.create_run(experiment, tags={**_cut(tags), RUN_KEY_TAG: key}, run_name=key)
    oldest, *younger = _search(client, experiment, RUN_KEY_TAG, key)
    for run in younger:
        client.delete_run(run.info.run_id)
    return oldest


def log_content(client: Any, run_id: str, content: Content) -> None:
    """Log in as few requests as MLflow allows. A metric that was logged before gets a newer value."""
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    metrics = [Metric(_name(n), v, now, 0) for n, v in content.metrics.items() if math.isfinite(v)]
    params = [Param(_name(name), _text(value)[:MAX_PARAM_LENGTH]) for name, value in content.params.items()]
    tags = [RunTag(name, value) for name, value in _cut(content.tags).items()]
    for start in range(0, max(len(metrics), len(params), len(tags)), BATCH):
        part = slice(start, start + BATCH)
        client.log_batch(run_id, metrics=metrics[part], params=params[part], tags=tags[part])


class Children:
    """The child runs of the pipeline run `key`, each found again by its own key."""

    def __init__(self, client: Any, experiment: str, key: str) -> None:
        self._client, self._experiment, self._key = client, experiment, key
        self._known = {run.data.tags[CHILD_TAG]: run for run in reversed(self._all())}

    def log(self, child: str, name: str, parent: str, content: Content) -> str:
        """The id of the run `child` below the run `parent`; what is logged already is not logged again."""
        place = {PARENT_RUN_TAG: parent, PART_TAG: self._key, CHILD_TAG: child}
        tags = _cut({**content.tags, **place, CONTENT_TAG: content.digest})
        run = self._known.get(child)
        if run is not None and run.info.status == FINISHED and run.data.tags.items() >= tags.items():
            return str(run.info.run_id)
        if run is None:  # with its tags from the start: each kind of thing is a commit of its own, and slow on a disk
            run, tags = self._client.create_run(self._experiment, tags=tags, run_name=name), {}
        log_content(self._client, run.info.run_id, Content(content.metrics, content.params, tags))
        self._client.set_terminated(run.info.run_id)
        return str(run.info.run_id)

    def tidy(self) -> None:
        """Delete the younger of runs with one key, which attempts that overlapped have left."""
        seen = set()
        for run in self._all():
            if run.data.tags[CHILD_TAG] in seen:
                self._client.delete_run(run.info.run_id)
            seen.add(run.data.tags[CHILD_TAG])

    def _all(self) -> list[Any]:
        return _search(self._client, self._experiment, PART_TAG, self._key)


def _search(client: Any, experiment: str, tag: str, value: str) -> list[Any]:
    """The runs that have `tag` with `value`, the oldest first."""
    found = list(_pages(client, experiment, tagged(tag, value)))
    return sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))


def _pages(client: Any, experiment: str, asked: str) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_runs([experiment], asked, max_results=PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _name(name: str) -> str:
    """A name as MLflow allows it."""
    return re.sub(r"[^\w.\-/: ]", "_", name)


def _cut(tags: dict[str, str]) -> dict[str, str]:
    return {name: value[:MAX_TAG_LENGTH] for name, value in tags.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
