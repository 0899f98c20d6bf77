"""Lives of the processes that counted within a window: from where to where each one's counters can be subtracted."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from serinus.adapters.prometheus_api import PrometheusApi, Series
from serinus.adapters.prometheus_finding import PART, START_TIME, TARGET, quoted, together
from serinus.core.errors import MetricsUnavailable

MOST_LIVES: Final = 200
ON: Final = f"on ({', '.join(TARGET)})"
LIVE, EARLIER, STARTS, SEEN = "live", "earlier", "starts", "seen"

Target = tuple[str, str]
"""(job, instance)"""


@dataclass(frozen=True)
class Life:
    """One process. Its counters are read at `last`; what they said at `first`, before the window, is not of it.

    `first` is None for a process that was started within the window: its counters began at zero. Seconds since the epoch.
    """

    target: Target
    first: float | None
    last: float


@dataclass(frozen=True)
class Window:
    """(since, until] in seconds since the epoch, as Prometheus tells the time."""

    since: float
    until: float

    @property
    def range(self) -> str:
        """As a range selector's."""
        return f"[{max(1, round((self.until - self.since) * 1000))}ms]"


async def lives(api: PrometheusApi, marker: str, window: Window) -> list[Life]:
    """Of every process that showed the series `marker`, a selector; the latest first, and MOST_LIVES at most.

    Most processes live through the window or begin in it, and cost one row. Of one that was started again, has gone, or was
    not scraped when the window began, every sample of its start time is read. Raises MetricsUnavailable.
    """
    at = datetime.fromtimestamp(window.until, UTC)
    rows = (await api.ask(_overview(marker, window), at)).series
    by_part: dict[str, dict[Target, float]] = defaultdict(dict)
    for row in rows:
        by_part[row.labels[PART]][_target(row)] = row.value
    found = []
    for target in _one_of_each_instance(by_part[SEEN], by_part[LIVE]):
        if _is_whole(target, by_part, window):
            started = [(by_part[LIVE][target], [window.until])]
        else:
            started = await _starts(api, target, window, at)
        earlier = by_part[EARLIER].get(target)
        found += [Life(target, _first(began, times, earlier, window), times[-1]) for began, times in started]
    return sorted(found, key=lambda life: (-life.last, life.target))[:MOST_LIVES]


def _first(began: float, times: Sequence[float], earlier: float | None, window: Window) -> float | None:
    """When its counters said what is not of the window."""
    if began > window.since:
        return None
    return window.since if began == earlier else times[0]


def _overview(marker: str, window: Window) -> str:
    """Start times of those that answer now and those that did at the window's start; who was seen at all, and how many starts.

    Another pod at the same address is another series.
    """
    seen = f"last_over_time({marker}{window.range})"
    return together(
        {
            LIVE: f"max by ({', '.join(TARGET)}) ({START_TIME} and {ON} {marker})",
            EARLIER: f"max by ({', '.join(TARGET)}) ({START_TIME} @ {window.since:.3f} and {ON} ({marker} @ {window.since:.3f}))",
            STARTS: f"sum by ({', '.join(TARGET)}) (changes({START_TIME}{window.range}) + 1 and {ON} {seen})",
            SEEN: f"max by ({', '.join(TARGET)}) ({seen})",
        }
    )


def _is_whole(target: Target, by_part: dict[str, dict[Target, float]], window: Window) -> bool:
    live = by_part[LIVE].get(target)
    if live is None or by_part[STARTS].get(target) != 1:
        return False
    return live > window.since or by_part[EARLIER].get(target) == live


async def _starts(api: PrometheusApi, target: Target, window: Window, at: datetime) -> list[tuple[float, list[float]]]:
    """When its processes were started, each with the times at which it was scraped within the window."""
    job, instance = map(quoted, target)
    rows = (await api.ask(f"{START_TIME}{{job={job}, instance={instance}}}{window.range}", at)).series
    if not rows:
        raise MetricsUnavailable(
            f"the Prometheus at {api.url} does not know when {target[1]} was started ({START_TIME}); let it keep that"
        )
    points = sorted(point for row in rows for point in row.points)
    runs = groupby(points, key=lambda point: point[1])
    return [(began, [time for time, _ in of_one]) for began, of_one in runs]


def _one_of_each_instance(seen: Iterable[Target], live: Iterable[Target]) -> list[Target]:
    """Two jobs that scrape the same pod are one."""
    alive, chosen = set(live), dict[str, Target]()
    for job, instance in sorted(seen, key=lambda target: (target not in alive, target)):
        chosen.setdefault(instance, (job, instance))
    return list(chosen.values())


def _target(row: Series) -> Target:
    return row.labels.get("job", ""), row.labels.get("instance", "")
