"""A dashboard: rows of panels laid from left to right, with its variables and links."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scripts.dashboards.panel import DATASOURCE, Json, Panel

COLUMNS = 24
SCHEMA_VERSION = 39
TAG = "serinus"


@dataclass(frozen=True)
class Row:
    """Panels under one headline."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Page:
    """A dashboard. `uid` is what links name."""

    uid: str
    title: str
    about: str
    variables: tuple[Json, ...]
    links: tuple[Json, ...]
    rows: tuple[Row, ...]
    since: str = "now-6h"

    def json(self) -> Json:
        """As Grafana reads it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.about,
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": self.since, "to": "now"},
            "timezone": "browser",
            "templating": {"list": [_datasource(), *self.variables]},
            "annotations": {"list": []},
            "links": list(self.links),
            "panels": list(_laid(self.rows)),
        }


def _laid(rows: Sequence[Row]) -> Iterator[Json]:
    place, y = 0, 0
    for row in rows:
        place += 1
        yield {
            "id": place, "type": "row", "title": row.title, "collapsed": False, "panels": [],
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        }  # fmt: skip
        x, y, tallest = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            place += 1
            yield panel.json(place, x, y)
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest


def choice(name: str, label: str, query: str) -> Json:
    """A variable whose values Prometheus knows."""
    return {
        "name": name, "label": label, "type": "query", "datasource": DATASOURCE, "definition": query,
        "query": {"query": query, "refId": name}, "refresh": 2, "sort": 1, "multi": False, "includeAll": False,
    }  # fmt: skip


def spans(name: str, label: str, values: Sequence[str], default: str) -> Json:
    """A variable that is one of some lengths of time."""
    options = [{"text": value, "value": value, "selected": value == default} for value in values]
    return {
        "name": name, "label": label, "type": "custom", "query": ",".join(values), "options": options,
        "current": {"text": default, "value": default, "selected": True}, "multi": False, "includeAll": False,
    }  # fmt: skip


def link(title: str, url: str) -> Json:
    """A link to another dashboard, which takes the time along."""
    return {"title": title, "type": "link", "url": url, "icon": "dashboard", "keepTime": True, "targetBlank": False}


def _datasource() -> Json:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1}
